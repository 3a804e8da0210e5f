# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Says in plain words, while a training runs, when it does not go well."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from efficientdet.evaluation.evaluator import Evaluation
from efficientdet.training import symptoms
from efficientdet.training.event_file import EventFile
from efficientdet.training.look import Look
from efficientdet.training.outcome import StepOutcome
from efficientdet.training.symptom_log import SymptomLog
from efficientdet.training.symptoms import EpochLosses, EvaluationPoint, Mean
from efficientdet.training.trainer import Trainer

_WARMUP = 10  # steps of a process in which buffers fill and graphs are traced
_WAIT_WINDOW = 50  # steps over which waiting is added up
_RECENT = 5  # steps whose median stands for now
_USUAL = 20  # steps whose median stands for a time
_NORMS = 500  # steps whose median norm is the usual one
_LEAST_EPOCH = 100  # steps whose mean loss is more than noise: shorter epochs count together
_RATE_SAMPLES = 100


class Run(NamedTuple):
    """How long a training is."""

    num_steps: int
    batch_size: int  # pictures of a step, over all replicas
    num_records: int  # of an epoch

    @property
    def epoch_steps(self) -> float:
        """Steps of an epoch, or of as many as make 100 steps."""
        return max(self.num_records / self.batch_size, _LEAST_EPOCH)


