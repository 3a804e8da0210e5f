# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the settings of convolutions from `Hyperparams` messages."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling.hyperparams import (
    PUBLISHED_BATCH_NORM,
    Activation,
    BatchNormSettings,
    ConvHyperparams,
    GroupNormSettings,
    InitializerFactory,
    KernelSettings,
    NormSettings,
)
from efficientdet.ops.kernels import chosen_activation
from efficientdet.protos import hyperparams_pb2, ssd_pb2

_Hyperparams = hyperparams_pb2.Hyperparams
_VarianceScaling = hyperparams_pb2.VarianceScalingInitializer

ACTIVATIONS: dict[int, Activation] = {
    _Hyperparams.NONE: tf.identity,
    _Hyperparams.RELU: tf.nn.relu,
    _Hyperparams.RELU_6: tf.nn.relu6,
    _Hyperparams.SWISH: tf.nn.silu,
}

_FAN_MODES = {
    _VarianceScaling.FAN_IN: "fan_in",
    _VarianceScaling.FAN_OUT: "fan_out",
    _VarianceScaling.FAN_AVG: "fan_avg",
}


def build_conv_hyperparams(message: _Hyperparams, *, freeze_batch_norm: bool = False) -> ConvHyperparams:
    """Builds what a group of convolutions has in common.

    Args:
      message: `conv_hyperparams` of a feature extractor or a box predictor.
      freeze_batch_norm: `model.ssd.freeze_batchnorm`, which freezes as `batch_norm.train: false` does.

    Returns:
      The settings, with the meaning that TFOD's Keras layers give to them. Those layers ignore `group_norm` and
      `batch_norm.train`, which have the meaning of its TensorFlow 1 layers here.
    """
    kind = message.WhichOneof("normalizer_oneof")
    norm = None if kind is None else NORMALIZATIONS[kind](getattr(message, kind))
    if freeze_batch_norm and isinstance(norm, BatchNormSettings):
        norm = norm._replace(frozen=True)
    return ConvHyperparams(
        activation=chosen_activation(ACTIVATIONS[message.activation]),
        kernel=KernelSettings(_initializer(message.initializer), **_decay(message.regularizer)),
        norm=norm,
        use_bias=message.force_use_bias,
    )


def build_backbone_batch_norm(ssd: ssd_pb2.Ssd) -> BatchNormSettings:
    """Builds the batch normalisation of an EfficientNet: the published one, frozen where the config says so."""
    return PUBLISHED_BATCH_NORM._replace(frozen=freezes_backbone(ssd))


def freezes_backbone(ssd: ssd_pb2.Ssd) -> bool:
    """Whether `freeze_batchnorm` reaches the batch normalisations of the backbone."""
    return bool(ssd.freeze_batchnorm and ssd.freeze_batchnorm_scope == ssd_pb2.Ssd.WHOLE_MODEL)


def _batch_norm(message: hyperparams_pb2.BatchNorm) -> BatchNormSettings:
    return BatchNormSettings(message.decay, message.epsilon, message.center, message.scale, frozen=not message.train)


def _sync_batch_norm(message: hyperparams_pb2.BatchNorm) -> BatchNormSettings:
    return _batch_norm(message)._replace(synchronized=True)


def _group_norm(message: hyperparams_pb2.GroupNorm) -> GroupNormSettings:
    del message  # it has no fields
    return GroupNormSettings()


NORMALIZATIONS: dict[str, Callable[[Any], NormSettings]] = {
    "batch_norm": _batch_norm,
    "sync_batch_norm": _sync_batch_norm,
    "group_norm": _group_norm,
}

# The fields of `KernelSettings` that the weights of the regularizers are.
REGULARIZERS = {"l1_regularizer": "l1_weight", "l2_regularizer": "l2_weight"}


def _decay(message: hyperparams_pb2.Regularizer) -> dict[str, float]:
    """The decay in `KernelSettings`; an absent regularizer is none, though the proto's default weight is 1."""
    kind = message.WhichOneof("regularizer_oneof")
    return {} if kind is None else {REGULARIZERS[kind]: getattr(message, kind).weight}


def _truncated_normal(message: hyperparams_pb2.TruncatedNormalInitializer) -> InitializerFactory:
    return functools.partial(keras.initializers.TruncatedNormal, mean=message.mean, stddev=message.stddev)


def _random_normal(message: hyperparams_pb2.RandomNormalInitializer) -> InitializerFactory:
    return functools.partial(keras.initializers.RandomNormal, mean=message.mean, stddev=message.stddev)


def _variance_scaling(message: _VarianceScaling) -> InitializerFactory:
    return functools.partial(
        keras.initializers.VarianceScaling,
        scale=message.factor,
        mode=_FAN_MODES[message.mode],
        distribution="uniform" if message.uniform else "truncated_normal",
    )


def _unseeded(initializer: type[keras.initializers.Initializer]) -> InitializerFactory:
    """A factory out of a Keras initializer that draws nothing."""

    def build(seed: int) -> keras.initializers.Initializer:
        del seed
        return initializer()

    return build


# With Keras's own settings, which are what TFOD's layers make of a name.
KERAS_INITIALIZERS: dict[str, InitializerFactory] = {
    "glorot_normal": keras.initializers.GlorotNormal,
    "glorot_uniform": keras.initializers.GlorotUniform,
    "he_normal": keras.initializers.HeNormal,
    "he_uniform": keras.initializers.HeUniform,
    "lecun_normal": keras.initializers.LecunNormal,
    "lecun_uniform": keras.initializers.LecunUniform,
    "ones": _unseeded(keras.initializers.Ones),
    "orthogonal": keras.initializers.Orthogonal,
    "random_normal": keras.initializers.RandomNormal,
    "random_uniform": keras.initializers.RandomUniform,
    "truncated_normal": keras.initializers.TruncatedNormal,
    "variance_scaling": keras.initializers.VarianceScaling,
    "zeros": _unseeded(keras.initializers.Zeros),
}


def _by_name(name: str) -> InitializerFactory:
    # An empty name names none, as if the field were unset.
    return KERAS_INITIALIZERS[name] if name else KernelSettings().initializer


INITIALIZERS: dict[str, Callable[[Any], InitializerFactory]] = {
    "truncated_normal_initializer": _truncated_normal,
    "random_normal_initializer": _random_normal,
    "variance_scaling_initializer": _variance_scaling,
    "keras_initializer_by_name": _by_name,
}


def _initializer(message: hyperparams_pb2.Initializer) -> InitializerFactory:
    kind = message.WhichOneof("initializer_oneof")
    return KernelSettings().initializer if kind is None else INITIALIZERS[kind](getattr(message, kind))
