# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The weight-shared box and class heads.

References: Lin et al. 2017, RetinaNet (arXiv:1708.02002); Tan et al. 2020, section 4 (arXiv:1911.09070).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.activation_capture import observed
from efficientdet.modeling.folding import normalized_each
from efficientdet.modeling.head_outputs import drop_features, flat_predictions
from efficientdet.modeling.hyperparams import ConvHyperparams, KernelSettings
from efficientdet.modeling.recomputation import recomputed
from efficientdet.ops.box_coder import CODE_SIZE
from efficientdet.types import Predictions

# Of layers that read variables of others, for several maps: in float32, so that the gradients of all maps are added in
# float32. The maps stay what they are.
_SHARING: Mapping[str, Any] = {"dtype": "float32", "autocast": False}


class _Kernels(NamedTuple):
    """Of one convolution."""

    depthwise: KernelSettings  # or of a full convolution's one kernel
    pointwise: KernelSettings


class WeightSharedHeadSettings(NamedTuple):
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
      share_tower: the class head has no layers of its own and reads what those of the box head make.
      dropout_rate: of the features that the final convolution of the class head reads, in training.
    """

    depth: int
    num_layers: int
    kernel_size: int = 3
    use_depthwise: bool = True
    hyperparams: ConvHyperparams = ConvHyperparams()
    apply_to_pointwise: bool = False
    apply_to_final: bool = False
    share_tower: bool = False
    dropout_rate: float = 0.0

    @property
    def layer_kernels(self) -> _Kernels:
        """Those of a layer."""
        kernel = self.hyperparams.kernel
        return _Kernels(kernel, kernel if self.apply_to_pointwise else KernelSettings())

    @property
    def final_kernels(self) -> _Kernels:
        """Those of the final convolution."""
        reached = self.apply_to_final or not self.use_depthwise
        kernel = self.hyperparams.kernel if reached else KernelSettings()
        return _Kernels(kernel, kernel)


class WeightSharedHeads(keras.layers.Layer):
    """Predicts class logits and box codes from a pyramid: convolutions shared by all levels, batch norms per level."""

    def __init__(
        self,
        in_channels: int,
        *,
        num_levels: int,
        num_slots: int,
        num_anchors: int,
        settings: WeightSharedHeadSettings,
        class_bias: float = -4.6,
        box_code_clip: tuple[float, float] | None = None,
        name: str = "heads",
    ) -> None:
        """Builds both heads.

        Args:
          in_channels: of every pyramid level.
          num_levels: of the pyramid.
          num_slots: S, the classes and the background where it has a slot, the first.
          num_anchors: per cell of a feature map.
          settings: of both heads.
          class_bias: initial bias of the class logits; -4.6 starts every score at .01, so that the many easy negatives
            do not swamp the first steps (RetinaNet, section 4.1).
          box_code_clip: (min, max) that box codes are clipped to.
          name: first part of all variable names.
        """
        super().__init__(name=name, **_SHARING)
        self.recompute = False
        """Whether each layer is computed again in the backward pass."""
        self._num_slots = num_slots
        self._box_code_clip = box_code_clip
        self._dropout_rate = settings.dropout_rate
        self._shares_tower = settings.share_tower
        class_settings, class_channels = settings, in_channels
        if settings.share_tower and settings.num_layers:
            class_settings, class_channels = settings._replace(num_layers=0), settings.depth
        with tf.name_scope(name):
            self.boxes = Head(
                in_channels, num_anchors * CODE_SIZE, num_levels=num_levels, settings=settings, name="boxes"
            )
            self.classes = Head(
                class_channels,
                num_anchors * num_slots,
                num_levels=num_levels,
                settings=class_settings,
                bias=class_bias,
                name="classes",
            )

    def call(self, pyramid: Sequence[tf.Tensor], training: bool = False, seed: tf.Tensor | None = None) -> Predictions:
        """See `detection_model.Heads`."""
        tower = functools.partial(Head.tower, pyramid=pyramid, training=training, recompute=training and self.recompute)
        features = tower(self.boxes)
        class_features = features if self._shares_tower else tower(self.classes)
        if training and self._dropout_rate:
            class_features = drop_features(class_features, self._dropout_rate, seed)
        logits, codes = self.classes.predict(class_features), self.boxes.predict(features)
        return flat_predictions(logits, codes, num_slots=self._num_slots, box_code_clip=self._box_code_clip)


class Head(keras.layers.Layer):
    """Convolution, batch norm, activation, `num_layers` times, then a convolution to the outputs."""

    def __init__(
        self,
        in_channels: int,
        outputs: int,
        *,
        num_levels: int,
        settings: WeightSharedHeadSettings,
        bias: float = 0.0,
        name: str,
    ) -> None:
        """Builds the convolutions that all levels share and one batch norm per layer and level.

        Args:
          in_channels: of every level.
          outputs: channels of the final convolution.
          num_levels: of the pyramid.
          settings: see `WeightSharedHeadSettings`.
          bias: the final convolution's, at the start.
          name: first part of all variable names.
        """
        super().__init__(name=name, **_SHARING)
        norm, depth = settings.hyperparams.norm, settings.depth
        widths = [in_channels] + [depth] * settings.num_layers
        # Whatever the normalisation's `center`, which TFOD heeds everywhere else.
        use_bias = settings.hyperparams.use_bias or norm is None
        with tf.name_scope(name):
            self._activations = tuple(
                observed(settings.hyperparams.activation, f"level_{level}") for level in range(num_levels)
            )
            self.convs = [
                _convolution(width, depth, settings, settings.layer_kernels, use_bias=use_bias, name=f"conv_{number}")
                for number, width in enumerate(widths[:-1])
            ]
            self.norms = norm and [
                [
                    layers.normalization(depth, settings=norm, name=f"norm_{level}_{number}")
                    for number in range(settings.num_layers)
                ]
                for level in range(num_levels)
            ]
            self.final = _convolution(widths[-1], outputs, settings, settings.final_kernels, bias=bias, name="final")

    def tower(self, pyramid: Sequence[tf.Tensor], training: bool = False, recompute: bool = False) -> list[tf.Tensor]:
        """One [B, H_l, W_l, in_channels] per level -> one [B, H_l, W_l, depth] per level."""
        maps = list(pyramid)
        for number in range(len(self.convs)):
            maps = recomputed(functools.partial(self._layer, number, training), *maps, when=recompute)
        return maps

    def _layer(self, number: int, training: bool, *maps: tf.Tensor) -> list[tf.Tensor]:
        norms = self.norms and [of_level[number] for of_level in self.norms]
        results = normalized_each(self.convs[number], norms, maps, training=training)
        return [activation(x) for activation, x in zip(self._activations, results, strict=True)]

    def predict(self, features: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """What `tower` returns -> one float32 [B, H_l, W_l, outputs] per level."""
        return layers.convolve_each(self.final, features, widens=True)


def _convolution(
    in_channels: int,
    filters: int,
    settings: WeightSharedHeadSettings,
    kernels: _Kernels,
    *,
    use_bias: bool = True,
    bias: float = 0.0,
    name: str,
) -> keras.layers.Layer:
    """A separable convolution, or a full one; `bias` is where that starts."""
    convolution: Callable[..., keras.layers.Layer]
    if settings.use_depthwise:
        convolution = functools.partial(layers.separable_conv2d, **kernels._asdict())
    else:
        convolution = functools.partial(layers.conv2d, kernel=kernels.depthwise)
    return convolution(
        in_channels,
        filters,
        settings.kernel_size,
        use_bias=use_bias,
        bias_initializer=keras.initializers.Constant(bias),
        name=name,
    )
