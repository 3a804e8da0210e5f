# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Prepares batches for trainings that run elsewhere; the work is in `efficientdet.cli.data_service`."""

import sys

from efficientdet.cli.data_service import main

if __name__ == "__main__":
    sys.exit(main())
