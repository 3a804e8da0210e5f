# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The network of a single-stage detector: backbone, feature pyramid where it has one, heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf
import tf_keras as keras

from efficientdet.types import Predictions


class Backbone(Protocol):
    """Extracts feature maps: `(images [B, H, W, 3], training, seed) -> maps`, finest first."""

    variant: str  # its name: "b0", "lite0", "vgg16"
    recompute_stride: float  # layers up to this stride are computed again in the backward pass; 0 for none

    def __call__(self, images: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None) -> Sequence[tf.Tensor]:
        """Returns one [B, H_l, W_l, channels] per level, in the type that is computed in."""


class Heads(Protocol):
    """Predicts from feature maps."""

    recompute: bool  # whether their layers are computed again in the backward pass

    def __call__(self, maps: Sequence[tf.Tensor], training: bool = False, seed: tf.Tensor | None = None) -> Predictions:
        """Predicts for all anchors.

        Args:
          maps: one [B, H_l, W_l, channels_l] per level, finest first, in the type that is computed in.
          training: whether batch norms use the batch's statistics, and features are dropped.
          seed: int32 [2], of dropout; needed for training with it.

        Returns:
          class_logits float32 [B, A, S] and box_codes float32 [B, A, 4]: level, then row, column, anchor of the cell.

        Raises:
          ValueError: if a seed is needed and missing.
        """


class DetectionModel(keras.Model):
    """The network: it predicts, and decides nothing. All variables exist once it is constructed.

    `losses` holds the regularisation terms, so that `regularization_loss` is TFOD's. Checkpoint paths are attribute
    paths: `backbone/blocks/3/expand/kernel`, `fpn/nodes/0/fusion/weights`, `heads/classes/norms/0/1/gamma`.
    """

    def __init__(
        self, backbone: Backbone, fpn: keras.layers.Layer | None, heads: Heads, name: str = "detector"
    ) -> None:
        """Joins the parts; without a pyramid the heads read the backbone's own maps."""
        super().__init__(name=name)
        self.backbone = backbone
        self.fpn = fpn
        self.heads = heads
        self.built = True

    @tf.autograph.experimental.do_not_convert  # nothing here depends on a tensor's value; conversion only costs time
    def call(self, inputs: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None) -> Predictions:
        """Predicts for every anchor.

        Args:
          inputs: float32 [B, H, W, 3], normalised and padded.
          training: batch statistics, stochastic depth and dropout if true. A Python bool.
          seed: int32 [2], of stochastic depth and dropout; needed for training with either.

        Returns:
          class_logits float32 [B, A, S] and box_codes float32 [B, A, 4].

        Raises:
          ValueError: if a seed is needed and missing.
        """
        maps = self.backbone(inputs, training=training, seed=seed)
        if self.fpn is not None:
            maps = self.fpn(maps, training=training)
        return self.heads(maps, training=training, seed=seed)

    def regularization_loss(self) -> tf.Tensor:
        """The sum of all regularisation terms, float32 []."""
        terms = self.losses
        return tf.add_n(terms) if terms else tf.zeros([])
