# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""EfficientNet B0-B7 and Lite0-4 as a feature extractor: the stem and the blocks up to the last feature map in use.

References: Tan & Le 2019 (arXiv:1905.11946); Huang et al. 2016, stochastic depth (arXiv:1603.09382).
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Sequence
from typing import Literal, NamedTuple

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.activation_capture import observed
from efficientdet.modeling.folding import normalized
from efficientdet.modeling.hyperparams import (
    PUBLISHED_BATCH_NORM,
    Activation,
    BackboneDecay,
    BatchNormSettings,
    KernelSettings,
)
from efficientdet.modeling.mbconv import BlockSpec, MBConvBlock, fan_out_normal
from efficientdet.modeling.recomputation import recomputed
from efficientdet.modeling.scaling import BACKBONES, BackboneScale
from efficientdet.ops.kernels import chosen_activation
from efficientdet.ops.uses import fan_out

Endpoints = Literal["b0_layer_names", "last_block"]

_STEM_FILTERS = 32
_STEM_STRIDE = 2


class _Stack(NamedTuple):
    """Blocks of one resolution and width, as B0 has them (table 1 of the paper)."""

    expand_ratio: int
    kernel_size: int
    strides: int  # of the first block
    repeats: int
    filters: int


_STACKS = (
    _Stack(1, 3, 1, 1, 16),
    _Stack(6, 3, 2, 2, 24),
    _Stack(6, 5, 2, 2, 40),
    _Stack(6, 3, 2, 3, 80),
    _Stack(6, 5, 1, 3, 112),
    _Stack(6, 5, 2, 4, 192),
    _Stack(6, 3, 1, 1, 320),
)
_LEVEL_STACKS = {1: 0, 2: 1, 3: 2, 4: 4, 5: 6}  # the last stack of each resolution
# The Object Detection API (TFOD) looks endpoints up by the layer names that B0 gives them: in deeper backbones they lie
# in the middle of a stack.
_LEVEL_BLOCKS_OF_B0 = {1: 0, 2: 1, 3: 1, 4: 2, 5: 0}


def round_filters(filters: int, width: float) -> int:
    """Scales a number of filters to a multiple of 8 that is at least 90 % of the exact value."""
    exact = filters * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * exact else rounded


def block_specs(scale: BackboneScale) -> tuple[BlockSpec, ...]:
    """All blocks of the classification network, in order."""
    specs: list[BlockSpec] = []
    in_filters = _stem_filters(scale)
    for number, stack in enumerate(_STACKS):
        keeps_depth = scale.lite and number in (0, len(_STACKS) - 1)
        filters = round_filters(stack.filters, scale.width)
        for block in range(stack.repeats if keeps_depth else math.ceil(scale.depth * stack.repeats)):
            strides = stack.strides if block == 0 else 1
            specs.append(BlockSpec(number, block, in_filters, filters, stack.expand_ratio, stack.kernel_size, strides))
            in_filters = filters
    return tuple(specs)


def endpoint_blocks(specs: Sequence[BlockSpec], levels: Sequence[int], endpoints: Endpoints) -> tuple[int, ...]:
    """The positions in `specs` of the blocks whose outputs are the feature maps of `levels`.

    Args:
      specs: all blocks of the classification network.
      levels: each in 1..5; a feature map of level l has 1 / 2^l of the input's size.
      endpoints: "last_block" takes the last block of each resolution (google/automl, the paper); "b0_layer_names" takes
        the block that is last in B0 (TFOD), an earlier one in deeper backbones.

    Returns:
      One position per level.

    Raises:
      ValueError: for a level outside 1..5 or unknown endpoints.
    """
    if endpoints not in ("b0_layer_names", "last_block"):
        raise ValueError(f"endpoints ({endpoints!r}) must be 'b0_layer_names' or 'last_block'")
    if not set(levels) <= set(_LEVEL_STACKS):
        raise ValueError(f"levels {tuple(levels)} must lie in 1..5")
    positions = []
    for level in levels:
        stack = [position for position, spec in enumerate(specs) if spec.stack == _LEVEL_STACKS[level]]
        positions.append(stack[-1] if endpoints == "last_block" else stack[_LEVEL_BLOCKS_OF_B0[level]])
    return tuple(positions)


