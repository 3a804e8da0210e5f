# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The schema of pipeline configs and label maps, and the modules generated from it (see README.md beside this file)."""
