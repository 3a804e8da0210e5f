# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checks and compares the records of runs: the work is in `efficientdet.cli.record`."""

import sys

from efficientdet.cli.record import main

if __name__ == "__main__":
    sys.exit(main())
