# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds the largest batch that fits into memory: the work is in `efficientdet.cli.fit`."""

import sys

from efficientdet.cli.fit import main

if __name__ == "__main__":
    sys.exit(main())
