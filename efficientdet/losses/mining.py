# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Hard example mining: which anchors of each picture the losses are summed over.

References: Shrivastava et al. 2016 (arXiv:1604.03540), the hardest examples that do not overlap; Liu et al. 2016,
section 2.2 (arXiv:1512.02325), three negatives for each positive. Both as in the Object Detection API (TFOD).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from efficientdet.ops.box_coder import BoxCoder
from efficientdet.types import Targets

MinedLoss = Literal["both", "classification", "localization"]


@dataclass(frozen=True, eq=False)
class HardExampleMiner:
    """Takes the anchors of greatest loss that do not overlap each other, and of these not too many negatives.

    Attributes:
      num_hard_examples: how many anchors are taken at most, negatives that are then left out included; None takes all.
      iou_threshold: an anchor is passed over if the IoU of its predicted box with that of one taken before is above
        it; none is at 1, where nothing is decoded and compared.
      loss_type: the loss that anchors are sorted by. "both" is the sum; each is given with its weight.
      max_negatives_per_positive: greatest number of negatives kept for each positive anchor taken; None keeps all.
      min_negatives_per_image: negatives kept however few positives there are; without effect where all are.
      anchors: float32 [A, 4], in the unit of the coder.
      coder: of the boxes.
    """

    num_hard_examples: int | None
    iou_threshold: float
    loss_type: MinedLoss
    max_negatives_per_positive: float | None
    min_negatives_per_image: int
    anchors: np.ndarray
    coder: BoxCoder

    def __call__(
        self, localization: tf.Tensor, classification: tf.Tensor, box_codes: tf.Tensor, targets: Targets
    ) -> tf.Tensor:
        """Selects anchors, in each picture on its own. Nothing of it has a gradient.

        Args:
          localization: float32 [B, A], losses.
          classification: float32 [B, A], losses.
          box_codes: float32 [B, A, 4], predicted.
          targets: of [B, A] anchors. A class makes an anchor positive; without a class one of weight 0 is ignored: it
            is neither a positive nor a negative.

        Returns:
          float32 [B, A], 1 for the anchors that count and 0 for the rest.
        """
        losses = {"localization": localization, "classification": classification}
        scores = tf.stop_gradient(losses.get(self.loss_type, localization + classification))
        hardest, taken = self._hardest(scores, tf.stop_gradient(box_codes))
        if self.max_negatives_per_positive is not None:
            positive = targets.classes >= 0
            negative = ~positive & (targets.class_weights > 0)
            positive, negative = (tf.gather(x, hardest, batch_dims=1) & taken for x in (positive, negative))
            taken &= positive | (_count(negative) <= self._max_negatives(positive))
        pictures = tf.broadcast_to(tf.range(tf.shape(hardest)[0])[:, tf.newaxis], tf.shape(hardest))
        # What is not taken adds zeros somewhere.
        return tf.scatter_nd(tf.stack([pictures, hardest], axis=-1), tf.cast(taken, tf.float32), tf.shape(scores))

    def _hardest(self, scores: tf.Tensor, box_codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The anchors of each picture in the order they are taken, int32 [B, K], and which are in use, bool [B, K]."""
        num_anchors = len(self.anchors)
        limit = num_anchors if self.num_hard_examples is None else min(self.num_hard_examples, num_anchors)
        if self.iou_threshold >= 1.0:
            hardest = tf.math.top_k(scores, limit).indices
            return hardest, tf.ones_like(hardest, tf.bool)

        def one_picture(fields: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            boxes, picture_scores = fields
            selected, count = tf.raw_ops.NonMaxSuppressionV4(
                boxes=boxes,
                scores=picture_scores,
                max_output_size=limit,
                iou_threshold=self.iou_threshold,
                score_threshold=-np.inf,
                pad_to_max_output_size=True,
            )
            return tf.ensure_shape(selected, [limit]), tf.range(limit) < count

        boxes = self.coder.decode(box_codes, tf.constant(self.anchors, tf.float32))
        signature = tf.TensorSpec([limit], tf.int32), tf.TensorSpec([limit], tf.bool)
        return tf.map_fn(one_picture, (boxes, scores), fn_output_signature=signature)

    def _max_negatives(self, positive: tf.Tensor) -> tf.Tensor:
        """How many negatives each picture keeps, int32 [B, 1]; `positive` is bool [B, K]."""
        num_positives = tf.reduce_sum(tf.cast(positive, tf.float32), axis=1, keepdims=True)
        allowed = tf.cast(self.max_negatives_per_positive * num_positives, tf.int32)
        return tf.maximum(allowed, self.min_negatives_per_image)


def _count(flags: tf.Tensor) -> tf.Tensor:
    """How many of `flags` bool [B, K] are set up to each, int32 [B, K]."""
    return tf.cumsum(tf.cast(flags, tf.int32), axis=1)
