# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Weights of any origin: files are opened, their layout is recognised, and what they hold is put into a model."""
