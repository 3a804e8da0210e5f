# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A detector with random weights whose activations and scores spread as those of a trained one do.

As initialised, all scores are .01 and tie, and suppression has to look at every one of them.
"""

from __future__ import annotations

import tensorflow as tf
import tf_keras as keras

from efficientdet.builders.model import build_model
from efficientdet.detector import Detector
from efficientdet.doctor.machine.trained_like import spread_scores
from efficientdet.experiment import Experiment


def trained_like_detector(experiment: Experiment) -> Detector:
    """Builds the detector.

    Args:
      experiment: of a config.

    Returns:
      Its batch norms have the statistics of a batch of noise, and its class logits spread around their bias.
    """
    model = build_model(experiment.config)
    height, width = experiment.preprocessor.input_size
    images = tf.random.stateless_normal([2, height, width, 3], [3, 4])
    norms = [layer for layer in model.submodules if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # takes the statistics of one batch over, as if it had seen many
    model(images, training=True, seed=tf.constant([5, 6]))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    spread_scores(model, images)
    return experiment.detector(model)
