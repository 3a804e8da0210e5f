# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a child process measures: a run in small, and the memory of its largest batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from efficientdet.builders.evaluation import (
    build_categories,
    build_eval_inputs,
    build_evaluation_settings,
    max_eval_images,
)
from efficientdet.builders.input import build_label_map
from efficientdet.builders.losses import build_loss
from efficientdet.builders.trainer import require_divisible_batch
from efficientdet.config import PipelineConfig, with_seed
from efficientdet.data.checks import INPUT_ERRORS
from efficientdet.data.input_share import InputShare
from efficientdet.data.pipeline import InputPipeline
from efficientdet.doctor.machine.child import Job, Task
from efficientdet.doctor.machine.figures import (
    CheckpointFigures,
    EvaluationFigures,
    RunPlan,
    StepFigures,
    evaluation_figures,
)
from efficientdet.doctor.machine.memory import address_peak, resident_peak
from efficientdet.doctor.machine.trained_like import spread_scores
from efficientdet.evaluation.evaluator import EvaluationSettings, Evaluator
from efficientdet.experiment import Experiment
from efficientdet.training import distribution
from efficientdet.training.checkpoint_writing import Retention
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.trainer import Trainer

Progress = Callable[..., None]
"""(how far it is, seconds left where known)"""

_WARM_UP = 2  # steps after the first, in which buffers fill and tf.data finds its number of threads
_LEAST_STEPS = 5  # however long they take
_CACHED_SHARE, _READING_SHARE, _EVALUATION_SHARE = 0.3, 0.2, 0.25  # of the time for steps
_MEMORY_STEPS = 3
_SAVES = 2
_MOST_DRAWN = 10  # batches whose pictures are drawn, of an evaluation in small
_LEAST_BATCHES = 3  # more than these


def measure_run(job: Job, started: float, progress: Progress) -> dict[str, Any]:
    """Does what a training does, in small: start, steps, an evaluation, checkpoints.

    Args:
      job: with the config of the run, as a training gets it.
      started: wall-clock time at which the process was started.
      progress: is told how far it is.

    Returns:
      The fields of `RunFigures`.
    """
    progress("building the network")
    config = _endless(with_seed(job.config))
    experiment, trainer, data = _built(config, with_start_weights=True)
    start = time.time() - started
    steps = _measure_steps(trainer, data, job.seconds, progress)
    folder = Path(job.folder)
    checkpoint = _measure_checkpoint(trainer, folder / "checkpoints", progress)
    inputs = build_eval_inputs(config, experiment.preprocessor, experiment.assigner)
    evaluation = None
    if inputs:
        evaluator = _PartialEvaluator(experiment, trainer, inputs[0], folder / "eval")
        evaluation = evaluator.measure(_EVALUATION_SHARE * job.seconds, progress)
    return {
        "plan": _plan(job.config, data.num_records, [each.num_records for each in inputs]),
        "num_images": data.num_records,
        "device": distribution.devices_in_words(),
        "replicas": trainer.strategy.num_replicas_in_sync,
        "start": start,
        "steps": steps,
        "evaluation": evaluation,
        "checkpoint": checkpoint,
        "host_bytes": resident_peak(),
    }


def measure_memory(job: Job, started: float, progress: Progress) -> dict[str, Any]:
    """Does a few steps on the worst case, and tells the most that they held.

    Args:
      job: with a config as `largest.worst_case` makes it.
      started: is not looked at.
      progress: is told how far it is.

    Returns:
      The fields of `MemoryFigures`.
    """
    del started
    config = with_seed(job.config)
    batch_size = config.proto.train_config.batch_size
    progress(f"batch {batch_size}: building the network")
    _, trainer, _ = _built(config, with_start_weights=False)
    for step in range(1, _MEMORY_STEPS + 1):
        progress(f"batch {batch_size}: step {step} of {_MEMORY_STEPS}")
        trainer.train_step()
    gpus = tf.config.list_logical_devices("GPU")
    peaks = [tf.config.experimental.get_memory_info(gpu.name)["peak"] for gpu in gpus]
    return {
        "batch_size": batch_size,
        "host_bytes": resident_peak(),
        "device_bytes": max(peaks, default=0),
        "replicas": trainer.strategy.num_replicas_in_sync,
        "address_bytes": address_peak(),
    }


