# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Compares settings of a config in short runs: the work is in `efficientdet.cli.tune`."""

import sys

from efficientdet.cli.tune import main

if __name__ == "__main__":
    sys.exit(main())
