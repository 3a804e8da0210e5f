# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Trains and evaluates EfficientDet from a pipeline config: the flags and the work are in `efficientdet.cli.train`."""

import sys

from efficientdet.cli.train import main

if __name__ == "__main__":
    sys.exit(main())