MEASUREMENTS: dict[Task, Callable[[Job, float, Progress], dict[str, Any]]] = {
    "run": measure_run,
    "memory": measure_memory,
}


class _SwitchedInput:
    """The input of a training, or one batch of it again and again, without reading.

    Args:
      data: the input.
    """

    def __init__(self, data: InputPipeline) -> None:
        self._data = data
        self._kept: int | None = None  # the batch that is given again and again
        self.num_records = data.num_records
        self.explain, self.exclude = data.explain, data.exclude

    def keep(self, step: int) -> None:
        """Gives only the batch of a step from now on, which is read once."""
        self._kept = step

    def train_dataset(self, start_batch: int = 0, share: InputShare = InputShare()) -> tf.data.Dataset:  # noqa: B008
        """See `InputPipeline`."""
        if self._kept is None:
            return self._data.train_dataset(start_batch, share)
        return self._data.train_dataset(self._kept, share).take(share.replicas // share.workers).cache().repeat()


def _endless(config: PipelineConfig) -> PipelineConfig:
    """A config whose data do not end while they are measured."""
    endless = config.copy()
    endless.proto.train_input_reader.num_epochs = 0
    return endless


def _built(config: PipelineConfig, *, with_start_weights: bool) -> tuple[Experiment, Trainer, _SwitchedInput]:
    """What a training builds before its first step."""
    distribution.settle_computation()
    strategy = distribution.local_strategy()
    require_divisible_batch(config, strategy.num_replicas_in_sync)
    experiment = Experiment(config)
    data = _SwitchedInput(experiment.build_train_input())
    return experiment, experiment.build_trainer(strategy, data, with_start_weights=with_start_weights), data  # type: ignore[arg-type]


def _measure_steps(trainer: Trainer, data: _SwitchedInput, seconds: float, progress: Progress) -> StepFigures:
    progress("the first step, which traces the network")
    first = _timed(trainer.train_step)
    for _ in range(_WARM_UP):
        trainer.train_step()
    times: list[float] = []
    waited: list[float] = []
    while len(times) < _LEAST_STEPS or sum(times) < seconds:
        progress(f"step {len(times) + 1}", max(seconds - sum(times), 0.0))
        times.append(_timed(trainer.train_step))
        waited.append(trainer.seconds_waited)
    progress("reading alone")
    reading = _reading_seconds(data, trainer.step, _READING_SHARE * seconds)
    data.keep(trainer.step)
    trainer.optimizer.iterations.assign_add(1)  # as after a restore: the trainer asks for its batches anew
    trainer.train_step()
    computing = _mean_of(trainer.train_step, _CACHED_SHARE * seconds, lambda: progress("steps without reading"))
    return StepFigures(first, tuple(times), tuple(waited), computing, reading)


def _reading_seconds(data: _SwitchedInput, step: int, seconds: float) -> float:
    """Of a batch, when nothing else is done. What was read ahead while the buffers filled does not count."""
    batches = iter(data.train_dataset(step))
    try:
        for _ in range(_WARM_UP):
            next(batches)
        return _mean_of(lambda: next(batches), seconds, lambda: None)
    except INPUT_ERRORS as error:
        raise data.explain(error) from error


def _measure_checkpoint(trainer: Trainer, folder: Path, progress: Progress) -> CheckpointFigures:
    progress("writing a checkpoint")
    checkpoints = TrainingCheckpoints(folder, model=trainer.model, optimizer=trainer.optimizer, retention=Retention(1))
    seconds = 0.0
    for _ in range(_SAVES):
        trainer.optimizer.iterations.assign_add(1)  # one that is there already is not written again
        seconds += _timed(checkpoints.save)
    num_bytes = sum(file.stat().st_size for file in folder.glob("ckpt-*"))
    return CheckpointFigures(seconds / _SAVES, num_bytes)


class _PartialEvaluator:
    """The evaluation of a config on the first pictures of its first reader.

    Args:
      experiment: of the config.
      trainer: whose model is evaluated; its scores are spread as those of a trained network.
      data: of the reader.
      folder: for what is written.
    """

    def __init__(self, experiment: Experiment, trainer: Trainer, data: InputPipeline, folder: Path) -> None:
        self._config = experiment.config
        self._images_of_batch = self._config.proto.eval_config.batch_size
        self._num_images = min(data.num_records, max_eval_images(self._config) or data.num_records)
        self._limit = self._images_of_batch
        try:
            inputs = next(iter(data.eval_dataset(self._images_of_batch))).inputs
        except INPUT_ERRORS as error:
            raise data.explain(error) from error
        spread_scores(trainer.model, inputs)
        self._evaluator = Evaluator(
            experiment.detector(trainer.model),
            build_loss(self._config, experiment.anchors, experiment.preprocessor.input_size),
            lambda: data.eval_dataset(max_examples=self._limit),
            build_categories(build_label_map(self._config, "eval_input_reader[0]")),
            folder,
            _inside(build_evaluation_settings(self._config), folder),
            on_input_error=lambda error, _: data.explain(error),
        )

    def measure(self, seconds: float, progress: Progress) -> EvaluationFigures:
        """Evaluates the batches whose pictures are drawn, which take longest, and then as many as the time allows."""
        progress("an evaluation, which traces the network once more")
        everything = -(-self._num_images // self._images_of_batch)
        drawn = -(-self._config.proto.eval_config.num_visualizations // self._images_of_batch)
        fewer = min(max(drawn, 1), everything, _MOST_DRAWN)
        first, few = self._evaluate(fewer), self._evaluate(fewer)
        more = min(everything, fewer + max(_LEAST_BATCHES, math.ceil(seconds * fewer / few)))
        if more > fewer:
            progress(f"an evaluation of {more} batches", few * more / fewer)
        many = self._evaluate(more) if more > fewer else few
        return evaluation_figures(first, few, many, (fewer, more))

    def _evaluate(self, batches: int) -> float:
        self._limit = min(batches * self._images_of_batch, self._num_images)
        return _timed(lambda: self._evaluator.evaluate(0))


def _inside(settings: EvaluationSettings, folder: Path) -> EvaluationSettings:
    """Settings that write nothing outside a folder."""
    pictures = settings.pictures
    if pictures.export_directory is not None:
        pictures = pictures._replace(export_directory=folder / "pictures")
    export_path = None if settings.export_path is None else folder / "detections.json"
    return settings._replace(pictures=pictures, export_path=export_path)


def _plan(config: PipelineConfig, num_images: int, eval_images: list[int]) -> RunPlan:
    """What the run will do, as `training.loop` counts it."""
    train, evaluation = config.proto.train_config, config.proto.eval_config
    num_steps = train.num_steps
    if epochs := config.proto.train_input_reader.num_epochs:
        num_steps = max(min(num_steps, epochs * num_images // train.batch_size), 1)
    most = max_eval_images(config)
    batches = [-(-min(images, most or images) // evaluation.batch_size) for images in eval_images]
    return RunPlan(
        num_steps=num_steps,
        batch_size=train.batch_size,
        checkpoint_interval=train.checkpoint_interval_steps,
        evaluation_interval=evaluation.interval_steps or train.checkpoint_interval_steps,
        eval_batches=sum(batches),
        checkpoints_kept=train.max_checkpoints_to_keep,
    )


def _timed(function: Callable[[], Any]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _mean_of(function: Callable[[], Any], seconds: float, before_each: Callable[[], None]) -> float:
    """The mean time of a function that is called until a time is over, and `_LEAST_STEPS` times at least."""
    times: list[float] = []
    while len(times) < _LEAST_STEPS or sum(times) < seconds:
        before_each()
        times.append(_timed(function))
    return sum(times) / len(times)
