# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Mean and standard deviation of the colours of pictures: what `normalization` of a config is made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class ChannelStatistics(NamedTuple):
    """Of red, green and blue, in the unit of the pictures."""

    mean: tuple[float, ...]
    stddev: tuple[float, ...]  # of the pixels as they are: the sum of squares is divided by their number
    num_images: int


class ChannelSums:
    """Sums over the pixels of pictures that come one by one; every pixel counts the same, so that large pictures weigh
    more than small ones.
    """

    def __init__(self) -> None:
        self._num_images = 0
        self._num_pixels = 0
        self._sums = np.zeros(3)
        self._squares = np.zeros(3)

    def add(self, picture: np.ndarray) -> None:
        """Adds a picture: [h, w, 3] of any type."""
        values = np.asarray(picture, np.float64).reshape(-1, 3)
        self._num_images += 1
        self._num_pixels += len(values)
        self._sums += values.sum(axis=0)
        self._squares += np.square(values).sum(axis=0)

    def statistics(self) -> ChannelStatistics:
        """Of all pictures so far.

        Raises:
          ValueError: there was no pixel.
        """
        if not self._num_pixels:
            raise ValueError("there are no pixels to take a mean of")
        mean = self._sums / self._num_pixels
        # Rounding can make the difference of two equal numbers negative.
        variance = np.maximum(self._squares / self._num_pixels - np.square(mean), 0.0)
        return ChannelStatistics(tuple(mean.tolist()), tuple(np.sqrt(variance).tolist()), self._num_images)
