# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The tensors that travel between modules, as NamedTuples (they pass through tf.data, Keras calls and strategy.run).

Letters in shapes, everywhere in this package:
  B  images in a batch              H, W  height and width of the network's input
  A  anchors over all levels        h, w  height and width of one picture
  C  classes (without background)   N     boxes of one picture
  S  class slots: C, or 1 + C where the network has one for the background, which is the first
  K  detections kept                M     rows that ground truth is padded to

Boxes are float32 [..., 4] as (ymin, xmin, ymax, xmax). Classes are 0-based rows (label-map id - 1); ids appear only
where the outside world is met (records, exported signatures, JSON). Predictions are flat over levels: finest level
first, then row, column, anchor of the cell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import tensorflow as tf


class Example(NamedTuple):
    """One picture with its truth, as augmentation sees it. Boxes are normalised to the picture."""

    image: tf.Tensor  # uint8 as decoded, or float32 in 0..255 once an operation resampled it; [h, w, 3], RGB
    boxes: tf.Tensor  # float32 [N, 4]
    classes: tf.Tensor  # int32 [N]
    weights: tf.Tensor  # float32 [N]; 0 takes a box out of the losses
    is_crowd: tf.Tensor  # bool [N]
    is_difficult: tf.Tensor  # bool [N]
    areas: tf.Tensor  # float32 [N], square pixels of the original picture as annotated (COCO: of the mask)
    source_id: tf.Tensor  # string []
    original_size: tf.Tensor  # int32 [2], (h, w) of the decoded picture

    def box_fields(self) -> dict[str, tf.Tensor]:
        """The fields with a row per box, by name: those that `GroundTruth` has too."""
        return {name: value for name, value in self._asdict().items() if name in GroundTruth._fields}

    def map_boxes(self, function: Callable[[tf.Tensor], tf.Tensor]) -> Example:
        """A copy whose `box_fields` have gone through `function`, each on its own."""
        return self._replace(**{name: function(value) for name, value in self.box_fields().items()})


class GroundTruth(NamedTuple):
    """The truth of a batch, padded to M rows. Boxes are normalised to the network's (padded) input."""

    boxes: tf.Tensor  # float32 [B, M, 4]
    classes: tf.Tensor  # int32 [B, M]
    weights: tf.Tensor  # float32 [B, M]
    is_crowd: tf.Tensor  # bool [B, M]
    is_difficult: tf.Tensor  # bool [B, M]
    areas: tf.Tensor  # float32 [B, M], as in Example
    count: tf.Tensor  # int32 [B], rows in use


class Targets(NamedTuple):
    """What each anchor should predict; [B, A], or [A] for one picture."""

    classes: tf.Tensor  # int32 [B, A], class row of the matched truth, -1 for background
    class_weights: tf.Tensor  # float32 [B, A]
    box_codes: tf.Tensor  # float32 [B, A, 4], zeros where nothing matched
    box_weights: tf.Tensor  # float32 [B, A], 0 where nothing matched


class Batch(NamedTuple):
    """A batch as the trainer and the evaluator receive it."""

    inputs: tf.Tensor  # float32 [B, H, W, 3], normalised and padded
    true_sizes: tf.Tensor  # int32 [B, 2], (h, w) of the picture inside the padded input
    original_sizes: tf.Tensor  # int32 [B, 2], (h, w) of the picture as decoded
    source_ids: tf.Tensor  # string [B]
    ground_truth: GroundTruth
    targets: Targets


class Predictions(NamedTuple):
    """What the network says, before any decision."""

    class_logits: tf.Tensor  # float32 [B, A, S]
    box_codes: tf.Tensor  # float32 [B, A, 4], (ty, tx, th, tw)


class Losses(NamedTuple):
    """Scalars, float32 []. Each is divided by its normaliser already; `total` is their sum."""

    localization: tf.Tensor
    classification: tf.Tensor
    regularization: tf.Tensor
    total: tf.Tensor

    def tags(self) -> dict[str, float]:
        """The losses as numbers, by the tags under which TensorBoard and metrics files show them."""
        return {f"Loss/{name}_loss": float(value) for name, value in self._asdict().items()}


class Detections(NamedTuple):
    """The decided boxes, best score first, zero-padded to K rows."""

    boxes: tf.Tensor  # float32 [B, K, 4], normalised to the picture (without padding)
    scores: tf.Tensor  # float32 [B, K]
    classes: tf.Tensor  # int32 [B, K]
    anchors: tf.Tensor  # int32 [B, K], the anchor each box came from
    count: tf.Tensor  # int32 [B], rows in use
