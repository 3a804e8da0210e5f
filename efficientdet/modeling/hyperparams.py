# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a group of convolutions has in common: initialisation, decay, normalisation and activation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

# Called as `factory(seed=int)`. A class of `keras.initializers` is one; so is `functools.partial` of it over its settings.
InitializerFactory = Callable[..., keras.initializers.Initializer]
Activation = Callable[[tf.Tensor], tf.Tensor]


class KernelSettings(NamedTuple):
    """How one kernel starts and decays."""

    initializer: InitializerFactory = keras.initializers.GlorotUniform
    l2_weight: float = 0.0  # w in the loss term w/2 * sum(kernel^2), the meaning of TFOD's `l2_regularizer.weight`


class BatchNormSettings(NamedTuple):
    """Batch normalisation over the last axis; the defaults are those of every published EfficientDet."""

    momentum: float = 0.99  # TFOD's `decay`
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    synchronized: bool = False  # statistics over all replicas; unfused and therefore slower on one


@dataclass(frozen=True)
class ConvHyperparams:
    """The settings that TFOD's `Hyperparams` message gives to a BiFPN or to a box predictor.

    Attributes:
      activation: elementwise; the identity for NONE.
      kernel: of the convolutions; which of a separable convolution's two kernels it reaches is the owner's decision.
      batch_norm: None leaves normalisation out.
      use_bias: of convolutions that a batch norm follows; those without one always have a bias.
    """

    activation: Activation = tf.nn.silu
    kernel: KernelSettings = KernelSettings()
    batch_norm: BatchNormSettings | None = BatchNormSettings()
    use_bias: bool = True
