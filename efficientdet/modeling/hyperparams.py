# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a group of convolutions has in common: initialisation, decay, normalisation and activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

# Called as `factory(seed=int)`: a class of `keras.initializers`, or a `functools.partial` of one over its settings.
InitializerFactory = Callable[..., keras.initializers.Initializer]
Activation = Callable[[tf.Tensor], tf.Tensor]


class KernelSettings(NamedTuple):
    """How one kernel starts and decays."""

    initializer: InitializerFactory = keras.initializers.GlorotUniform
    l2_weight: float = 0.0  # w in the loss term w/2 * sum(kernel^2), the meaning of `l2_regularizer.weight`


class BatchNormSettings(NamedTuple):
    """Batch normalisation over the last axis; the defaults are those of every published EfficientDet."""

    momentum: float = 0.99  # `decay` in configs
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    synchronized: bool = False  # statistics over all replicas; unfused and therefore slower on one


PUBLISHED_BATCH_NORM = BatchNormSettings()


class BackboneDecay(NamedTuple):
    """Which variables of a backbone decay besides the kernels of its ordinary convolutions.

    The defaults are those of the Object Detection API (TFOD), whose backbone has the decay of its classification recipe
    and not of the config; google/automl has 4e-5, depthwise kernels too, and no biases.
    """

    l2_weight: float = 1e-5  # w in the loss term w/2 * sum(kernel^2)
    depthwise_kernels: bool = False
    squeeze_excite_biases: bool = True


class ConvHyperparams(NamedTuple):
    """The settings that the `Hyperparams` message gives to a BiFPN or to a box predictor.

    Attributes:
      activation: elementwise; the identity for NONE.
      kernel: of the convolutions; which of a separable convolution's two kernels it reaches is the owner's decision.
      batch_norm: None leaves normalisation out.
      use_bias: of convolutions that a batch norm follows; those without one always have a bias.
    """

    activation: Activation = tf.nn.silu
    kernel: KernelSettings = KernelSettings()
    batch_norm: BatchNormSettings | None = PUBLISHED_BATCH_NORM
    use_bias: bool = True

    @property
    def has_bias(self) -> bool:
        """Whether the convolutions have a bias."""
        return self.use_bias or self.batch_norm is None
