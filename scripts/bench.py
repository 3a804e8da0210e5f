# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Measures speed and memory on this machine: the flags and the work are in `efficientdet.cli.bench`."""

import sys

from efficientdet.cli.bench import main

if __name__ == "__main__":
    sys.exit(main())
