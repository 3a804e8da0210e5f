# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""VGG16 with the extra layers of SSD300 as a feature extractor.

References: Liu et al. 2016, SSD, section 3 and the authors' model (arXiv:1512.02325); Simonyan & Zisserman 2015, VGG16
(arXiv:1409.1556); Liu et al. 2015, ParseNet, section 3.3, on the normalisation of conv4_3 (arXiv:1506.04579).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling.conv_unit import ConvUnit
from efficientdet.modeling.hyperparams import ConvHyperparams
from efficientdet.modeling.recomputation import recomputed
from efficientdet.ops.uses import fan_out

_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # (filters, convolutions) between poolings
_FIRST_MAP_STAGE = 3  # conv4, whose last output is the finest feature map
_FC_FILTERS = 1024  # of VGG's 4096, every fourth
_FC6_DILATION = 6
_FC_STRIDE = 16  # of fc6 and fc7 in the input, as of conv5; the extra layers have larger ones
_INITIAL_SCALE = 20.0  # of the normalised conv4_3: about what its features measure without
_EPSILON = 1e-10  # of squared lengths


class _Extra(NamedTuple):
    """A 1x1 convolution that narrows, and a 3x3 one that makes the next feature map."""

    narrowed: int
    filters: int
    strides: int


_EXTRAS = (_Extra(256, 512, 2), _Extra(128, 256, 2), _Extra(128, 256, 1), _Extra(128, 256, 1))
_FIRST_EXTRA = 8  # conv8, behind what VGG calls conv1 to conv5, fc6 and fc7

_HALVINGS_TO_FIRST = 3  # pool1 to pool3: conv4_3 has an eighth of the input's size
_HALVINGS_BEHIND = 3  # pool4, conv8_2, conv9_2
_SMALLEST = 5  # cells a side of conv9_2's map, of which two 3x3 convolutions without padding leave one


def feature_sizes(image_size: tuple[int, int]) -> list[tuple[int, int]]:
    """Height and width of the six feature maps: 38, 19, 10, 5, 3 and 1 cells a side at 300 pixels.

    The first four halve, rounding up; the last two lose two cells a side each.

    Args:
      image_size: (height, width) of the network's input in pixels.

    Returns:
      One (height, width) per map, finest first.

    Raises:
      ValueError: if a side is below 257 pixels, which conv11_2 needs to have something to work on.
    """
    height, width = (_cells(side) for side in image_size)
    return list(zip(height, width, strict=True))


class VggSsd(keras.layers.Layer):
    """The backbone of SSD300: VGG16 up to conv5_3, fc6 and fc7 as convolutions, and the extra layers.

    pool5 has 3x3 windows and stride 1, for which fc6 is dilated. Where a normalisation is set, one follows every
    convolution; the paper has none.
    """

    variant = "vgg16"
    channels = (512, 1024, *(extra.filters for extra in _EXTRAS))
    fc6_shape = (3, 3, _STAGES[-1][0], _FC_FILTERS)  # of its kernel

    def __init__(self, *, hyperparams: ConvHyperparams, name: str = "backbone") -> None:
        """Builds all layers.

        Args:
          hyperparams: of all convolutions.
          name: first part of all variable names.
        """
        super().__init__(name=name)
        self.recompute_stride = 0.0
        """Stages up to this stride in the input are computed again in the backward pass."""
        with tf.name_scope(name):
            self.stages: list[list[ConvUnit]] = []
            width = 3
            for stage, (filters, repeats) in enumerate(_STAGES, start=1):
                units = []
                for number in range(1, repeats + 1):
                    seen = hyperparams.observed(f"stage_{stage}")
                    units.append(ConvUnit(width, filters, 3, hyperparams=seen, name=f"conv{stage}_{number}"))
                    width = filters
                self.stages.append(units)
            self.conv4_3_norm = ScaledL2Norm(_STAGES[_FIRST_MAP_STAGE][0], name="conv4_3_norm")
            seen = hyperparams.observed("fc")
            self.fc6 = ConvUnit(width, _FC_FILTERS, 3, dilation=_FC6_DILATION, hyperparams=seen, name="fc6")
            self.fc7 = ConvUnit(_FC_FILTERS, _FC_FILTERS, 1, hyperparams=seen, name="fc7")
            self.extras = [
                ExtraLayers(in_channels, extra, hyperparams=hyperparams.observed("extras"), name=f"conv{number}")
                for number, (in_channels, extra) in enumerate(
                    zip(self.channels[1:], _EXTRAS, strict=False), start=_FIRST_EXTRA
                )
            ]

    def call(self, images: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None) -> tuple[tf.Tensor, ...]:
        """Extracts the six feature maps.

        Args:
          images: float32 [B, H, W, 3], normalised.
          training: whether batch norms use the batch's statistics.
          seed: not used; the network has no randomness.

        Returns:
          One [B, h, w, channels] per map, of `feature_sizes` and `channels`, in the type that is computed in.

        Raises:
          ValueError: if the images are too small.
        """
        del seed
        if None not in images.shape[1:3]:
            feature_sizes((images.shape[1], images.shape[2]))
        x, maps = images, []
        stride = self.recompute_stride if training else 0
        for number, units in enumerate(self.stages):
            stage = functools.partial(_stage, units, pools=number > 0, training=training)
            x = recomputed(stage, x, when=2**number <= stride)
            if number == _FIRST_MAP_STAGE:
                x, feature = fan_out(x, 2)
                maps.append(self.conv4_3_norm(feature))
        x = recomputed(functools.partial(self._fully_connected, training=training), x, when=stride >= _FC_STRIDE)
        for layer in self.extras:
            x, feature = fan_out(x, 2)
            maps.append(feature)
            x = recomputed(functools.partial(layer.__call__, training=training), x, when=stride > _FC_STRIDE)
        return (*maps, x)

    def _fully_connected(self, x: tf.Tensor, training: bool) -> tf.Tensor:
        x = tf.nn.max_pool2d(x, 3, 1, "SAME")
        return self.fc7(self.fc6(x, training=training), training=training)


