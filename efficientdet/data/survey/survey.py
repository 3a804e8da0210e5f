# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What one pass over a data set leaves behind: columns of numbers, a few hundred bytes for a picture. No TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from efficientdet.data import MAX_PIXELS
from efficientdet.data.faults import Fault
from efficientdet.data.importers.annotation import AnnotatedImage
from efficientdet.data.importers.fixes import Fixes
from efficientdet.data.importers.images import read_upright
from efficientdet.data.importers.source import Entry, Source

CROWD, DIFFICULT, TRUNCATED = 1, 2, 4
"""Bits of `Survey.box_flags`."""

THUMBNAIL_SIDE = 8


@dataclass(frozen=True)
class Survey:
    """A data set, measured. A row is one picture of one split; rows stand in the source's order.

    A picture that fixes drop has no row; one that cannot be used (unreadable picture or annotation) has a row without
    boxes. P rows, N boxes, C class names.

    Attributes:
      source: what was read.
      fixes: what was applied on the way; None for nothing.
      splits: names of the splits, in the source's order, then those that fixes move pictures to.
      split_of: int32 [P], index into `splits`.
      entries: P keys for `source.read`.
      names: P file names of pictures, as a record names them; "" where the annotation cannot be read.
      files: P pictures, relative to the data set's root where they are inside, with forward slashes.
      sizes: int32 [P, 2], height and width in pixels, upright; 0, 0 where the picture is unusable.
      usable: bool [P], whether a record can be made of it.
      digests: uint64 [P, 2], 128 bits of the file's bytes; 0, 0 where the file could not be read.
      hashes: uint64 [P], perceptual hash (see `hashing`); 0 where unusable.
      thumbnails: uint8 [P, 64], 8x8 grey, row by row, to verify look-alikes; 0 where unusable.
      box_bounds: int64 [P + 1]; the boxes of row p are those from box_bounds[p] to box_bounds[p + 1].
      boxes: float32 [N, 4], ymin xmin ymax xmax in pixels of the upright picture, clipped: what a record would hold.
      box_classes: int32 [N], index into `class_names`.
      class_names: C names that occur in `boxes`, sorted.
      box_flags: uint8 [N], CROWD | DIFFICULT | TRUNCATED.
      box_numbers: int32 [N], position of the box among those of its annotation (`annotation`), from 0.
      faults: those of the source, then row by row those of annotation, picture and boxes; `Fault.row` is a row.
    """

    source: Source
    fixes: Fixes | None
    splits: tuple[str, ...]
    split_of: np.ndarray
    entries: Sequence[Entry]
    names: Sequence[str]
    files: Sequence[str]
    sizes: np.ndarray
    usable: np.ndarray
    digests: np.ndarray
    hashes: np.ndarray
    thumbnails: np.ndarray
    box_bounds: np.ndarray
    boxes: np.ndarray
    box_classes: np.ndarray
    class_names: tuple[str, ...]
    box_flags: np.ndarray
    box_numbers: np.ndarray
    faults: Sequence[Fault]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def rows_of_boxes(self) -> np.ndarray:
        """int64 [N], the row of each box."""
        return np.repeat(np.arange(len(self)), np.diff(self.box_bounds))

    def boxes_of(self, row: int) -> np.ndarray:
        """float32 [n, 4], a view of the boxes of one row."""
        return self.boxes[self.box_bounds[row] : self.box_bounds[row + 1]]

    def annotation(self, row: int) -> AnnotatedImage:
        """Reads the annotation of a row again, with the fixes applied.

        Raises:
          DataError: it cannot be read.
        """
        image = self.source.read(self.entries[row])
        return image if self.fixes is None else self.fixes.apply(image)

    def load(self, row: int, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, np.ndarray]:
        """Reads a picture again, to draw it.

        Returns:
          uint8 [h, w, 3], RGB and upright, and float32 [n, 4], its boxes as in `boxes`.

        Raises:
          DataError: it cannot be read.
        """
        return read_upright(self.source.read(self.entries[row]), max_pixels), self.boxes_of(row)
