# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""EfficientDet: backbone, feature pyramid, heads.

Reference: Tan et al. 2020, EfficientDet: Scalable and Efficient Object Detection (arXiv:1911.09070).
"""

from __future__ import annotations

import functools

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.efficientnet import EfficientNet, Endpoints
from efficientdet.modeling.heads import HeadSettings, WeightSharedHeads
from efficientdet.modeling.hyperparams import ConvHyperparams, KernelSettings
from efficientdet.modeling.layers import initialization_seed
from efficientdet.modeling.scaling import BACKBONES, MODELS
from efficientdet.types import Predictions

_L2_WEIGHT = 4e-5  # that of the paper, the Object Detection API (TFOD) and automl alike


class EfficientDet(keras.Model):
    """The network: it predicts, and decides nothing. All variables exist once it is constructed.

    `losses` holds the L2 terms, so that `regularization_loss` is TFOD's. Checkpoint paths are attribute paths:
    `backbone/blocks/3/expand/kernel`, `fpn/nodes/0/fusion/weights`, `heads/classes/norms/0/1/gamma`.
    """

    def __init__(
        self, backbone: EfficientNet, fpn: BiFPN, heads: WeightSharedHeads, name: str = "efficientdet"
    ) -> None:
        """Joins the three parts."""
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
          training: batch statistics and stochastic depth if true. A Python bool.
          seed: int32 [2], of stochastic depth; needed for training with a survival probability below 1.

        Returns:
          class_logits float32 [B, A, C] and box_codes float32 [B, A, 4].

        Raises:
          ValueError: if a seed is needed and missing.
        """
        features = self.backbone(inputs, training=training, seed=seed)
        return self.heads(self.fpn(features, training=training), training=training)

    def regularization_loss(self) -> tf.Tensor:
        """The sum of all L2 terms, float32 []."""
        terms = self.losses
        return tf.add_n(terms) if terms else tf.zeros([])


def build_published(
    size: str,
    *,
    num_classes: int = 90,
    endpoints: Endpoints | None = None,
    survival_probability: float = 0.8,
    l2_weight: float = _L2_WEIGHT,
    seed: int = 0,
) -> EfficientDet:
    """Builds a published model with random weights: a row of `scaling.MODELS` with the settings its configs share.

    For whoever wants a network in Python without a config: to look at, to measure, to compare with published weights.
    A model that is described by a config is built by `builders.model`.

    Args:
      size: "d0" ... "d7", "d7x", "lite0" ... "lite4", "lite3x".
      num_classes: C.
      endpoints: see `efficientnet.endpoint_blocks`; by default TFOD's, and automl's for the Lites that TFOD lacks.
      survival_probability: of stochastic depth.
      l2_weight: decay of the kernels in pyramid and heads.
      seed: of the initial weights.

    Returns:
      The model.
    """
    row = MODELS[size]
    lite = BACKBONES[row.backbone].lite
    activation = tf.nn.relu6 if lite else tf.nn.silu
    truncated_normal = functools.partial(keras.initializers.TruncatedNormal, stddev=0.03)
    random_normal = functools.partial(keras.initializers.RandomNormal, stddev=0.01)
    with initialization_seed(seed):
        backbone = EfficientNet(
            row.backbone,
            endpoints=endpoints or ("last_block" if lite else "b0_layer_names"),
            survival_probability=survival_probability,
        )
        fpn = BiFPN(
            backbone.channels,
            max_level=row.max_level,
            num_filters=row.fpn_filters,
            num_iterations=row.fpn_iterations,
            combine_method=row.combine_method,
            hyperparams=ConvHyperparams(activation, KernelSettings(truncated_normal, l2_weight)),
        )
        heads = WeightSharedHeads(
            row.fpn_filters,
            num_levels=len(fpn.levels),
            num_classes=num_classes,
            num_anchors=9,
            settings=HeadSettings(
                depth=row.fpn_filters,
                num_layers=row.head_layers,
                hyperparams=ConvHyperparams(activation, KernelSettings(random_normal, l2_weight)),
            ),
        )
        return EfficientDet(backbone, fpn, heads)
