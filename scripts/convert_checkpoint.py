# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Converts weights of any origin into a checkpoint: the flags are in `efficientdet.cli.convert_checkpoint`."""

import sys

from efficientdet.cli.convert_checkpoint import main

if __name__ == "__main__":
    sys.exit(main())
