# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which share of a data set a reader reads, told by the names of its files; the files need not be there."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import struct
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PLACEHOLDER = "PATH_TO_BE_CONFIGURED"

_SHARD = re.compile(r"^(?P<stem>.*)-(?P<index>(?:[\d?*]|\[[^\]/]*\])+)-of-(?P<total>\d{1,6})(?P<suffix>\D.*|)$")
_GLOB = re.compile(r"[*?\[]")
_MOST_SHARDS = 100_000
_LENGTH = struct.Struct("<Q")
_RECORD_OVERHEAD = 16  # bytes: length, its checksum, the checksum of the record
_RECORDS_COUNTED = 2_000  # beyond these, the rest is estimated by its size


class FileSet(NamedTuple):
    """What the patterns of a reader come to.

    Attributes:
      patterns: as configured.
      files: those that exist, each once.
      read: shards that are read, of the sets that say how many they have.
      total: shards of these sets; 0 where no name says it.
    """

    patterns: tuple[str, ...]
    files: tuple[str, ...]
    read: int
    total: int

    @property
    def share(self) -> float:
        """Of the data set, that is read, as far as its names tell."""
        return self.read / self.total if self.total else 1.0

    @property
    def is_configured(self) -> bool:
        """Whether there are paths, and none is a placeholder."""
        return bool(self.patterns) and not any(PLACEHOLDER in pattern for pattern in self.patterns)


class ImageCount(NamedTuple):
    """How many records there are.

    Attributes:
      number: counted, or estimated by the size of the files.
      is_exact: whether it was counted.
    """

    number: int
    is_exact: bool


def look_at(patterns: Sequence[str]) -> FileSet:
    """Finds out what is read; names are believed where no file is there.

    Args:
      patterns: paths or globs.
    """
    files: dict[str, None] = {}
    sets: dict[tuple[str, str, int], set[int]] = defaultdict(set)
    for pattern in patterns:
        found = _existing(pattern)
        files.update(dict.fromkeys(found))
        for name in found or [pattern]:
            match = _SHARD.match(name)
            if match and 0 < int(match["total"]) <= _MOST_SHARDS:
                total = int(match["total"])
                sets[match["stem"], match["suffix"], total].update(_indices(match["index"], total))
    read = sum(len(indices) for indices in sets.values())
    return FileSet(tuple(patterns), tuple(files), read, sum(total for _, _, total in sets))


def overlap(one: FileSet, other: FileSet) -> tuple[str, ...]:
    """What of `other` is read by `one` as well: files that are there, else paths as they are configured."""
    if one.files and other.files:
        real = {os.path.realpath(file) for file in one.files}
        return tuple(file for file in other.files if os.path.realpath(file) in real)
    return tuple(
        pattern
        for pattern in other.patterns
        if any(_covers(mine, pattern) for mine in one.patterns if mine and pattern)
    )


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
            records, end = _walk(file, size, _RECORDS_COUNTED - counted)
            counted, walked = counted + records, walked + end
            if end < size:
                return ImageCount(round(counted * sum(sizes) / walked), is_exact=False)
    except (OSError, ValueError):
        return None
    return ImageCount(counted, is_exact=True) if files else None


def _walk(file: str, size: int, most: int) -> tuple[int, int]:
    """Steps over at most `most` records of a file. Returns how many there were, and the byte behind the last."""
    records = offset = 0
    with open(file, "rb", buffering=0) as stream:
        while offset < size and records < most:
            header = os.pread(stream.fileno(), _LENGTH.size, offset)
            if len(header) < _LENGTH.size:
                raise ValueError(file)
            offset += _RECORD_OVERHEAD + _LENGTH.unpack(header)[0]
            if offset > size:
                raise ValueError(file)
            records += 1
    if not records and size:
        raise ValueError(file)
    return records, offset


def _existing(pattern: str) -> list[str]:
    if os.path.isfile(pattern):
        return [pattern]
    return sorted(filter(os.path.isfile, glob.glob(pattern))) if _GLOB.search(pattern) else []


def _indices(index: str, total: int) -> set[int]:
    if index.isdigit():
        return {int(index)}
    width = len(index) if set(index) == {"?"} else 5
    matches = re.compile(fnmatch.translate(index)).match
    return {number for number in range(total) if matches(f"{number:0{width}d}")}


def _covers(pattern: str, other: str) -> bool:
    one, two = os.path.normpath(pattern), os.path.normpath(other)
    return one == two or (not _GLOB.search(two) and fnmatch.fnmatchcase(two, one))