class EfficientNet(keras.layers.Layer):
    """The backbone. Blocks behind the last endpoint and the classifier are not built: no detection depends on them."""

    def __init__(
        self,
        variant: str,
        *,
        levels: Sequence[int] = (3, 4, 5),
        endpoints: Endpoints = "b0_layer_names",
        survival_probability: float = 0.8,
        batch_norm: BatchNormSettings = PUBLISHED_BATCH_NORM,
        decay: BackboneDecay = BackboneDecay(),  # noqa: B008 (immutable)
        name: str = "backbone",
    ) -> None:
        """Builds stem and blocks.

        Args:
          variant: a key of `scaling.BACKBONES`.
          levels: the feature maps to return, ascending, within 1..5.
          endpoints: which block ends a level, see `endpoint_blocks`.
          survival_probability: of the residual branch of the (imagined) block behind the last one; it falls linearly
            from 1 at the first block. 1 turns stochastic depth off.
          batch_norm: settings of all batch norms.
          decay: of kernels and biases.
          name: first part of all variable names.

        Raises:
          ValueError: for an unknown variant, levels, endpoints, or a survival probability outside (0, 1].
        """
        super().__init__(name=name)
        if variant not in BACKBONES:
            raise ValueError(f"backbone {variant!r} is none of {', '.join(BACKBONES)}")
        if not 0 < survival_probability <= 1:
            raise ValueError(f"survival_probability ({survival_probability}) must be above 0 and at most 1")
        scale = BACKBONES[variant]
        all_specs = block_specs(scale)
        ends = endpoint_blocks(all_specs, levels, endpoints)
        specs = all_specs[: max(ends) + 1]
        self.variant = variant
        self.specs = specs
        self.channels = tuple(specs[end].filters for end in ends)
        self._ends = ends
        strides = (_STEM_STRIDE, *(spec.strides for spec in specs))
        self._strides = tuple(itertools.accumulate(strides, operator.mul))  # of the outputs of stem and blocks
        self.recompute_stride = 0.0
        """Stem and blocks up to this stride in the input are computed again in the backward pass."""
        # The rate grows over all blocks of the classification network, in use or not.
        self._survival = tuple(1 - (1 - survival_probability) * k / len(all_specs) for k in range(len(specs)))
        activation: Activation = chosen_activation(tf.nn.relu6 if scale.lite else tf.nn.silu)
        kernel = KernelSettings(fan_out_normal, decay.l2_weight)
        with tf.name_scope(name):
            self._stem_activation = observed(activation, "stem")
            self.stem = layers.conv2d(3, specs[0].in_filters, 3, strides=_STEM_STRIDE, kernel=kernel, name="stem")
            self.stem_norm = layers.normalization(specs[0].in_filters, settings=batch_norm, name="stem_norm")
            self.blocks = [
                MBConvBlock(
                    spec,
                    squeeze_excite=not scale.lite,
                    activation=activation,
                    decay=decay,
                    batch_norm=batch_norm,
                    name=f"block_{spec.stack}_{spec.block}",
                )
                for spec in specs
            ]

    def call(self, images: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None) -> tuple[tf.Tensor, ...]:
        """Extracts the feature maps of `levels`.

        Args:
          images: float32 [B, H, W, 3], normalised.
          training: batch statistics and stochastic depth if true.
          seed: int32 [2], of stochastic depth; needed for training with a survival probability below 1.

        Returns:
          One float32 [B, ceil(H / 2^l), ceil(W / 2^l), channels] per level l.

        Raises:
          ValueError: if a seed is needed and missing.
        """
        scales = self._residual_scales(tf.shape(images)[0], seed) if training else {}
        again = [training and stride <= self.recompute_stride for stride in self._strides]
        x = recomputed(functools.partial(self._stem, training=training), images, when=again[0])
        outputs = []
        for position, layer in enumerate(self.blocks):
            block = functools.partial(layer.__call__, training=training, residual_scale=scales.get(position))
            x, output = fan_out(recomputed(block, x, when=again[position + 1]), 2)
            outputs.append(output)
        return tuple(outputs[end] for end in self._ends)

    def _stem(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        return self._stem_activation(normalized(self.stem, self.stem_norm, images, training=training))

    def _residual_scales(self, batch_size: tf.Tensor, seed: tf.Tensor | None) -> dict[int, tf.Tensor]:
        """Draws which residual branches live: block position -> float32 [B, 1, 1, 1], 0 or 1 / survival probability."""
        dropped = [k for k, spec in enumerate(self.specs) if spec.has_residual and self._survival[k] < 1]
        if not dropped:
            return {}
        if seed is None:
            raise ValueError(
                "training with stochastic depth needs a seed: model(inputs, training=True, seed=int32 [2])"
            )
        survival = tf.constant([[self._survival[k]] for k in dropped])
        draws = tf.random.stateless_uniform([len(dropped), batch_size], seed)
        scales = tf.where(draws < survival, 1 / survival, 0.0)[:, :, None, None, None]
        return dict(zip(dropped, tf.unstack(scales), strict=True))


def _stem_filters(scale: BackboneScale) -> int:
    return _STEM_FILTERS if scale.lite else round_filters(_STEM_FILTERS, scale.width)
