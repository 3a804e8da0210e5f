# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The bidirectional feature pyramid: a layer that executes the plan of `topology`.

Reference: Tan et al. 2020, section 3 (arXiv:1911.09070).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias, get_args

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.folding import normalized
from efficientdet.modeling.hyperparams import ConvHyperparams
from efficientdet.modeling.recomputation import recomputed
from efficientdet.modeling.scaling import CombineMethod
from efficientdet.modeling.topology import Node, topology
from efficientdet.ops import wide_sums
from efficientdet.ops.uses import each_use

COMBINE_METHODS: tuple[CombineMethod, ...] = get_args(CombineMethod)

Size = tuple["int | tf.Tensor", "int | tf.Tensor"]  # (height, width)
_Maps: TypeAlias = dict[str, Iterator[tf.Tensor]]  # the feature maps known so far, once for each use of them
_ATTENTION_EPSILON = 1e-4  # of fast_attention's normaliser


class BiFPN(keras.layers.Layer):
    """Fuses feature maps across scales: C3-C5 of a backbone -> P3-P7 (or another range) of equal width."""

    def __init__(
        self,
        channels: Sequence[int],
        *,
        levels: Sequence[int] = (3, 4, 5),
        max_level: int = 7,
        num_filters: int,
        num_iterations: int,
        combine_method: CombineMethod = "fast_attention",
        hyperparams: ConvHyperparams,
        name: str = "fpn",
    ) -> None:
        """Builds all nodes.

        Args:
          channels: of the backbone's feature maps, one per entry of `levels`.
          levels: of the backbone's feature maps, ascending without gaps.
          max_level: the coarsest level of the pyramid.
          num_filters: channels of every output.
          num_iterations: how often the pyramid is traversed down and up.
          combine_method: how a node joins its inputs, see `Fusion`.
          hyperparams: of all convolutions; its kernel settings reach both kernels of the separable ones.
          name: first part of all variable names.

        Raises:
          ValueError: for an unknown combine method or a pyramid that cannot be laid out.
        """
        super().__init__(name=name)
        self.levels = tuple(range(levels[0], max_level + 1))
        self._levels_in = tuple(levels)
        self._plan = plan = topology(levels, max_level=max_level, num_iterations=num_iterations)
        self.recompute = False
        """Whether each cell is computed again in the backward pass."""
        # What is known of every feature map: its level and its channels.
        known = {f"C{level}": (level, width) for level, width in zip(levels, channels, strict=True)}
        known |= {node.name: (node.level, num_filters) for node in (*plan.extra, *plan.nodes)}
        with tf.name_scope(name):
            self.extra = [
                Resample(known[node.inputs[0]][1], num_filters, step=1, hyperparams=hyperparams, name=node.name)
                for node in plan.extra
            ]
            self.nodes = [
                FusionNode(
                    [known[source][1] for source in node.inputs],
                    num_filters,
                    steps=[node.level - known[source][0] for source in node.inputs],
                    combine_method=combine_method,
                    hyperparams=hyperparams.observed(f"cell_{number}"),
                    name=node.name,
                )
                for number, cell in enumerate(plan.cells, start=1)
                for node in cell
            ]

    def call(self, features: Sequence[tf.Tensor], training: bool = False) -> tuple[tf.Tensor, ...]:
        """Fuses the feature maps.

        Args:
          features: one [B, H_l, W_l, channels_l] per backbone level, each half the size of the one before, rounded up;
            float32 or the short type that is computed in.
          training: whether batch norms use the batch's statistics.

        Returns:
          One [B, H_l, W_l, num_filters] per pyramid level, finest first, of the same type.
        """
        plan = self._plan
        maps = {f"C{level}": each_use(feature) for level, feature in zip(self._levels_in, features, strict=True)}
        sizes = {level: _size(feature) for level, feature in zip(self._levels_in, features, strict=True)}
        for node, resample in zip(plan.extra, self.extra, strict=True):
            height, width = sizes[node.level - 1]
            sizes[node.level] = (height + 1) // 2, (width + 1) // 2
            x = resample(next(maps[node.inputs[0]]), size=sizes[node.level], training=training)
            maps[node.name] = each_use(x)
        fusions = iter(self.nodes)
        for number, cell in enumerate(plan.cells):
            fuse = functools.partial(self._fuse, list(zip(cell, fusions, strict=False)), sizes, training)
            if training and self.recompute:
                self._fuse_again(number, fuse, maps)
            else:
                fuse(maps)
        return tuple(next(maps[output]) for output in plan.outputs)

    def _fuse(
        self, nodes: Sequence[tuple[Node, FusionNode]], sizes: Mapping[int, Size], training: bool, maps: _Maps
    ) -> None:
        """Adds the feature maps of the nodes to `maps`, which holds what they are computed from."""
        for node, fusion in nodes:
            inputs = [next(maps[source]) for source in node.inputs]
            maps[node.name] = each_use(fusion(inputs, size=sizes[node.level], training=training))

    def _fuse_again(self, number: int, fuse: Callable[[_Maps], None], maps: _Maps) -> None:
        """Adds the feature maps of a cell to `maps`: of its own only those that others need."""
        made = {node.name for node in self._plan.cells[number]}
        later = itertools.chain.from_iterable(self._plan.cells[number + 1 :])
        needed = {*self._plan.outputs, *(source for node in later for source in node.inputs)}
        read = {source for node in self._plan.cells[number] for source in node.inputs}
        inputs, outputs = sorted(read - made), sorted(made & needed)

        def cell(*features: tf.Tensor) -> list[tf.Tensor]:
            inner = dict(zip(inputs, map(each_use, features), strict=True))
            fuse(inner)
            return [next(inner[output]) for output in outputs]

        results = recomputed(cell, *(next(maps[source]) for source in inputs))
        maps.update(zip(outputs, map(each_use, results), strict=True))


