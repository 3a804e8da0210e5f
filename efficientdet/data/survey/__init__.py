# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One pass over a data set: every picture is decoded once, everything that later checks need is kept in columns."""

from __future__ import annotations

from efficientdet.data.survey.survey import CROWD, DIFFICULT, TRUNCATED, Survey
from efficientdet.data.survey.take import take_survey

__all__ = ["CROWD", "DIFFICULT", "TRUNCATED", "Survey", "take_survey"]
