# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Training steps: alone, as a training does them, and against those of a plain twin."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import tensorflow as tf

from efficientdet import process_memory
from efficientdet.bench.figures import Sample
from efficientdet.bench.flops import training_flops
from efficientdet.bench.settings import Work
from efficientdet.bench.timing import WARM_UP, Run, paired, runs
from efficientdet.bench.yardsticks import GemmPace
from efficientdet.config import PipelineConfig
from efficientdet.data.checks import RecordFault
from efficientdet.data.input_share import InputShare
from efficientdet.data.pipeline import InputPipeline
from efficientdet.experiment import Experiment
from efficientdet.training import distribution
from efficientdet.training.trainer import Trainer

Progress = Callable[[str], None]


class KeptBatch:
    """The input of a training that gives its first batch again and again: a step then waits for nothing.

    Args:
      data: the input.
    """

    def __init__(self, data: InputPipeline) -> None:
        self._data = data

    def train_dataset(self, start_batch: int = 0, share: InputShare = InputShare()) -> tf.data.Dataset:  # noqa: B008
        """See `InputPipeline`."""
        del start_batch
        return self._data.train_dataset(0, share).take(1).cache().repeat()

    def exclude(self, error: Exception, batch_number: int) -> Exception | None:
        """See `InputPipeline`."""
        return self._data.exclude(error, batch_number)

    @property
    def excluded(self) -> Sequence[RecordFault]:
        """See `InputPipeline`."""
        return self._data.excluded


def built_trainer(config: PipelineConfig, *, keeps_batch: bool = False) -> Trainer:
    """A trainer as a training on this machine builds it, with fresh weights.

    Args:
      config: resolved, with a seed.
      keeps_batch: see `KeptBatch`.
    """
    distribution.settle_computation()
    experiment = Experiment(config)
    data = experiment.build_train_input()
    given = KeptBatch(data) if keeps_batch else data
    return experiment.build_trainer(tf.distribute.get_strategy(), given)  # type: ignore[arg-type]


def measure_step(work: Work, progress: Progress) -> Sample:
    """A training step, its input included."""
    pace = GemmPace()
    progress("building the network")
    trainer = built_trainer(work.config)
    progress("the first step, which traces the network")
    for _ in range(WARM_UP):
        trainer.train_step()
    waited: list[float] = []

    def one() -> None:
        trainer.train_step()
        waited.append(trainer.seconds_waited)

    repeats = work.case.repeats
    done = runs(one, repeats, warm_up=0, on_run=lambda number: progress(f"step {number} of {repeats}"))
    peak = process_memory.of_this_process("VmHWM")
    more = {"CPU, s": _median_processor(done), "waiting for input, s": statistics.median(waited)}
    return Sample(
        tuple(run.seconds for run in done),
        peak_memory=peak,
        yardstick=pace.yardstick(_flops_of_step(trainer)),
        more=more,
    )


def measure_paired_steps(work: Work, progress: Progress) -> Sample:
    """Steps of two builds in turns, each on a batch that is there already."""
    pace = GemmPace()
    progress("building both networks")
    trainers = [built_trainer(config, keeps_batch=True) for config in (work.config, work.plain)]
    progress("the first steps, which trace both networks")
    repeats = work.case.repeats
    fast, plain = paired(
        trainers[0].train_step,
        trainers[1].train_step,
        repeats,
        on_run=lambda number: progress(f"pair {number} of {repeats}"),
    )
    more = {
        "plain, s": statistics.median(run.seconds for run in plain),
        "CPU, s": _median_processor(fast),
        "CPU of plain, s": _median_processor(plain),
        "CPU to plain": statistics.median(
            one.processor / other.processor for one, other in zip(fast, plain, strict=True)
        ),
    }
    return Sample(
        tuple(run.seconds for run in fast),
        plain=tuple(run.seconds for run in plain),
        yardstick=pace.yardstick(_flops_of_step(trainers[0])),
        more=more,
    )


def _median_processor(done: Sequence[Run]) -> float:
    return statistics.median(run.processor for run in done)


def _flops_of_step(trainer: Trainer) -> float:
    batch = trainer.last_batch
    return 0.0 if batch is None else float(training_flops(trainer.model, tuple(batch.inputs.shape)))
