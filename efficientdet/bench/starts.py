# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What comes before the usual: a start to the end of the first step, and the first evaluation."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from efficientdet.bench.figures import Sample
from efficientdet.bench.settings import LEAST_STEPS, Work
from efficientdet.bench.timing import seconds_since_start, timed
from efficientdet.config import validate
from efficientdet.start_up import quick_imports

if TYPE_CHECKING:
    from efficientdet.evaluation.evaluation import Evaluation
    from efficientdet.training.outcome import StepOutcome
    from efficientdet.training.trainer import Trainer

Progress = Callable[[str], None]


class _EnoughSeenError(BaseException):
    """Ends a training from inside. No Exception, because an observer that fails is dropped and training goes on."""


class _FirstSteps:
    """Notes when the first steps are done, and ends the training then."""

    def __init__(self) -> None:
        self.end = 0.0  # of the first step, in seconds since the process has started
        self.seconds: list[float] = []  # of each step
        self.processor = 0.0  # seconds of all cores, until then
        self.waited = 0.0  # of the first step, for its batch

    def on_step(self, trainer: Trainer, outcome: StepOutcome) -> None:
        """See `Observer`."""
        del trainer
        if not self.seconds:
            self.end, self.processor = seconds_since_start(), time.process_time()
            self.waited = outcome.seconds_waited
        self.seconds.append(outcome.seconds)
        if len(self.seconds) == LEAST_STEPS:
            raise _EnoughSeenError

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """See `Observer`."""

    def close(self) -> None:
        """See `Observer`."""


def measure_start(work: Work, progress: Progress) -> Sample:
    """Process start to the end of the first step of an `efficientdet train`: this process is young.

    Not in it: the command line, and the advice on the recipe that `train` gives before it imports TensorFlow.
    """
    progress("importing")
    validate(work.config, for_="train")
    with quick_imports():
        from efficientdet.experiment import Experiment

    imported = seconds_since_start()
    progress("training")
    first = _FirstSteps()
    with tempfile.TemporaryDirectory(dir=work.folder) as model_dir, contextlib.suppress(_EnoughSeenError):
        Experiment(work.config, model_dir=model_dir).train(observers=[first])
    from efficientdet.bench.yardsticks import python_pace

    usual = min(first.seconds[1:])
    more = {
        "imports, s": imported,
        "building, s": first.end - first.seconds[0] - imported,
        "waiting for the first batch, s": first.waited,
        "tracing and optimising, s": first.seconds[0] - first.waited - usual,
        "a usual step, s": usual,
        "CPU, s": first.processor,
    }
    return Sample((first.end,), yardstick=python_pace(), more=more)


def measure_first_evaluation(work: Work, progress: Progress) -> Sample:
    """An evaluation of one batch after some steps of training, and the same once more."""
    import tensorflow as tf

    from efficientdet.bench.steps import built_trainer
    from efficientdet.bench.yardsticks import python_pace
    from efficientdet.doctor.machine.trained_like import spread_scores
    from efficientdet.experiment import Experiment

    config = work.config.copy()
    config.proto.eval_config.num_examples = config.proto.eval_config.batch_size
    progress("training")
    trainer = built_trainer(config)
    for _ in range(LEAST_STEPS):
        trainer.train_step()
    with tempfile.TemporaryDirectory(dir=work.folder) as model_dir:
        experiment = Experiment(config, model_dir=model_dir)
        height, width = experiment.preprocessor.input_size
        spread_scores(trainer.model, tf.random.stateless_normal([1, height, width, 3], [3, 4]))
        evaluate = experiment.evaluation(experiment.detector(trainer.model))
        progress("the first evaluation")
        first = timed(lambda: evaluate(1))
        progress("the second evaluation")
        second = timed(lambda: evaluate(2))
    more = {"the second, s": second.seconds, "CPU, s": first.processor}
    return Sample((first.seconds,), yardstick=python_pace(), more=more)
