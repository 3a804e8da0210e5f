# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Looks into the network while it trains: gradients, updates, weights, activations and positives, now and then.

A look computes the forward and the backward pass of the latest step's batch once more, at the weights that the step
left, in a graph of its own: the training step itself has nothing added to it, and the training stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from efficientdet.evaluation.evaluator import Evaluation
from efficientdet.training.event_file import EventFile
from efficientdet.training.histogram import write_histogram
from efficientdet.training.look import Look
from efficientdet.training.network_pass import Level, NetworkPass
from efficientdet.training.outcome import StepOutcome
from efficientdet.training.trainer import Trainer
from efficientdet.training.variable_rules import trainable_by_path
from efficientdet.weights.variables import variables_by_path

_LEAST_VARIANCE = 1e-8  # a hundred thousandth of what is added to variances: of a dead unit, like any smaller one

Values = Mapping[str, np.ndarray]  # by the paths of variables


class Diagnostics:
    """An Observer that looks into the network after every step whose number is a multiple of `interval`.

    Args:
      interval: steps.
      block_of: path of a variable -> the block that it counts in.
      levels: of the anchors, in their order.
      every_gradient: also the norm and a histogram of each variable's gradient, under TFOD's tags.
      events: where to; None writes nothing, as all workers but the chief do.
      on_look: is told of each look.
    """

    def __init__(
        self,
        interval: int,
        *,
        block_of: Callable[[str], str],
        levels: Sequence[Level],
        every_gradient: bool = False,
        events: EventFile | None = None,
        on_look: Callable[[Look], None] | None = None,
    ) -> None:
        self._interval = interval
        self._block_of = block_of
        self._levels = levels
        self._every_gradient = every_gradient
        self._events = events
        self._on_look = on_look
        self._pass: NetworkPass | None = None
        self._before: tuple[int, Values] | None = None  # (step, what the trained weights were after it)

    def on_step(self, trainer: Trainer, outcome: StepOutcome) -> None:
        """Looks, if it is time to; remembers the weights, if it will be after the next step."""
        if outcome.step % self._interval == 0:
            self._look(trainer, outcome)
        is_next = (outcome.step + 1) % self._interval == 0
        self._before = (outcome.step, _trained(trainer)) if is_next and not outcome.is_last else None

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Writes out what is buffered."""
        if self._events is not None:
            self._events.close()

    def _look(self, trainer: Trainer, outcome: StepOutcome) -> None:
        step, batch = outcome.step, trainer.last_global_batch
        if batch is None:
            return
        if self._pass is None:
            self._pass = NetworkPass(trainer, self._levels, every_gradient=self._every_gradient)
        figures = self._pass(batch.inputs, batch.targets)  # all replicas take part in it
        if self._events is None and self._on_look is None:
            return
        weights = _trained(trainer)
        # A step whose gradients overflow in float16 is left out on purpose, and tells nothing of updates.
        was_updated = outcome.gradient_norm is None or math.isfinite(outcome.gradient_norm)
        before = self._before[1] if was_updated and self._before and self._before[0] == step - 1 else {}
        look = Look(
            step=step,
            learning_rate=trainer.learning_rate,
            gradient_norms=_by_block(dict(zip(weights, figures.gradient_norms, strict=True)), self._block_of),
            update_ratio=_update_ratios(before, weights, lambda path: "all").get("all"),
            block_update_ratios=_update_ratios(before, weights, self._block_of),
            units=figures.units,
            positives=figures.positives,
        )
        if self._events is not None:
            with self._events.at(step):
                _summarize(look)
                _summarize_variables(trainer, self._block_of)
                _summarize_gradients(dict(zip(weights, figures.gradients, strict=False)))
        if self._on_look is not None:
            self._on_look(look)


def _trained(trainer: Trainer) -> Values:
    """The trained weights, by path, in their order."""
    trained = {variable.ref() for variable in trainer.rules.trained}
    paths = trainable_by_path(trainer.model).items()
    return {path: _local_value(trainer, variable) for path, variable in paths if variable.ref() in trained}


def _local_value(trainer: Trainer, variable: tf.Variable) -> np.ndarray:
    """The first replica's value: to read one that stands for all would take all workers, and only the chief asks."""
    return trainer.strategy.experimental_local_results(variable)[0].numpy()


def _by_block(norms: Mapping[str, float], block_of: Callable[[str], str]) -> dict[str, float]:
    """The norms of blocks from those of variables."""
    squares: dict[str, float] = {}
    for path, norm in norms.items():
        squares[block_of(path)] = squares.get(block_of(path), 0.0) + float(norm) ** 2
    return {block: square**0.5 for block, square in squares.items()}


def _update_ratios(before: Values, after: Values, block_of: Callable[[str], str]) -> dict[str, float]:
    """Norm of the change / norm before, by block; blocks that were all zeros are left out."""
    sizes = _by_block({path: float(np.linalg.norm(values)) for path, values in before.items()}, block_of)
    changes = {path: float(np.linalg.norm(after[path] - values)) for path, values in before.items()}
    return {block: change / sizes[block] for block, change in _by_block(changes, block_of).items() if sizes[block]}


def _summarize(look: Look) -> None:
    scalars = {f"gradients/{block}": norm for block, norm in look.gradient_norms.items()}
    scalars |= {f"updates/{block}": ratio for block, ratio in look.block_update_ratios.items()}
    if look.update_ratio is not None:
        scalars["updates/all weights"] = look.update_ratio
    for place, units in look.units.items():
        scalars[f"activations/dead_share/{place}"] = units.dead_share
        scalars[f"activations/sparsity/{place}"] = units.sparsity
    scalars |= {f"input/positives/{level}": mean for level, mean in look.positives.items()}
    scalars["input/positives/all"] = sum(look.positives.values())
    for tag, value in scalars.items():
        tf.summary.scalar(tag, value)


def _summarize_variables(trainer: Trainer, block_of: Callable[[str], str]) -> None:
    """Histograms of each block: kernels, scales of normalisations, and the logarithms of their moving variances."""
    groups: dict[str, list[np.ndarray]] = {}
    for path, variable in variables_by_path(trainer.model).items():
        name = path.rpartition("/")[2]
        if "kernel" in name:
            group = "weights"
        elif name == "gamma":
            group = "batch_norm_gamma"
        elif name == "moving_variance":
            group = "batch_norm_log10_variance"
        else:
            continue
        groups.setdefault(f"{group}/{block_of(path)}", []).append(_local_value(trainer, variable).ravel())
    for tag, parts in groups.items():
        values = np.concatenate(parts)
        if tag.startswith("batch_norm_log10"):
            values = np.log10(np.maximum(values, _LEAST_VARIANCE))
        write_histogram(tag, values)


def _summarize_gradients(gradients: Values) -> None:
    """Under the tags that TFOD's `summarize_gradients` has: of each variable, by its path."""
    for path, gradient in gradients.items():
        tf.summary.scalar(f"gradient_norm/{path}", np.linalg.norm(gradient))
        write_histogram(f"gradients/{path}", gradient)