class Health:
    """An Observer that says what does not look right: one line per symptom.

    What it judges by are the steps of this process; a run that goes on from a checkpoint is not asked whether its loss
    still falls.

    Args:
      path: of `health.jsonl`, which is made with the first symptom.
      run: the training.
      events: for TensorBoard; None writes nothing there.
      count_shared: returns (records of the evaluation data that are training records too, all its records); called
        once, after the first evaluation.
    """

    def __init__(
        self,
        path: Path,
        run: Run,
        *,
        events: EventFile | None = None,
        count_shared: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        self._log = SymptomLog(path, events)
        self._run = run
        self._count_shared = count_shared
        self._rates: _Rates | None = None  # known with the first step
        self._remarks: Sequence[str] = ()
        self._waiting: list[StepOutcome] = []
        self._waits_from = 0  # the step before it
        self._inputs_started = 0
        self._losses: deque[float] = deque(maxlen=_USUAL)
        self._lowest: float | None = None  # median of losses
        self._norms: deque[float] = deque(maxlen=_NORMS)
        self._epoch: list[tuple[float, float]] | None = None  # losses of boxes, of classes; None in a run that goes on
        self._epochs: list[EpochLosses] = []
        self._update_ratio: float | None = None
        self._since_evaluation: list[float] = []
        self._points: list[EvaluationPoint] = []

    def on_step(self, trainer: Trainer, outcome: StepOutcome) -> None:
        """Judges the losses, the norm of all gradients, and the waiting."""
        if self._rates is None:
            self._rates, self._remarks = _Rates(trainer, self._run.num_steps), trainer.rules.lines()
            self._waits_from = outcome.step - 1 + _WARMUP
            self._epoch = [] if outcome.step == 1 else None
        elif self._inputs_started != trainer.inputs_started:
            self._waits_from = max(self._waits_from, outcome.step)  # its buffers are filled again
        self._inputs_started = trainer.inputs_started
        self._judge_loss(outcome)
        self._judge_gradients(outcome)
        self._judge_progress(outcome)
        self._judge_waiting(outcome)

    def on_look(self, look: Look) -> None:
        """Judges a look into the network."""
        self._update_ratio = look.update_ratio
        peak = look.learning_rate if self._rates is None else self._rates.peak
        self._log.judge(look.step, "weights_not_moving", symptoms.weights_not_moving(look, peak))
        self._log.judge(look.step, "updates_too_large", symptoms.updates_too_large(look))
        self._log.judge(look.step, "units_dying", symptoms.units_dying(look.units))

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Judges the course of the evaluations so far, and whether they are on pictures of the training."""
        if evaluation.losses is None or not self._since_evaluation:
            return
        name, metric = next(iter(evaluation.metrics.items()), ("", None))
        validation = float(evaluation.losses.localization + evaluation.losses.classification)
        training = statistics.fmean(self._since_evaluation)
        point = EvaluationPoint(evaluation.step, validation, training, metric, name)
        self._since_evaluation.clear()
        self._points.append(point)
        self._log.judge(evaluation.step, "validation_diverging", symptoms.validation_diverging(self._points))
        if self._count_shared is not None:
            shared = symptoms.evaluation_data_seen(*self._count_shared(), point)
            self._log.judge(evaluation.step, "evaluation_data_seen", shared)
            self._count_shared = None

    def close(self) -> None:
        """Does nothing: each line is written when it is said."""

    def _judge_loss(self, outcome: StepOutcome) -> None:
        self._losses.append(float(outcome.losses.total))
        if len(self._losses) == _USUAL or self._lowest is None:
            usual = statistics.median(self._losses)
            # The first step's is that of a network which knows nothing yet.
            self._lowest = usual if self._lowest is None else min(self._lowest, usual)
        if len(self._losses) > _RECENT:
            recent = statistics.median(list(self._losses)[-_RECENT:])
            self._log.judge(outcome.step, "loss_rising", symptoms.loss_rising(recent, self._lowest))

    def _judge_gradients(self, outcome: StepOutcome) -> None:
        if outcome.gradient_norm is None or not math.isfinite(outcome.gradient_norm):
            return  # of float16, whose scale follows
        self._norms.append(outcome.gradient_norm)
        if len(self._norms) >= _USUAL and outcome.step % _RECENT == 0:
            *before, a, b, c, d, e = self._norms
            recent, usual = statistics.median((a, b, c, d, e)), statistics.median(before)
            self._log.judge(outcome.step, "gradients_exploding", symptoms.gradients_exploding(recent, usual))

    def _judge_progress(self, outcome: StepOutcome) -> None:
        boxes, classes = float(outcome.losses.localization), float(outcome.losses.classification)
        self._since_evaluation.append(boxes + classes)
        if self._epoch is None or self._rates is None or not self._rates.are_to_progress(outcome.step):
            return
        self._epoch.append((boxes, classes))
        if len(self._epoch) >= self._run.epoch_steps:
            boxes_each, classes_each = zip(*self._epoch, strict=True)
            both = [sum(step) for step in self._epoch]
            self._epochs.append(EpochLosses(_mean(both), _mean(boxes_each), _mean(classes_each)))
            self._epoch.clear()
            flat = symptoms.loss_flat(self._epochs, self._update_ratio, self._remarks)
            self._log.judge(outcome.step, "loss_flat", flat)

    def _judge_waiting(self, outcome: StepOutcome) -> None:
        if outcome.step <= self._waits_from:
            return
        self._waiting.append(outcome)
        if len(self._waiting) == _WAIT_WINDOW:
            starving = symptoms.input_starving(
                sum(step.seconds_waited for step in self._waiting),
                sum(step.seconds for step in self._waiting),
                steps=_WAIT_WINDOW,
                first_step=self._waiting[0].step,
            )
            self._log.judge(outcome.step, "input_starving", starving)
            self._waiting.clear()


class _Rates:
    """The course of a schedule, from samples: to ask it in each step would take time of each step."""

    def __init__(self, trainer: Trainer, num_steps: int) -> None:
        self._distance = max(num_steps - 1, 1) / (_RATE_SAMPLES - 1)
        steps = [round(number * self._distance) for number in range(_RATE_SAMPLES)]
        self._sampled = [float(trainer.optimizer.learning_rate(step)) for step in steps]
        self.peak = max(self._sampled)
        self._warm_from = steps[self._sampled.index(self.peak)]

    def are_to_progress(self, step: int) -> bool:
        """Whether the rate of an update has been at its highest, and is not yet next to nothing."""
        nearest = min(round((step - 1) / self._distance), _RATE_SAMPLES - 1)
        return step > self._warm_from and self._sampled[nearest] >= symptoms.JUDGED_RATE * self.peak


def _mean(losses: Sequence[float]) -> Mean:
    error = statistics.stdev(losses) / math.sqrt(len(losses)) if len(losses) > 1 else 0.0
    return Mean(statistics.fmean(losses), error)
