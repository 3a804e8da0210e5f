# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Looks for what will ruin a run before it starts: the work is in `efficientdet.cli.doctor`."""

import sys

from efficientdet.cli.doctor import main

if __name__ == "__main__":
    sys.exit(main())
