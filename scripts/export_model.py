# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Exports a trained checkpoint as a SavedModel: the flags and the work are in `efficientdet.cli.export`."""

import sys

from efficientdet.cli.export import main

if __name__ == "__main__":
    sys.exit(main())
