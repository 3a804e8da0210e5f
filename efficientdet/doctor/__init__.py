# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds what will ruin a run before it starts: in the data, in the recipe, on the machine."""
