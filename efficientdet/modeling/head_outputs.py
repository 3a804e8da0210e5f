# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What box and class heads of all kinds do with their features and with their outputs."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from efficientdet.modeling import layers
from efficientdet.ops.box_coder import CODE_SIZE
from efficientdet.types import Predictions

_DROPOUT = 1  # sets its draws apart from those that others make of the same seed


def flat_predictions(
    class_maps: Sequence[tf.Tensor],
    box_maps: Sequence[tf.Tensor],
    *,
    num_slots: int,
    box_code_clip: tuple[float, float] | None,
) -> Predictions:
    """Lays the outputs of all levels out one after the other.

    Args:
      class_maps: one [B, H_l, W_l, anchors_l * S] per level, of any floating-point type.
      box_maps: one [B, H_l, W_l, anchors_l * 4] per level, likewise.
      num_slots: S.
      box_code_clip: (min, max) that box codes are clipped to.

    Returns:
      class_logits float32 [B, A, S] and box_codes float32 [B, A, 4]: level, then row, column, anchor of the cell.
    """
    box_codes = _flatten(box_maps, CODE_SIZE)
    if box_code_clip is not None:
        box_codes = tf.clip_by_value(box_codes, *box_code_clip)
    return Predictions(_flatten(class_maps, num_slots), box_codes)


def drop_features(maps: Sequence[tf.Tensor], rate: float, seed: tf.Tensor | None) -> list[tf.Tensor]:
    """Drops single values of each feature map at random, differently on each level.

    Args:
      maps: [B, H_l, W_l, channels] each.
      rate: the probability of a value to become 0; the others are scaled up.
      seed: int32 [2].

    Returns:
      The same shapes.

    Raises:
      ValueError: if there is no seed.
    """
    if seed is None:
        raise ValueError("training with dropout needs a seed: model(inputs, training=True, seed=int32 [2])")
    seed = tf.random.experimental.stateless_fold_in(seed, _DROPOUT)
    fold_in = tf.random.experimental.stateless_fold_in
    return [layers.dropout(x, rate, fold_in(seed, level)) for level, x in enumerate(maps)]


def _flatten(maps: Sequence[tf.Tensor], depth: int) -> tf.Tensor:
    """One [B, H_l, W_l, anchors * depth] per level -> float32 [B, A, depth]."""
    flat = tf.concat([tf.reshape(x, [tf.shape(x)[0], -1, depth]) for x in maps], axis=1)
    return tf.cast(flat, tf.float32)
