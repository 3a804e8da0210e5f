# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a group of convolutions has in common: initialisation, decay, normalisation and activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling.activation_capture import observed

# Called as `factory(seed=int)`: a class of `keras.initializers`, or a `functools.partial` of one over its settings.
InitializerFactory = Callable[..., keras.initializers.Initializer]
Activation = Callable[[tf.Tensor], tf.Tensor]


class KernelSettings(NamedTuple):
    """How one kernel starts and decays."""

    initializer: InitializerFactory = keras.initializers.GlorotUniform
    l2_weight: float = 0.0  # w in the loss term w/2 * sum(kernel^2), the meaning of `l2_regularizer.weight`
    l1_weight: float = 0.0  # w in the loss term w * sum(|kernel|), the meaning of `l1_regularizer.weight`


class BatchNormSettings(NamedTuple):
    """Batch normalisation over the last axis; the defaults are those of every published EfficientDet."""

    momentum: float = 0.99  # `decay` in configs
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    synchronized: bool = False  # over the batches of all replicas, where there are several
    frozen: bool = False  # training uses the moving statistics and leaves them; gamma and beta go on learning


PUBLISHED_BATCH_NORM = BatchNormSettings()


class GroupNormSettings(NamedTuple):
    """Group normalisation: each picture by itself, over its pixels and the channels of a group.

    There are as many groups as divide the channels evenly, `max_groups` at most. The defaults are those of TF-Slim,
    through which the Object Detection API (TFOD) built the `group_norm` of its TensorFlow 1 models.
    """

    max_groups: int = 32
    epsilon: float = 1e-6


NormSettings = BatchNormSettings | GroupNormSettings


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
      norm: None leaves normalisation out.
      use_bias: of convolutions whose normalisation adds an offset of its own; the others always have a bias.
    """

    activation: Activation = tf.nn.silu
    kernel: KernelSettings = KernelSettings()
    norm: NormSettings | None = PUBLISHED_BATCH_NORM
    use_bias: bool = True

    @property
    def has_bias(self) -> bool:
        """Whether the convolutions have a bias."""
        centered = isinstance(self.norm, GroupNormSettings) or (self.norm is not None and self.norm.center)
        return self.use_bias or not centered

    def observed(self, place: str) -> ConvHyperparams:
        """These settings, with the activations captured as those of a place: see `activation_capture.observed`."""
        return self._replace(activation=observed(self.activation, place))
