# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Draws training pictures before and after augmentation; the work is in `efficientdet.cli.show_augmentation`."""

import sys

from efficientdet.cli.show_augmentation import main

if __name__ == "__main__":
    sys.exit(main())