class ExtraLayers(keras.layers.Layer):
    """One of conv8 to conv11: a narrow 1x1 convolution, then a 3x3 one to a smaller map."""

    def __init__(self, in_channels: int, extra: _Extra, *, hyperparams: ConvHyperparams, name: str) -> None:
        """Builds both convolutions."""
        super().__init__(name=name)
        self._pads = extra.strides > 1
        with tf.name_scope(name):
            self.narrow = ConvUnit(in_channels, extra.narrowed, 1, hyperparams=hyperparams, name="narrow")
            self.shrink = ConvUnit(
                extra.narrowed,
                extra.filters,
                3,
                strides=extra.strides,
                padding="valid",
                hyperparams=hyperparams,
                name="shrink",
            )

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[B, H, W, in_channels] -> [B, h, w, filters]: half the size, rounded up, or two cells a side less."""
        x = self.narrow(inputs, training=training)
        # One cell on every side, as the authors' model has it; SAME would leave the first row out where H is even.
        x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]) if self._pads else x
        return self.shrink(x, training=training)


class ScaledL2Norm(keras.layers.Layer):
    """Gives the features of every cell the same length, times a learned scale per channel."""

    def __init__(self, channels: int, *, name: str) -> None:
        """Creates the scale, float32 [channels]."""
        super().__init__(name=name, dtype="float32", autocast=False)
        with tf.name_scope(name):
            self.scale = self.add_weight("scale", (channels,), initializer=keras.initializers.Constant(_INITIAL_SCALE))

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[..., channels] -> the same shape and type; in between it is float32, since squares are large."""
        x = tf.cast(inputs, tf.float32)
        squares = tf.reduce_sum(tf.square(x), axis=-1, keepdims=True)
        return tf.cast(x * tf.math.rsqrt(squares + _EPSILON) * self.scale, inputs.dtype)


def _stage(units: Sequence[ConvUnit], x: tf.Tensor, *, pools: bool, training: bool) -> tf.Tensor:
    x = tf.nn.max_pool2d(x, 2, 2, "SAME") if pools else x
    for unit in units:
        x = unit(x, training=training)
    return x


def _cells(side: int) -> list[int]:
    halvings = range(_HALVINGS_TO_FIRST, _HALVINGS_TO_FIRST + _HALVINGS_BEHIND + 1)
    cells = [-(-side // 2**count) for count in halvings]
    if cells[-1] < _SMALLEST:
        smallest = (_SMALLEST - 1) * 2 ** halvings[-1] + 1
        raise ValueError(f"SSD's six feature maps need an input of at least {smallest} pixels a side, got {side}")
    return [*cells, cells[-1] - 2, cells[-1] - 4]
