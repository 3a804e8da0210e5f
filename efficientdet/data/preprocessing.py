# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""From a picture of any size to the network's input: resize, normalise, pad. The same for training and serving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf

ResizeMethod = Literal["bilinear", "nearest", "bicubic", "area"]

_LUMA = (0.2989, 0.5870, 0.1140)  # of R, G, B; as in the Object Detection API (TFOD) and tf.image


class KeepAspectRatio(NamedTuple):
    """Fits the picture into the input, top left, and pads the rest.

    The shorter side becomes at most `min_dimension` and the longer at most `max_dimension`; the input is a square of
    `max_dimension`.
    """

    min_dimension: int
    max_dimension: int
    pad_value: tuple[float, float, float] = (0.0, 0.0, 0.0)  # after normalisation, so that 0 is the mean colour
    half_pixel_centers: bool = False  # see `resize`
    truncate_size: bool = False  # cuts the resized sides down to whole pixels instead of rounding them
    method: ResizeMethod = "bilinear"  # see `resize`
    grayscale: bool = False  # replaces the colour by its brightness, in all three channels

    @property
    def input_size(self) -> tuple[int, int]:
        """(H, W) of the network's input."""
        return self.max_dimension, self.max_dimension

    def resized(self, size: tf.Tensor) -> tf.Tensor:
        """Size of a picture after resizing; int32 [2] to int32 [2], (h, w)."""
        sides = tf.cast(size, tf.float32)
        landscape = tf.constant([self.min_dimension, self.max_dimension], tf.float32)
        bounds = tf.where(size[0] <= size[1], landscape, landscape[::-1])
        exact = tf.reduce_min(bounds / sides) * sides
        return tf.maximum(tf.cast(exact if self.truncate_size else tf.round(exact), tf.int32), 1)


class FixedShape(NamedTuple):
    """Stretches the picture to the input."""

    height: int
    width: int
    pad_value: tuple[float, float, float] = (0.0, 0.0, 0.0)  # nothing is left to pad
    half_pixel_centers: bool = False  # see `resize`
    method: ResizeMethod = "bilinear"  # see `resize`
    grayscale: bool = False  # as in `KeepAspectRatio`

    @property
    def input_size(self) -> tuple[int, int]:
        """(H, W) of the network's input."""
        return self.height, self.width

    def resized(self, size: tf.Tensor) -> tf.Tensor:
        """Size of a picture after resizing; int32 [2] to int32 [2], (h, w)."""
        del size
        return tf.constant([self.height, self.width])


