# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The weight-shared box and class heads.

References: Lin et al. 2017, RetinaNet (arXiv:1708.02002); Tan et al. 2020, section 4 (arXiv:1911.09070).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.hyperparams import ConvHyperparams, KernelSettings
from efficientdet.ops.box_coder import CODE_SIZE
from efficientdet.types import Predictions


class HeadSettings(NamedTuple):
    """What the box and the class head have in common.

    Attributes:
      depth: filters of each layer.
      num_layers: before the final convolution.
      kernel_size: of all convolutions.
      use_depthwise: separable convolutions, as all published EfficientDets have, instead of full ones.
      hyperparams: of the layers. Of a separable convolution they reach the depthwise kernel only, and of the final one
        neither; other kernels start from Glorot's uniform distribution and do not decay. That is what the
        Object Detection API does.
      apply_to_pointwise: let `hyperparams.kernel` reach the pointwise kernels of the layers too.
      apply_to_final: let it reach both kernels of the final separable convolution.
    """

    depth: int
    num_layers: int
    kernel_size: int = 3
    use_depthwise: bool = True
    hyperparams: ConvHyperparams = ConvHyperparams()
    apply_to_pointwise: bool = False
    apply_to_final: bool = False


class WeightSharedHeads(keras.layers.Layer):
    """Predicts class logits and box codes from a pyramid: convolutions shared by all levels, batch norms per level."""

    def __init__(
        self,
        in_channels: int,
        *,
        num_levels: int,
        num_classes: int,
        num_anchors: int,
        settings: HeadSettings,
        class_bias: float = -4.6,
        box_code_clip: tuple[float, float] | None = None,
        name: str = "heads",
    ) -> None:
        """Builds both heads.

        Args:
          in_channels: of every pyramid level.
          num_levels: of the pyramid.
          num_classes: C, without a background class.
          num_anchors: per cell of a feature map.
          settings: of both heads.
          class_bias: initial bias of the class logits; -4.6 starts every score at .01, so that the many easy negatives
            do not swamp the first steps (RetinaNet, section 4.1).
          box_code_clip: (min, max) that box codes are clipped to.
          name: first part of all variable names.
        """
        super().__init__(name=name)
        self._num_classes = num_classes
        self._box_code_clip = box_code_clip
        head = functools.partial(Head, in_channels, num_levels=num_levels, settings=settings)
        with tf.name_scope(name):
            self.boxes = head(num_anchors * CODE_SIZE, name="boxes")
            self.classes = head(num_anchors * num_classes, bias=class_bias, name="classes")

    def call(self, pyramid: Sequence[tf.Tensor], training: bool = False) -> Predictions:
        """Predicts for all anchors.

        Args:
          pyramid: one float32 [B, H_l, W_l, in_channels] per level, finest first.
          training: whether batch norms use the batch's statistics.

        Returns:
          class_logits [B, A, C] and box_codes [B, A, 4]: level, then row, column, anchor of the cell.
        """
        logits = self.classes(pyramid, training=training)
        codes = self.boxes(pyramid, training=training)
        box_codes = _flatten(codes, CODE_SIZE)
        if self._box_code_clip is not None:
            box_codes = tf.clip_by_value(box_codes, *self._box_code_clip)
        return Predictions(_flatten(logits, self._num_classes), box_codes)


class Head(keras.layers.Layer):
    """Convolution, batch norm, activation, `num_layers` times, then a convolution to the outputs."""

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        *,
        num_levels: int,
        settings: HeadSettings,
        bias: float = 0.0,
        name: str,
    ) -> None:
        """Builds the convolutions that all levels share and one batch norm per layer and level.

        Args:
          in_channels: of every level.
          outputs: channels of the final convolution.
          num_levels: of the pyramid.
          settings: see `HeadSettings`.
          bias: the final convolution's, at the start.
          name: first part of all variable names.
        """
        super().__init__(name=name)
        hyperparams = settings.hyperparams
        self._activation = hyperparams.activation
        widths = [in_channels] + [settings.depth] * settings.num_layers
        with tf.name_scope(name):
            self.convs = [
                _convolution(
                    width,
                    settings.depth,
                    settings,
                    depthwise=hyperparams.kernel,
                    pointwise=hyperparams.kernel if settings.apply_to_pointwise else KernelSettings(),
                    use_bias=hyperparams.has_bias,
                    name=f"conv_{number}",
                )
                for number, width in enumerate(widths[:-1])
            ]
            self.norms = hyperparams.batch_norm and [
                [
                    layers.batch_norm(settings.depth, settings=hyperparams.batch_norm, name=f"norm_{level}_{number}")
                    for number in range(settings.num_layers)
                ]
                for level in range(num_levels)
            ]
            final = hyperparams.kernel if settings.apply_to_final or not settings.use_depthwise else KernelSettings()
            self.final = _convolution(
                widths[-1],
                outputs,
                settings,
                depthwise=final,
                pointwise=final,
                bias_initializer=keras.initializers.Constant(bias),
                name="final",
            )

    def call(self, pyramid: Sequence[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        """One [B, H_l, W_l, in_channels] per level -> one [B, H_l, W_l, outputs] per level."""
        maps = list(pyramid)
        for number, conv in enumerate(self.convs):
            maps = layers.convolve_each(conv, maps)
            if self.norms is not None:
                maps = [norms[number](x, training=training) for norms, x in zip(self.norms, maps, strict=True)]
            maps = [self._activation(x) for x in maps]
        return layers.convolve_each(self.final, maps)


def _convolution(
    in_channels: int,
    filters: int,
    settings: HeadSettings,
    *,
    depthwise: KernelSettings,
    pointwise: KernelSettings,
    use_bias: bool = True,
    bias_initializer: keras.initializers.Initializer | str = "zeros",
    name: str,
) -> keras.layers.Layer:
    """A separable convolution, or a full one whose kernel follows `depthwise`."""
    convolution: Callable[..., keras.layers.Layer]
    if settings.use_depthwise:
        convolution = functools.partial(layers.separable_conv2d, depthwise=depthwise, pointwise=pointwise)
    else:
        convolution = functools.partial(layers.conv2d, kernel=depthwise)
    return convolution(
        in_channels, filters, settings.kernel_size, use_bias=use_bias, bias_initializer=bias_initializer, name=name
    )


def _flatten(maps: Sequence[tf.Tensor], depth: int) -> tf.Tensor:
    """One [B, H_l, W_l, anchors * depth] per level -> [B, A, depth]."""
    return tf.concat([tf.reshape(x, [tf.shape(x)[0], -1, depth]) for x in maps], axis=1)
