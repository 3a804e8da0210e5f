# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Records that two data sets have in common, byte for byte, found without reading them. No TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence

from efficientdet.data.files import FOOTER_BYTES, HEADER_BYTES, walk_records

Mark = tuple[int, bytes]  # length and checksum of a record


def count_shared_records(files: Sequence[str], others: Sequence[str]) -> tuple[int, int]:
    """Counts the records of some files that are in other files too.

    Records are told apart by their length and the checksum that TFRecord files keep of each. Pictures that were
    written anew, under another id or quality, are not found so.

    Args:
      files: TFRecord files.
      others: likewise.

    Returns:
      (records of `files` that are in `others`, all records of `files`).

    Raises:
      DataError: a file is damaged.
    """
    marks = [mark for file in files for mark in _marks(file)]
    lengths = {length for length, _ in marks}  # the others' checksums are read for these only
    seen = {mark for file in others for mark in _marks(file, lengths)}
    return sum(mark in seen for mark in marks), len(marks)


def _marks(file: str, lengths: Collection[int] | None = None) -> Iterator[Mark]:
    """The marks of a file's records: of all, or of those of some lengths."""
    with open(file, "rb", buffering=0) as content:
        for offset, length in walk_records(file):
            if lengths is None or length in lengths:
                yield length, os.pread(content.fileno(), FOOTER_BYTES, offset + HEADER_BYTES + length)
