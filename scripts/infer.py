# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Runs a detector on pictures: the flags and the work are in `efficientdet.cli.infer`."""

import sys

from efficientdet.cli.infer import main

if __name__ == "__main__":
    sys.exit(main())
