# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Converts annotations into TFRecords: the flags and the work are in `efficientdet.cli.create_tfrecord`."""

import sys

from efficientdet.cli.create_tfrecord import main

if __name__ == "__main__":
    sys.exit(main())
