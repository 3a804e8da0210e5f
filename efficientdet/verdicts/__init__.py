# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The verdict on each field of a pipeline config: honoured, translated or refused.

One line per field of every message that can be reached through fields that are not refused; behind a refused field
there is nothing to decide.
"""

from __future__ import annotations

from efficientdet.verdicts.augmentation import AUGMENTATION
from efficientdet.verdicts.detection import DETECTION
from efficientdet.verdicts.kinds import VerdictTable
from efficientdet.verdicts.model import MODEL
from efficientdet.verdicts.run import RUN

VERDICTS: VerdictTable = {**MODEL, **DETECTION, **RUN, **AUGMENTATION}
"""Message name, without the package -> field name -> verdict."""

OPTIONAL_CHOICES = frozenset({"Hyperparams.normalizer_oneof", "SsdFeatureExtractor.feature_pyramid_oneof"})
"""`Message.oneof` of which no member need be set: there are networks without normalisation, and without a pyramid."""
