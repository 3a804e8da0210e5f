# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A data set of any format, as an import and the data check see it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from efficientdet.data.faults import Fault
from efficientdet.data.importers.annotation import AnnotatedImage
from efficientdet.data.label_map import Label

Entry = Any
"""What a source knows a picture by: a path, a number. Small, picklable, hashable."""

UNSPLIT = ""
"""The name of the one split of a data set that knows none."""


class Source(Protocol):
    """A data set that has been listed but not read.

    Picklable: worker processes call `read`, so that neither annotations nor pictures pile up in one process. Nothing
    here imports TensorFlow.

    Attributes:
      format: "voc", "coco", "yolo", "csv", "labelme", "tfrecord".
      root: what files of faults are relative to.
      labels: the classes, where the format states them (with ids where it has ids, else 1, 2, ...); empty where names
        occur in annotations only.
      splits: name ("train", "val", "test", or what the data set calls them) -> its pictures, in the order of the data
        set; {UNSPLIT: all} where it knows none. A picture may stand in two of them, which is a fault.
      faults: what was found while listing.
    """

    format: str
    root: Path
    labels: tuple[Label, ...]
    splits: Mapping[str, Sequence[Entry]]
    faults: Sequence[Fault]

    def read(self, entry: Entry) -> AnnotatedImage:
        """Reads the annotation of one picture, as it stands, right or wrong; the picture itself is not opened.

        Raises:
          AnnotationError: it cannot be read; carries the Fault.
        """


_SourceT = TypeVar("_SourceT", bound=Source)


def reader_of(source: _SourceT) -> _SourceT:
    """A copy of a source that can read, and lists nothing: what worker processes need, however many pictures there are.

    Args:
      source: stays as it is.
    """
    reader = copy.copy(source)
    reader.splits, reader.faults = {}, ()
    return reader
