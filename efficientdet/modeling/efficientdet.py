# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""EfficientDet as published: EfficientNet, BiFPN and weight-shared heads, without a config.

Reference: Tan et al. 2020, EfficientDet: Scalable and Efficient Object Detection (arXiv:1911.09070).
"""

from __future__ import annotations

import functools

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import EfficientNet, Endpoints
from efficientdet.modeling.hyperparams import ConvHyperparams, KernelSettings
from efficientdet.modeling.layers import initialization_seed
from efficientdet.modeling.scaling import BACKBONES, MODELS
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads, WeightSharedHeadSettings
from efficientdet.ops.kernels import chosen_activation

_L2_WEIGHT = 4e-5  # that of the paper, the Object Detection API (TFOD) and automl alike


def build_published(
    size: str,
    *,
    num_classes: int = 90,
    endpoints: Endpoints | None = None,
    survival_probability: float = 0.8,
    l2_weight: float = _L2_WEIGHT,
    seed: int = 0,
) -> DetectionModel:
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
    activation = chosen_activation(tf.nn.relu6 if lite else tf.nn.silu)
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
            num_slots=num_classes,
            num_anchors=9,
            settings=WeightSharedHeadSettings(
                depth=row.fpn_filters,
                num_layers=row.head_layers,
                hyperparams=ConvHyperparams(activation, KernelSettings(random_normal, l2_weight)),
            ),
        )
        return DetectionModel(backbone, fpn, heads)