class FusionNode(keras.layers.Layer):
    """One node: resample every input, combine, activate, separable convolution, batch norm without activation."""

    def __init__(
        self,
        in_channels: Sequence[int],
        filters: int,
        *,
        steps: Sequence[int],
        combine_method: CombineMethod,
        hyperparams: ConvHyperparams,
        name: str,
    ) -> None:
        """Builds one resampling per input, the fusion and the convolution behind it."""
        super().__init__(name=name)
        self._activation = hyperparams.activation
        with tf.name_scope(name):
            self.resamples = [
                Resample(channels, filters, step=step, hyperparams=hyperparams, name=f"input_{number}")
                for number, (channels, step) in enumerate(zip(in_channels, steps, strict=True))
            ]
            self.fusion = Fusion(len(in_channels), combine_method, name="fusion")
            kernel = hyperparams.kernel
            self.conv = layers.separable_conv2d(
                filters, filters, 3, depthwise=kernel, pointwise=kernel, use_bias=hyperparams.has_bias, name="conv"
            )
            self.norm = _normalization(filters, hyperparams)

    def call(self, inputs: Sequence[tf.Tensor], size: Size, training: bool = False) -> tf.Tensor:
        """Joins feature maps of neighbouring levels.

        Args:
          inputs: [B, H_i, W_i, C_i] each.
          size: (height, width) of this node's level.
          training: whether batch norms use the batch's statistics.

        Returns:
          [B, height, width, filters].
        """
        resampled = [
            resample(feature, size=size, training=training)
            for feature, resample in zip(inputs, self.resamples, strict=True)
        ]
        return normalized(self.conv, self.norm, self._activation(self.fusion(resampled)), training=training)


