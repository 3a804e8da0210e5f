# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Draws a small data set and does the whole job on it: the flags and the work are in `efficientdet.cli.quickstart`."""

import sys

from efficientdet.cli.quickstart import main

if __name__ == "__main__":
    sys.exit(main())
