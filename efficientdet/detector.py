# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The detector: one path from pictures to detections, for evaluation, export and inference alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import tensorflow as tf
import tf_keras as keras

from efficientdet.types import Detections, Predictions


class Preprocess(Protocol):
    """Turns pictures into inputs of the network, and inputs back into what can be looked at."""

    def __call__(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Maps uint8 or float32 [h, w, 3] to (inputs float32 [H, W, 3], true size int32 [2])."""

    def preprocess_batch(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Maps uint8 or float32 [B, h, w, 3] to (inputs float32 [B, H, W, 3], true sizes int32 [B, 2])."""

    def to_pixels(self, inputs: np.ndarray) -> np.ndarray:
        """Maps inputs float32 [..., 3] back to RGB, uint8 [..., 3]; size and padding stay."""


class Detector(tf.Module):
    """A network between its preprocessing and its post-processing.

    The parts know nothing of each other. Whoever evaluates, exports or infers goes through this class, so that what is
    measured is what is shipped.

    Attributes:
      model: the network, a tf_keras model: (inputs, training) -> Predictions; its `regularization_loss()` is the sum of
        its L2 terms, float32 [].
      preprocess: pictures -> (inputs, true sizes).
      postprocess: (Predictions, true sizes) -> Detections.
      decode: Predictions -> (boxes [B, A, 4], scores [B, A, C]), without a decision.
    """

    def __init__(
        self,
        model: keras.Model,
        preprocess: Preprocess,
        postprocess: Callable[[Predictions, tf.Tensor], Detections],
        decode: Callable[[Predictions], tuple[tf.Tensor, tf.Tensor]],
    ) -> None:
        super().__init__(name="detector")
        self.model = model
        self.preprocess = preprocess
        self.postprocess = postprocess
        self.decode = decode

    def predict(self, inputs: tf.Tensor) -> Predictions:
        """Runs the network in inference mode: moving batch statistics, no stochastic depth.

        Args:
          inputs: float32 [B, H, W, 3], normalised and padded.

        Returns:
          Predictions of every anchor.
        """
        return self.model(inputs, training=False)

    def detect(self, inputs: tf.Tensor, true_sizes: tf.Tensor) -> tuple[Predictions, Detections]:
        """Detects in preprocessed pictures.

        Args:
          inputs: float32 [B, H, W, 3], normalised and padded.
          true_sizes: int32 [B, 2], (h, w) of each picture inside its padded input.

        Returns:
          The predictions of every anchor, and the detections, normalised to the picture without its padding.
        """
        predictions = self.predict(inputs)
        return predictions, self.postprocess(predictions, true_sizes)

    def __call__(self, images: tf.Tensor) -> Detections:
        """Detects in pictures of one size.

        Args:
          images: uint8, or float32 in 0..255, [B, h, w, 3], RGB.

        Returns:
          Detections, normalised to the picture.
        """
        inputs, true_sizes = self.preprocess.preprocess_batch(images)
        return self.detect(inputs, true_sizes)[1]
