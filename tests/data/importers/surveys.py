# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Data sets in memory, and surveys of them that are put together without looking at a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from efficientdet.data.faults import Fault
from efficientdet.data.importers.annotation import AnnotatedImage
from efficientdet.data.importers.source import UNSPLIT
from efficientdet.data.label_map import Label
from efficientdet.data.survey import Survey


class ListedSource(NamedTuple):
    """A source whose entries are the numbers of its pictures."""

    images: tuple[AnnotatedImage, ...]
    splits: Mapping[str, Sequence[int]]
    root: Path = Path("/data")
    labels: tuple[Label, ...] = ()
    faults: Sequence[Fault] = ()
    format: str = "voc"

    def read(self, entry: int) -> AnnotatedImage:
        return self.images[entry]


def survey_of(
    classes: Sequence[Sequence[int]],
    *,
    splits: Mapping[str, Sequence[int]] | None = None,
    source_splits: Mapping[str, Sequence[int]] | None = None,
    **columns: np.ndarray,
) -> Survey:
    """A survey of pictures given by the classes of their boxes; their hashes are far apart unless `columns` say so.

    Args:
      classes: of each picture of the source.
      splits: of the survey, as numbers of pictures; None for none.
      source_splits: of the source, where fixes moved pictures.
      columns: replace columns of the survey; rows stand split by split.
    """
    splits = splits or {UNSPLIT: range(len(classes))}
    entries = [entry for numbers in splits.values() for entry in numbers]
    boxes = [classes[entry] for entry in entries]
    draws = np.random.default_rng(0)
    total = sum(map(len, boxes))
    defaults = {
        "sizes": np.full((len(entries), 2), 100, np.int32),
        "usable": np.ones(len(entries), bool),
        "digests": np.stack([np.array(entries, np.uint64)] * 2, axis=1).reshape(-1, 2),
        "hashes": draws.integers(0, 2**63, len(classes), np.uint64)[entries],
        "thumbnails": draws.integers(0, 256, (len(classes), 64), np.uint8)[entries],
        "boxes": np.tile(np.float32([10, 20, 30, 40]), (total, 1)),
        "box_flags": np.zeros(total, np.uint8),
        "box_numbers": np.concatenate([np.arange(len(found)) for found in boxes]).astype(np.int32),
    }
    return Survey(
        source=ListedSource((), source_splits or splits),
        fixes=None,
        splits=tuple(splits),
        split_of=np.repeat(np.arange(len(splits)), [len(numbers) for numbers in splits.values()]).astype(np.int32),
        entries=entries,
        names=[f"{entry}.jpg" for entry in entries],
        files=[f"images/{entry}.jpg" for entry in entries],
        box_bounds=np.cumsum([0, *map(len, boxes)]).astype(np.int64),
        box_classes=np.concatenate([np.array(found, np.int32) for found in boxes]),
        class_names=tuple(f"class {number}" for number in range(max(max(b, default=-1) for b in boxes) + 1)),
        faults=(),
        **{**defaults, **columns},
    )
