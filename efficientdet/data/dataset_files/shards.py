# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One shard of a split: its records, and the same pictures' COCO annotations beside it. No TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from efficientdet.data.dataset_files.coco_json import CocoPiece
from efficientdet.data.dataset_files.preparation import prepare_record
from efficientdet.data.importers.fixes import Fixes
from efficientdet.data.importers.source import Entry, Source, reader_of
from efficientdet.data.record_encoding import frame_record
from efficientdet.errors import DataError

_BYTES_PER_SHARD = 150e6  # of pictures: a few seconds of reading, and TFOD's own order of magnitude
_PICTURES_PER_SHARD = 1_000
_HANDFUL = 16  # shards that small pictures are spread over, for their readers and writers to share
_MOST_PER_SHARD = 10_000  # pictures, however small: the list of them travels to the process that writes them


class Row(NamedTuple):
    """A picture to be written."""

    entry: Entry
    file: str  # what the COCO annotations call it
    image_id: int
    first_id: int  # of its COCO annotations
    num_boxes: int  # that it had when it was surveyed


class Shard(NamedTuple):
    """A file to be written."""

    path: Path
    rows: Sequence[Row]


def count_shards(num_pictures: int, num_bytes: float) -> int:
    """How many files a split becomes: enough to shuffle and to read in parallel, none too small to be worth opening.

    Args:
      num_pictures: of the split.
      num_bytes: of the pictures, about.
    """
    by_bytes = round(num_bytes / _BYTES_PER_SHARD)
    by_pictures = max(min(num_pictures // _PICTURES_PER_SHARD, _HANDFUL), num_pictures // _MOST_PER_SHARD)
    return max(1, min(max(by_bytes, by_pictures), num_pictures))


class ShardWriter:
    """Writes shards; picklable, for worker processes."""

    def __init__(self, source: Source, fixes: Fixes | None, ids: Mapping[str, int]) -> None:
        """Takes the data set, what is to be mended in it, and the label-map id of every class."""
        self._source = reader_of(source)
        self._fixes = fixes
        self._ids = ids

    def write(self, shard: Shard, on_picture: Callable[[], None]) -> None:
        """Writes one shard and the piece of COCO annotations beside it.

        Raises:
          DataError: a picture is not as it was when it was surveyed.
        """
        with shard.path.open("wb") as file, CocoPiece(shard.path) as piece:
            for row in shard.rows:
                image = self._source.read(row.entry)
                if self._fixes is not None:
                    image = self._fixes.apply(image)
                record = prepare_record(image, self._ids, source_id=str(row.image_id), load=False)
                if len(record.boxes) != row.num_boxes:
                    raise DataError(f"{row.file}: had {row.num_boxes} boxes a moment ago, now {len(record.boxes)}")
                file.writelines(frame_record(record.serialized))
                name = row.file if image.encoded is None else image.filename
                categories = [self._ids[box.name] for box in record.boxes]
                piece.add(row.image_id, name, record.size, record.boxes, categories, row.first_id)
                on_picture()