class Resample(keras.layers.Layer):
    """Brings a feature map to the width and then to the size of another level.

    Width: 1x1 convolution and batch norm where the channels differ. Size: max-pooling for the next coarser level,
    nearest neighbour for the next finer one.
    """

    def __init__(self, in_channels: int, filters: int, *, step: int, hyperparams: ConvHyperparams, name: str) -> None:
        """Builds the projection if there is one; `step` is the target's level minus the input's: -1, 0 or 1."""
        super().__init__(name=name)
        self._step = step
        self.conv = self.norm = None
        if in_channels == filters:
            return
        with tf.name_scope(name):
            self.conv = layers.conv2d(
                in_channels, filters, 1, kernel=hyperparams.kernel, use_bias=hyperparams.has_bias, name="conv"
            )
            self.norm = _normalization(filters, hyperparams)

    def call(self, inputs: tf.Tensor, size: Size, training: bool = False) -> tf.Tensor:
        """[B, H, W, in_channels] -> [B, *size, filters]."""
        x = inputs if self.conv is None else normalized(self.conv, self.norm, inputs, training=training)
        if self._step < 0:
            return upsample_to(x, size)
        return max_pool_half(x) if self._step > 0 else x


class Fusion(keras.layers.Layer):
    """Joins feature maps of equal shape x_1..x_n with weights w that start at 1.

    - "fast_attention": sum of x_i * relu(w_i) / (sum of relu(w) + 1e-4), the paper's fast normalised fusion.
    - "weighted_sum": sum of x_i * w_i.
    - "sum": sum of x_i, no weights.
    - "attention": as TFOD computes it, which is the plain sum: its softmax runs over an axis of length 1, so that every
      weight becomes 1. The weights exist (checkpoints hold them) and get no gradient.

    The weights are computed in float32, in whatever type the maps are.
    """

    def __init__(self, num_inputs: int, method: CombineMethod, *, name: str) -> None:
        """Creates the weights, if the method has any: float32 [num_inputs, 1], TFOD's shape."""
        super().__init__(name=name, dtype="float32", autocast=False)
        if method not in COMBINE_METHODS:
            raise ValueError(f"combine_method ({method!r}) must be one of {', '.join(COMBINE_METHODS)}")
        self._method = method
        if method != "sum":
            with tf.name_scope(name):
                self.fusion_weights = self.add_weight("weights", (num_inputs, 1), initializer="ones")

    def call(self, inputs: Sequence[tf.Tensor]) -> tf.Tensor:
        """Several tensors of shape [B, H, W, C] -> one."""
        if self._method in ("sum", "attention"):
            return _add(inputs)
        weights = self.fusion_weights[:, 0]
        if self._method == "fast_attention":
            weights = tf.nn.relu(weights)
            weights /= tf.reduce_sum(weights) + _ATTENTION_EPSILON
        each = zip(inputs, tf.unstack(weights, len(inputs)), strict=True)
        return _add([wide_sums.scale(x, weight) for x, weight in each])


def _normalization(filters: int, hyperparams: ConvHyperparams) -> keras.layers.Layer | None:
    return hyperparams.norm and layers.normalization(filters, settings=hyperparams.norm, name="norm")


def _add(inputs: Sequence[tf.Tensor]) -> tf.Tensor:
    """The sum, always in this order: `tf.add_n` starts with whichever input it may overwrite, a matter of timing."""
    return functools.reduce(tf.add, inputs)


def max_pool_half(feature: tf.Tensor) -> tf.Tensor:
    """[B, H, W, C] -> [B, ceil(H / 2), ceil(W / 2), C], the maximum over 3x3 windows."""
    return tf.nn.max_pool2d(feature, 3, 2, "SAME")


def upsample_to(feature: tf.Tensor, size: Size) -> tf.Tensor:
    """Resizes to the nearest neighbour above and to the left: doubles pixels, and cuts the last where a size is odd.

    Args:
      feature: [B, h, w, C].
      size: (height, width), each 2h or 2h - 1 in a pyramid that halves with rounding up (40, 20, 10, 5, 3).

    Returns:
      [B, height, width, C].
    """
    # tf.image.resize cannot express this sampling (half_pixel_centers=False), the one that all published weights know.
    return tf.raw_ops.ResizeNearestNeighbor(images=feature, size=tf.stack(size))


def _size(feature: tf.Tensor) -> Size:
    """(height, width), as integers where they are known while tracing."""
    dynamic = tf.shape(feature)
    height, width = feature.shape[1], feature.shape[2]
    return dynamic[1] if height is None else height, dynamic[2] if width is None else width
