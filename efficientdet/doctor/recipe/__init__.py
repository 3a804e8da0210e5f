# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What in a config will cost precision, told by the published recipe of its model."""

from __future__ import annotations

from efficientdet.doctor.recipe.check import check_recipe as check_recipe
