# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One forward and backward pass that only measures: norms of gradients, units that fire, positives of each level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from efficientdet.modeling.activation_capture import capture_activations
from efficientdet.start_up import uncollected
from efficientdet.training.look import Units
from efficientdet.training.trainer import Trainer
from efficientdet.types import Targets

# A value this near to 0 is one that did not fire: exact for ReLU, and under a thousandth of what a SiLU behind a batch
# norm usually gives.
_QUIET = 1e-3
_SATURATED = 6.0  # ReLU6's upper end, behind which no gradient flows either; no other activation stays at it


class Level(NamedTuple):
    """Anchors of one feature map."""

    name: str
    anchors: int


class Figures(NamedTuple):
    """What a pass measured, over all replicas."""

    gradient_norms: np.ndarray  # float32 [V], of the trained variables
    gradients: list[np.ndarray]  # of the trained variables; empty unless they were asked for
    units: dict[str, Units]  # by place
    positives: dict[str, float]  # by level, of a picture


class _Channels(NamedTuple):
    """The channels behind one non-linearity."""

    place: str
    number: int


class NetworkPass:
    """The pass, traced once.

    Args:
      trainer: whose network, loss and latest batch are looked at.
      levels: of the anchors, in their order.
      every_gradient: whether whole gradients are given, and not their norms alone.
    """

    def __init__(self, trainer: Trainer, levels: Sequence[Level], *, every_gradient: bool) -> None:
        self._trainer = trainer
        self._levels = tuple(levels)
        self._every_gradient = every_gradient
        self._channels: list[_Channels] = []  # known once traced
        # Unless its caller forbids it, Keras converts the call of each layer with AutoGraph.
        self._compiled = tf.function(tf.autograph.experimental.do_not_convert(self._distributed_pass), autograph=False)

    def __call__(self, inputs: tf.Tensor, targets: Targets) -> Figures:
        """Measures a batch; nothing that training goes on from is changed.

        Args:
          inputs: float32 [B, H, W, 3], or one such value per replica.
          targets: of [B, A] anchors, likewise.
        """
        with uncollected():  # the first call traces
            results = self._compiled(inputs, targets)
        norms, positives, silent, firing, positions = (np.asarray(result) for result in results[:5])
        return Figures(
            gradient_norms=norms,
            gradients=[np.asarray(gradient) for gradient in results[5:]],
            units=self._units(silent, firing, positions),
            positives={level.name: float(mean) for level, mean in zip(self._levels, positives, strict=True)},
        )

    def _distributed_pass(self, inputs: tf.Tensor, targets: Targets) -> list[tf.Tensor]:
        strategy = self._trainer.strategy
        results = strategy.run(self._replica_pass, args=(inputs, targets))
        return [strategy.experimental_local_results(result)[0] for result in results]  # the same on all

    def _replica_pass(self, inputs: tf.Tensor, targets: Targets) -> list[tf.Tensor]:
        """Norms [V], positives [L], what channels do (see `_activity`), gradients."""
        with capture_activations() as captured:  # in here, where each replica has a thread of its own
            _, reached = self._trainer.replica_gradients(inputs, targets)
        gradients = [
            tf.zeros(variable.shape) if gradient is None else gradient
            for gradient, variable in zip(reached, self._trainer.rules.trained, strict=True)
        ]
        self._channels = [_Channels(place, values.shape[-1]) for place, values in captured]
        statistics = [self._positives(targets), *_activity([values for _, values in captured])]
        means = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, statistics)
        norms = tf.stack([tf.norm(gradient) for gradient in gradients])
        return [norms, *means, *(gradients if self._every_gradient else ())]

    def _positives(self, targets: Targets) -> tf.Tensor:
        """Matched anchors of a picture by level, the mean over this replica's pictures; float32 [L]."""
        matched = tf.cast(targets.box_weights > 0, tf.float32)
        levels = tf.split(matched, [level.anchors for level in self._levels], axis=1)
        return tf.stack([tf.reduce_mean(tf.reduce_sum(level, axis=1)) for level in levels])

    def _units(self, silent: np.ndarray, firing: np.ndarray, positions: np.ndarray) -> dict[str, Units]:
        """Joins the channels of each place."""
        ends = np.cumsum([channels.number for channels in self._channels])
        found: dict[str, list[tuple[np.ndarray, np.ndarray, int]]] = {}
        for channels, end, seen in zip(self._channels, ends, positions, strict=True):
            own = slice(end - channels.number, end)
            is_dead = (silent[own] == 1).any(axis=-1)  # on all replicas
            found.setdefault(channels.place, []).append((is_dead, firing[own], round(float(seen))))
        return {place: _joined(parts) for place, parts in found.items()}


def _activity(activations: Sequence[tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What the channels do, with next to no memory: a look must fit where the step did.

    Args:
      activations: [B, h, w, channels] each.

    Returns:
      Of each channel whether it is next to 0 everywhere, and whether it is saturated everywhere, float32 [U, 2]; its
      share of values in the first picture that are not next to 0, [U]; the positions of each tensor, [P].
    """
    silent, firing, positions = [tf.zeros([0, 2])], [tf.zeros([0])], [tf.zeros([0])]
    for values in activations:
        axes = list(range(values.shape.rank - 1))
        low, high = (tf.cast(end(values, axes), tf.float32) for end in (tf.reduce_min, tf.reduce_max))
        ranges = [(low > level - _QUIET) & (high < level + _QUIET) for level in (0.0, _SATURATED)]
        silent.append(tf.cast(tf.stack(ranges, axis=-1), tf.float32))
        firing.append(tf.reduce_mean(tf.cast(tf.abs(values[:1]) >= _QUIET, tf.float32), axes))
        positions.append(tf.cast(tf.reshape(tf.size(values) // values.shape[-1], [1]), tf.float32))
    return tf.concat(silent, 0), tf.concat(firing, 0), tf.concat(positions, 0)


def _joined(parts: Sequence[tuple[np.ndarray, np.ndarray, int]]) -> Units:
    is_dead, firing = (np.concatenate([part[index] for part in parts]) for index in (0, 1))
    return Units(
        number=len(is_dead),
        dead_share=float(np.mean(is_dead)),
        sparsity=float(np.mean(1 - firing)),
        least_positions=min(part[2] for part in parts),
    )
