# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How many records files hold, told by the lengths in their headers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from efficientdet.data.files import FOOTER_BYTES, HEADER_BYTES, walk_records
from efficientdet.errors import DataError

_RECORDS_COUNTED = 2_000  # beyond these, the rest is estimated by its size


class ImageCount(NamedTuple):
    """How many records there are.

    Attributes:
      number: counted, or estimated by the size of the files.
      is_exact: whether it was counted.
    """

    number: int
    is_exact: bool


def count_images(files: Sequence[str]) -> ImageCount | None:
    """Counts the records of TFRecord files by their lengths; of large sets, by the size of the first ones.

    Args:
      files: that exist.

    Returns:
      None where there are no files, or one cannot be read as TFRecords: whoever reads them in earnest says why.
    """
    counted = walked = 0
    try:
        sizes = [Path(file).stat().st_size for file in files]
        for file, size in zip(files, sizes, strict=True):
            records, end = _walk(file, _RECORDS_COUNTED - counted)
            counted, walked = counted + records, walked + end
            if end < size:
                return ImageCount(round(counted * sum(sizes) / walked), is_exact=False)
    except (OSError, DataError):
        return None
    return ImageCount(counted, is_exact=True) if files else None


def _walk(file: str, most: int) -> tuple[int, int]:
    """Steps over at most `most` records of a file. Returns how many there were, and the byte behind the last."""
    records = end = 0
    for offset, length in islice(walk_records(file), most):
        records, end = records + 1, offset + HEADER_BYTES + length + FOOTER_BYTES
    return records, end