class Preprocessor:
    """Resizes, normalises and pads.

    Turning gray and normalising are linear, so they are done after resizing, on fewer values than in the order of the
    Object Detection API (TFOD) and with the same result.
    """

    def __init__(self, resize: KeepAspectRatio | FixedShape, *, mean: Sequence[float], stddev: Sequence[float]) -> None:
        """Holds the settings.

        Args:
          resize: how a picture is brought into the input.
          mean: of the three channels, in units of 0..255.
          stddev: likewise; the input is (value - mean) / stddev.

        Raises:
          ValueError: when there are not three of each, or a stddev is not positive.
        """
        if len(mean) != 3 or len(stddev) != 3 or min(stddev) <= 0:
            raise ValueError(f"mean {list(mean)} and stddev {list(stddev)} must have 3 values each, stddev above 0")
        self._resize = resize
        self._mean, self._stddev = np.asarray(mean), np.asarray(stddev)
        # A row for the full width: multiplying whole rows is 6 times as fast as broadcasting three channel values.
        width = resize.input_size[1]
        self._multiplier = np.tile(1.0 / self._stddev, width).astype(np.float32)
        self._offset = np.tile(-self._mean / self._stddev, width).astype(np.float32)

    @property
    def input_size(self) -> tuple[int, int]:
        """(H, W) of the network's input."""
        return self._resize.input_size

    def __call__(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Prepares one picture.

        Args:
          image: uint8 or float32 in 0..255, [h, w, 3], RGB.

        Returns:
          inputs float32 [H, W, 3], and the true size int32 [2], (h, w) of the picture inside it.
        """
        inputs, true_sizes = self.preprocess_batch(image[tf.newaxis])
        return inputs[0], true_sizes[0]

    def preprocess_batch(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Prepares pictures of one size.

        Args:
          images: uint8 or float32 in 0..255, [B, h, w, 3], RGB.

        Returns:
          inputs float32 [B, H, W, 3], and the true sizes int32 [B, 2].
        """
        images = tf.convert_to_tensor(images)
        true_size = self._true_size(images)
        resized = self._resized(images, true_size)
        if self._resize.grayscale:
            resized = to_gray(resized)
        true_sizes = tf.tile(true_size[np.newaxis], [tf.shape(images)[0], 1])
        return self._pad(self._normalize(resized)), true_sizes

    def to_pixels(self, inputs: np.ndarray) -> np.ndarray:
        """Undoes the normalisation, to show what the network sees.

        Args:
          inputs: float32 [..., 3].

        Returns:
          uint8 [..., 3], rounded and clipped to 0..255.
        """
        return np.clip(np.rint(inputs * self._stddev + self._mean), 0, 255).astype(np.uint8)

    def boxes_in_input(self, boxes: tf.Tensor, true_size: tf.Tensor) -> tf.Tensor:
        """Moves boxes normalised to the picture into the frame of the padded input; float32 [N, 4] both."""
        share = tf.cast(true_size, tf.float32) / tf.constant(self.input_size, tf.float32)
        return boxes * tf.tile(share, [2])

    def _true_size(self, images: tf.Tensor) -> tf.Tensor | np.ndarray:
        """Size after resizing, int32 [2]; a NumPy array where the size before is known while a graph is made."""
        size = images.shape[1:3]
        if not size.is_fully_defined():
            return self._resize.resized(tf.shape(images)[1:3])
        with tf.init_scope():
            return self._resize.resized(tf.constant(size.as_list())).numpy()

    def _resized(self, images: tf.Tensor, size: tf.Tensor | np.ndarray) -> tf.Tensor:
        """Float32 [B, h, w, 3] of the size; nothing is sampled where that is known to be the images' own."""
        if not tf.is_tensor(size) and images.shape[1:3] == size:
            return tf.cast(images, tf.float32)
        settings = self._resize
        return resize(images, size, method=settings.method, half_pixel_centers=settings.half_pixel_centers)

    def _normalize(self, images: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(images)
        values = shape[2] * 3
        multiplier, offset = tf.constant(self._multiplier)[:values], tf.constant(self._offset)[:values]
        return tf.reshape(tf.reshape(images, [-1, values]) * multiplier + offset, shape)

    def _pad(self, images: tf.Tensor) -> tf.Tensor:
        height, width = self.input_size
        if images.shape[1:3] != [height, width]:
            shape = tf.shape(images)
            images = pad_with(images, (0, height - shape[1]), (0, width - shape[2]), self._resize.pad_value)
        return tf.ensure_shape(images, [None, height, width, 3])


Padding = tuple[tf.Tensor | int, tf.Tensor | int]
"""Pixels before and after."""


def pad_with(images: tf.Tensor, rows: Padding, columns: Padding, color: Sequence[float] | tf.Tensor) -> tf.Tensor:
    """Pads with a colour.

    The values of a line are taken as one dimension: TensorFlow pads that in a third of the time.

    Args:
      images: float32 [..., h, w, 3].
      rows: above and below.
      columns: left and right.
      color: three values, in the unit of the images.

    Returns:
      float32 [..., rows + h, columns + w, 3].
    """
    shape = tf.shape(images)
    outer, (height, width, _) = shape[:-3], tf.unstack(shape[-3:])
    paddings = [[0, 0]] * (images.shape.rank - 3) + [rows, [3 * side for side in columns]]
    lines = tf.reshape(images, tf.concat([outer, [height, 3 * width]], axis=0))
    padded_width = columns[0] + width + columns[1]
    if not tf.is_tensor(color) and not any(color):
        padded = tf.pad(lines, paddings)
    else:
        value = tf.convert_to_tensor(color, tf.float32)
        padded = tf.pad(lines - tf.tile(value, [width]), paddings) + tf.tile(value, [padded_width])
    return tf.reshape(padded, tf.concat([outer, [rows[0] + height + rows[1], padded_width, 3]], axis=0))


def to_gray(images: tf.Tensor) -> tf.Tensor:
    """Replaces the colour by its brightness, in all three channels; float32 [..., 3] both."""
    brightness = tf.linalg.matvec(images, tf.constant(_LUMA))
    return tf.stack([brightness] * 3, axis=-1)


def resize(
    images: tf.Tensor, size: tf.Tensor, *, method: ResizeMethod = "bilinear", half_pixel_centers: bool = False
) -> tf.Tensor:
    """Resizes pictures; all methods but "area" look at a few pixels alone, however much they shrink.

    With s = input size / output size, pixel i of the result lies at i * s (the sampling of TensorFlow 1, which the
    Object Detection API was trained with), or with half pixel centres at (i + 1/2) * s - 1/2 (`tf.image.resize` of
    TensorFlow 2, which google/automl was trained with). "area" averages from i * s to (i + 1) * s in both cases.

    Args:
      images: uint8 or float32 [B, h, w, 3].
      size: int32 [2], (height, width).
      method: "bilinear" weighs 2 x 2 pixels, "bicubic" 4 x 4, which may overshoot 0..255; "nearest" takes one.
      half_pixel_centers: where to sample. The cubic of "bicubic" is that of Keys 1981 with them (a = -1/2), and another
        without (a = -3/4), as in TensorFlow.

    Returns:
      float32 [B, height, width, 3].
    """
    if method == "area":
        return tf.raw_ops.ResizeArea(images=images, size=size, align_corners=False)
    kernel = _SAMPLING_KERNELS[method]
    resized = kernel(images=images, size=size, align_corners=False, half_pixel_centers=half_pixel_centers)
    return tf.cast(resized, tf.float32)


_SAMPLING_KERNELS: dict[ResizeMethod, Callable[..., tf.Tensor]] = {
    "bilinear": tf.raw_ops.ResizeBilinear,
    "nearest": tf.raw_ops.ResizeNearestNeighbor,
    "bicubic": tf.raw_ops.ResizeBicubic,
}
