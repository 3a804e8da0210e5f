# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What an evaluation is asked for, and what comes out of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from efficientdet.evaluation.metrics import MetricSetFactory
from efficientdet.evaluation.pictures import PictureSettings
from efficientdet.types import Losses


class EvaluationSettings(NamedTuple):
    """What to compute, draw and write."""

    metric_sets: tuple[MetricSetFactory, ...]
    pictures: PictureSettings
    name: str = ""  # of the data set, in the log
    per_category: bool = False  # also the AP of each category
    regularize: bool = True  # the L2 terms count in the losses, as they do in training
    ignore_truth: bool = False  # no metrics, no losses: only what is found
    write_detections: bool = False  # COCO files of each evaluation
    write_summaries: bool = True  # TensorBoard events
    export_path: Path | None = None  # where the detections of the latest evaluation go as COCO results JSON

    @property
    def num_drawn(self) -> int:
        """How many pictures are drawn, the first of the data set."""
        is_drawn = self.write_summaries or self.pictures.export_directory is not None
        return self.pictures.num_pictures if is_drawn else 0


class Evaluation(NamedTuple):
    """The outcome of one evaluation."""

    step: int
    metrics: dict[str, float]  # name -> value in 0..1, -1 where there is nothing to measure; empty without truth
    losses: Losses | None  # floats, the mean over batches; None without truth
    images: int
    seconds: float

    def scalars(self) -> dict[str, float]:
        """The metrics and the losses by the names under which TensorBoard shows them."""
        return self.metrics | (self.losses.tags() if self.losses else {})

    def as_record(self) -> dict[str, Any]:
        """Returns the flat dictionary that becomes a line of metrics.jsonl; what is not finite is None."""
        scalars = {name: value if math.isfinite(value) else None for name, value in self.scalars().items()}
        return {"step": self.step} | scalars | {"images": self.images, "seconds": round(self.seconds, 3)}

    def as_bytes(self) -> bytes:
        """As JSON, from which `from_bytes` gives every digit back."""
        return json.dumps(self).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Evaluation:
        """From what `as_bytes` returned."""
        evaluation = cls(*json.loads(content))
        return evaluation._replace(losses=evaluation.losses and Losses(*evaluation.losses))
