# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The training input alone: records to augmented batches, with targets or without."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import tensorflow as tf

from efficientdet.bench.figures import Sample
from efficientdet.bench.settings import Work
from efficientdet.bench.timing import Run, runs
from efficientdet.bench.yardsticks import decoding_pace
from efficientdet.builders.input import build_train_input
from efficientdet.data.pipeline import Assigner, InputPipeline
from efficientdet.experiment import Experiment
from efficientdet.training import distribution
from efficientdet.types import Targets

Progress = Callable[[str], None]

_BATCHES = 8  # of a run: single ones come in bursts
_WARM_UP = 2  # runs, in which buffers fill and tf.data finds its number of threads


def no_targets(boxes: tf.Tensor, classes: tf.Tensor, weights: tf.Tensor) -> Targets:
    """An `Assigner` that leaves the boxes as they are."""
    del boxes, classes, weights
    return Targets(tf.zeros([0], tf.int32), tf.zeros([0]), tf.zeros([0, 4]), tf.zeros([0]))


def batch_runs(data: InputPipeline, repeats: int, on_run: Callable[[int], None] | None = None) -> list[Run]:
    """Reads some batches of a training as fast as they come, again and again; times are of a run of `_BATCHES`."""
    batches = iter(data.train_dataset(0))

    def one_run() -> None:
        for _ in range(_BATCHES):
            next(batches)

    return runs(one_run, repeats, warm_up=_WARM_UP, on_run=on_run)


def measure_reading(work: Work, progress: Progress) -> Sample:
    """Images as batches with targets."""
    return _measured(work, None, progress)


def measure_reading_boxes(work: Work, progress: Progress) -> Sample:
    """Images as batches with boxes, which nothing is matched to."""
    return _measured(work, no_targets, progress)


def _measured(work: Work, assigner: Assigner | None, progress: Progress) -> Sample:
    """Seconds of an image."""
    distribution.settle_computation()
    experiment = Experiment(work.config)
    progress("decoding alone")
    encoded = [
        tf.train.Example.FromString(record).features.feature["image/encoded"].bytes_list.value[0]
        for record in tf.data.TFRecordDataset(str(work.records)).as_numpy_iterator()
    ]
    yardstick = decoding_pace(encoded, 1)
    progress("filling the buffers")
    data = build_train_input(work.config, experiment.preprocessor, assigner or experiment.assigner)
    repeats, images = work.case.repeats, _BATCHES * work.config.proto.train_config.batch_size
    done = batch_runs(data, repeats, lambda number: progress(f"run {number} of {repeats}"))
    median = statistics.median(run.seconds for run in done) / images
    more = {
        "rate, images/s": 1 / median if median else math.inf,
        "CPU, ms": 1e3 * statistics.median(run.processor for run in done) / images,
    }
    return Sample(tuple(run.seconds / images for run in done), yardstick=yardstick, more=more)
