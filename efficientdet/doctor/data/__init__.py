# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The data check: what in a data set will ruin a run, before it is started. No TensorFlow."""

from __future__ import annotations

from efficientdet.doctor.data.config_check import check_data
from efficientdet.doctor.data.limits import InputLimits, limits_of
from efficientdet.doctor.data.survey_check import check_survey

__all__ = ["InputLimits", "check_data", "check_survey", "limits_of"]
