# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A detector small enough to follow by hand: an 8 x 8 grid of cells over a 64 x 64 input, each cell an anchor."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tf_keras as keras

from efficientdet.detector import Detector
from efficientdet.types import Detections, Predictions

SIDE, CELLS, CLASSES, KEPT = 64, 8, 3, 10
ANCHORS = np.array(
    [[y, x, y + 1, x + 1] for y in range(CELLS) for x in range(CELLS)], np.float32
) / np.float32(CELLS)  # fmt: skip
SCORE_THRESHOLD = 0.8


class ToyModel(keras.Model):
    """One convolution; the first channels of a cell are its logits, the last four its codes."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = keras.layers.Conv2D(
            CLASSES + 4,
            SIDE // CELLS,
            SIDE // CELLS,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.2, seed=3),
            kernel_regularizer=keras.regularizers.L2(0.01),
        )
        self.cells.build([None, SIDE, SIDE, 3])

    def call(self, inputs: tf.Tensor, training: bool = False) -> Predictions:
        flat = tf.reshape(self.cells(inputs), [-1, CELLS * CELLS, CLASSES + 4])
        return Predictions(flat[..., :CLASSES], flat[..., CLASSES:])

    def regularization_loss(self) -> tf.Tensor:
        return tf.add_n(self.losses)


class ToyPreprocess:
    """Scales the longer side to 64, pads at the bottom and right, maps 0..255 to -1..1."""

    def __call__(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, true_sizes = self.preprocess_batch(image[tf.newaxis])
        return inputs[0], true_sizes[0]

    def preprocess_batch(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        size = tf.cast(tf.shape(images)[1:3], tf.float32)
        true_size = tf.cast(tf.round(size * SIDE / tf.reduce_max(size)), tf.int32)
        scaled = tf.image.resize(tf.cast(images, tf.float32) / 127.5 - 1.0, true_size)
        padding = [[0, 0], [0, SIDE - true_size[0]], [0, SIDE - true_size[1]], [0, 0]]
        inputs = tf.ensure_shape(tf.pad(scaled, padding), [None, SIDE, SIDE, 3])
        return inputs, tf.tile(true_size[tf.newaxis], [tf.shape(images)[0], 1])

    def to_pixels(self, inputs: np.ndarray) -> np.ndarray:
        return np.clip(np.rint((inputs + 1.0) * 127.5), 0, 255).astype(np.uint8)


def toy_decode(predictions: Predictions) -> tuple[tf.Tensor, tf.Tensor]:
    scores = tf.sigmoid(predictions.class_logits)
    return tf.tile(ANCHORS[np.newaxis], [tf.shape(scores)[0], 1, 1]), scores


def toy_postprocess(predictions: Predictions, true_sizes: tf.Tensor) -> Detections:
    """Keeps the best class of the best cells; no suppression."""
    boxes, scores = toy_decode(predictions)
    best, anchors = tf.math.top_k(tf.reduce_max(scores, axis=-1), KEPT)
    in_use = best > SCORE_THRESHOLD
    classes = tf.gather(tf.argmax(scores, axis=-1, output_type=tf.int32), anchors, batch_dims=1)
    scale = SIDE / tf.tile(tf.cast(true_sizes, tf.float32), [1, 2])[:, tf.newaxis]
    kept = tf.gather(boxes, anchors, batch_dims=1) * scale
    rows = tf.cast(in_use, tf.int32)
    return Detections(
        boxes=tf.where(in_use[..., tf.newaxis], kept, 0.0),
        scores=tf.where(in_use, best, 0.0),
        classes=classes * rows,
        anchors=anchors * rows,
        count=tf.reduce_sum(rows, axis=1),
    )


def toy_detector() -> Detector:
    return Detector(ToyModel(), ToyPreprocess(), toy_postprocess, toy_decode)


def toy_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, [height, width, 3]).astype(np.uint8)
