# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Box and class heads with layers of their own for each feature map, as SSDs have them.

Reference: Liu et al. 2016, SSD, section 2.1 (arXiv:1512.02325). The options are those of the Object Detection API.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.conv_unit import ConvUnit
from efficientdet.modeling.folding import normalized
from efficientdet.modeling.head_outputs import drop_features, flat_predictions
from efficientdet.modeling.hyperparams import ConvHyperparams, KernelSettings
from efficientdet.modeling.recomputation import recomputed
from efficientdet.ops.box_coder import CODE_SIZE
from efficientdet.types import Predictions


class ConvolutionalHeadSettings(NamedTuple):
    """What the heads of all feature maps have in common.

    Attributes:
      num_layers: 1x1 convolutions that both heads of a map share.
      min_depth: of these layers, at least.
      max_depth: of these layers, at most; else they are as wide as the map. Without any depth there are none.
      kernel_size: of the final convolutions, or of the depthwise ones before them.
      use_depthwise: depthwise convolution, normalisation and activation, then a final 1x1 convolution.
      hyperparams: of the convolutions. They do not reach depthwise kernels, which start from Glorot's uniform
        distribution and do not decay. That is what the Object Detection API does.
      dropout_rate: of the features that the class heads read, in training.
    """

    num_layers: int = 0
    min_depth: int = 0
    max_depth: int = 0
    kernel_size: int = 3
    use_depthwise: bool = False
    hyperparams: ConvHyperparams = ConvHyperparams()
    dropout_rate: float = 0.0

    def layer_depths(self, channels: int) -> list[int]:
        """The width of each layer that the heads of a map of so many channels share."""
        depth = max(min(channels, self.max_depth), self.min_depth)
        return [depth] * self.num_layers if depth else []

    def observed(self, place: str) -> ConvolutionalHeadSettings:
        """These settings, with the activations captured as those of a place: see `activation_capture.observed`."""
        return self._replace(hyperparams=self.hyperparams.observed(place))


class ConvolutionalHeads(keras.layers.Layer):
    """Predicts class logits and box codes from feature maps of any widths, each with heads of its own."""

    def __init__(
        self,
        channels: Sequence[int],
        *,
        num_slots: int,
        num_anchors: Sequence[int],
        settings: ConvolutionalHeadSettings,
        class_bias: float = 0.0,
        box_code_clip: tuple[float, float] | None = None,
        name: str = "heads",
    ) -> None:
        """Builds the heads of all maps.

        Args:
          channels: of each feature map.
          num_slots: S, the classes and the background where it has a slot, the first.
          num_anchors: per cell, of each feature map.
          settings: of all heads.
          class_bias: initial bias of the class logits.
          box_code_clip: (min, max) that box codes are clipped to.
          name: first part of all variable names.

        Raises:
          ValueError: if there are not as many numbers of anchors as feature maps.
        """
        super().__init__(name=name)
        if len(channels) != len(num_anchors):
            raise ValueError(f"{len(channels)} feature maps need as many numbers of anchors, got {len(num_anchors)}")
        self._num_slots = num_slots
        self._box_code_clip = box_code_clip
        self._dropout_rate = settings.dropout_rate
        self.recompute = False
        """Whether each layer but the final convolutions is computed again in the backward pass."""
        self.shared: list[list[ConvUnit]] = []
        self.boxes: list[LevelHead] = []
        self.classes: list[LevelHead] = []
        with tf.name_scope(name):
            for level, (width, anchors) in enumerate(zip(channels, num_anchors, strict=True)):
                widths = [width, *settings.layer_depths(width)]
                units = [
                    ConvUnit(
                        *pair,
                        1,
                        hyperparams=settings.hyperparams.observed(f"shared/level_{level}"),
                        name=f"shared_{level}_{number}",
                    )
                    for number, pair in enumerate(itertools.pairwise(widths))
                ]
                boxes = LevelHead(
                    widths[-1],
                    anchors * CODE_SIZE,
                    settings=settings.observed(f"boxes/level_{level}"),
                    name=f"boxes_{level}",
                )
                classes = LevelHead(
                    widths[-1],
                    anchors * num_slots,
                    settings=settings.observed(f"classes/level_{level}"),
                    bias=class_bias,
                    name=f"classes_{level}",
                )
                self.shared.append(units)
                self.boxes.append(boxes)
                self.classes.append(classes)

    def call(self, maps: Sequence[tf.Tensor], training: bool = False, seed: tf.Tensor | None = None) -> Predictions:
        """See `detection_model.Heads`."""
        features = list(maps)
        again = training and self.recompute
        for level, units in enumerate(self.shared):
            for unit in units:
                layer = functools.partial(unit.__call__, training=training)
                features[level] = recomputed(layer, features[level], when=again)
        class_features = features
        if training and self._dropout_rate:
            class_features = drop_features(features, self._dropout_rate, seed)
        predict = functools.partial(LevelHead.__call__, training=training, recompute=again)
        logits = [predict(head, x) for head, x in zip(self.classes, class_features, strict=True)]
        codes = [predict(head, x) for head, x in zip(self.boxes, features, strict=True)]
        return flat_predictions(logits, codes, num_slots=self._num_slots, box_code_clip=self._box_code_clip)


class LevelHead(keras.layers.Layer):
    """The box head or the class head of one feature map."""

    def __init__(
        self, in_channels: int, outputs: int, *, settings: ConvolutionalHeadSettings, bias: float = 0.0, name: str
    ) -> None:
        """Builds the final convolution and what is before it.

        Args:
          in_channels: of the input.
          outputs: channels of the output.
          settings: see `ConvolutionalHeadSettings`.
          bias: the final convolution's, at the start.
          name: first part of all variable names.
        """
        super().__init__(name=name)
        hyperparams = settings.hyperparams
        self._activation = hyperparams.activation
        self.depthwise: keras.layers.Layer | None = None
        self.norm: keras.layers.Layer | None = None
        with tf.name_scope(name):
            if settings.use_depthwise:
                self.depthwise = layers.depthwise_conv2d(
                    in_channels,
                    settings.kernel_size,
                    kernel=KernelSettings(),
                    use_bias=hyperparams.has_bias,
                    name="depthwise",
                )
                if hyperparams.norm is not None:
                    self.norm = layers.normalization(in_channels, settings=hyperparams.norm, name="norm")
            self.final = layers.conv2d(
                in_channels,
                outputs,
                1 if settings.use_depthwise else settings.kernel_size,
                kernel=hyperparams.kernel,
                use_bias=True,
                bias_initializer=keras.initializers.Constant(bias),
                name="final",
            )

    def call(self, inputs: tf.Tensor, training: bool = False, recompute: bool = False) -> tf.Tensor:
        """[B, H, W, in_channels] -> float32 [B, H, W, outputs]."""
        x = inputs
        if self.depthwise is not None:
            x = recomputed(functools.partial(self._filtered, self.depthwise, training), x, when=recompute)
        return layers.convolve_each(self.final, [x], widens=True)[0]

    def _filtered(self, depthwise: keras.layers.Layer, training: bool, inputs: tf.Tensor) -> tf.Tensor:
        return self._activation(normalized(depthwise, self.norm, inputs, training=training))
