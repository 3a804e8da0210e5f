# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds a learning rate for a config: the work is in `efficientdet.cli.lr_find`."""

import sys

from efficientdet.cli.lr_find import main

if __name__ == "__main__":
    sys.exit(main())
