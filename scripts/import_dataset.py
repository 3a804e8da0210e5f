# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Imports a data set of any common format: the flags and the work are in `efficientdet.cli.import_dataset`."""

import sys

from efficientdet.cli.import_dataset import main

if __name__ == "__main__":
    sys.exit(main())
