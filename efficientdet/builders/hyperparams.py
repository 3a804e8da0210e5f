# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the settings of convolutions from `Hyperparams` messages."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling.hyperparams import (
    Activation,
    BatchNormSettings,
    ConvHyperparams,
    InitializerFactory,
    KernelSettings,
)
from efficientdet.protos import hyperparams_pb2

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


def build_conv_hyperparams(message: _Hyperparams) -> ConvHyperparams:
    """Builds what a group of convolutions has in common.

    Args:
      message: `conv_hyperparams` of a feature extractor or a box predictor.

    Returns:
      The settings, with the meaning that TFOD's Keras layers give to them.
    """
    decay = message.regularizer.l2_regularizer
    norm = message.batch_norm
    return ConvHyperparams(
        activation=ACTIVATIONS[message.activation],
        kernel=KernelSettings(
            _initializer(message.initializer),
            # An absent regularizer is none, though the proto's default weight is 1.
            l2_weight=decay.weight if message.regularizer.HasField("l2_regularizer") else 0.0,
        ),
        batch_norm=BatchNormSettings(norm.decay, norm.epsilon, norm.center, norm.scale)
        if message.HasField("batch_norm")
        else None,
        use_bias=message.force_use_bias,
    )


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


INITIALIZERS: dict[str, Callable[[Any], InitializerFactory]] = {
    "truncated_normal_initializer": _truncated_normal,
    "random_normal_initializer": _random_normal,
    "variance_scaling_initializer": _variance_scaling,
}


def _initializer(message: hyperparams_pb2.Initializer) -> InitializerFactory:
    kind = message.WhichOneof("initializer_oneof")
    return KernelSettings().initializer if kind is None else INITIALIZERS[kind](getattr(message, kind))
