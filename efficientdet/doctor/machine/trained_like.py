# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Scores that spread as those of a trained network do.

As initialised, all scores are nearly alike, and suppression has to look at every one of them: an evaluation would take
longer than it does once something has been learnt.
"""

from __future__ import annotations

import tensorflow as tf
import tf_keras as keras

from efficientdet.weights.predictors import class_kernels
from efficientdet.weights.variables import variables_by_path

_LOGIT_STDDEV = 1.5  # of class logits around their bias of -4.6: a few of a thousand anchors score above .5


def spread_scores(model: keras.Model, inputs: tf.Tensor) -> None:
    """Gives the kernels that predict classes random values, such that logits spread.

    Args:
      model: a detection model; its other weights stay as they are.
      inputs: float32 [B, H, W, 3], a batch to look at.
    """
    kernels = class_kernels(variables_by_path(model))
    for number, kernel in enumerate(kernels):
        kernel.assign(tf.random.stateless_normal(kernel.shape, [1, 2 + number]))
    spread = tf.math.reduce_std(model(inputs, training=False).class_logits)
    if bool(tf.math.is_finite(spread)) and float(spread) > 0:
        for kernel in kernels:
            kernel.assign(kernel * (_LOGIT_STDDEV / spread))
