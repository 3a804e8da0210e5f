# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Readers of other people's annotation formats, and the writer that turns what they read into TFRecords."""
