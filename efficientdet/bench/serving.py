# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Exports, and the inference of an exported model: a picture to boxes, scores and classes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from efficientdet.bench.figures import Sample
from efficientdet.bench.flops import forward_flops
from efficientdet.bench.settings import Work
from efficientdet.bench.timing import paired, runs
from efficientdet.bench.trained_like import trained_like_detector
from efficientdet.bench.yardsticks import GemmPace, python_pace
from efficientdet.detector import Detector
from efficientdet.experiment import Experiment
from efficientdet.export.saved_model import export_saved_model

Progress = Callable[[str], None]

_PICTURE = (480, 640, 3)
_OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes")


def measure_serving(work: Work, progress: Progress) -> Sample:
    """Calls of the `detect` signature, from an array of uint8 to arrays of detections; the twin is not folded."""
    pace = GemmPace()
    progress("exporting")
    experiment = Experiment(work.config)
    detector = trained_like_detector(experiment)
    batch_size, repeats = work.case.batch_size, work.case.repeats
    folded = detect_run(_exported(detector, work.folder / "folded"), batch_size)
    plain = detect_run(_exported(detector, work.folder / "plain", fold_batch_norms=False), batch_size)
    done, others = paired(folded, plain, repeats, on_run=lambda number: progress(f"pair {number} of {repeats}"))
    height, width = experiment.preprocessor.input_size
    median = statistics.median(run.seconds for run in done)
    more = {
        "rate, images/s": batch_size / median if median else math.inf,
        "CPU, s": statistics.median(run.processor for run in done),
        "not folded, s": statistics.median(run.seconds for run in others),
    }
    return Sample(
        tuple(run.seconds for run in done),
        plain=tuple(run.seconds for run in others),
        yardstick=pace.yardstick(float(forward_flops(detector.model, (batch_size, height, width, 3)))),
        more=more,
    )


def measure_export(work: Work, progress: Progress) -> Sample:
    """Exports of a model that is there already."""
    progress("building the network")
    detector = trained_like_detector(Experiment(work.config))
    repeats = work.case.repeats
    done = runs(
        lambda: _exported(detector, work.folder / "export"),
        repeats,
        warm_up=0,
        on_run=lambda number: progress(f"export {number} of {repeats}"),
    )
    return Sample(
        tuple(run.seconds for run in done),
        yardstick=python_pace(),
        more={"CPU, s": statistics.median(run.processor for run in done)},
    )


def detect_run(saved_model: Path, batch_size: int) -> Callable[[], Any]:
    """A call of a SavedModel's `detect` signature with pictures of noise, to the end of its outputs."""
    detect = tf.saved_model.load(str(saved_model)).signatures["detect"]
    pictures = np.random.default_rng(0).integers(0, 256, (batch_size, *_PICTURE), np.uint8)

    def run() -> list[np.ndarray]:
        found = detect(images=tf.constant(pictures))
        return [found[name].numpy() for name in _OUTPUTS]

    return run


def _exported(detector: Detector, folder: Path, *, fold_batch_norms: bool = True) -> Path:
    return export_saved_model(detector, folder, fold_batch_norms=fold_batch_norms)
