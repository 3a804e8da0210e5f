# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which record files a config names, and whether they are whole. No TensorFlow: a wrong path answers at once."""

from __future__ import annotations

import glob
import logging
import os
import re
import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import google_crc32c

from efficientdet.errors import DataError

_logger = logging.getLogger(__name__)

_SHARD = re.compile(r"^(?P<stem>.*)-(?P<index>\d{5})-of-(?P<total>\d{5})(?P<suffix>.*)$")
HEADER_BYTES = 12  # uint64 length, uint32 masked checksum of the length
FOOTER_BYTES = 4  # uint32 masked checksum of the record
_GZIP = b"\x1f\x8b"


def resolve_files(patterns: Sequence[str]) -> list[str]:
    """Expands file names and globs into the files to read.

    Args:
      patterns: paths or globs, in the order of the config; each must match at least one file.

    Returns:
      The files, each once; those of one glob sorted by name.

    Raises:
      DataError: when there is no pattern, or one matches no file.
    """
    if not patterns:
        raise DataError("no input file is configured: set tf_record_input_reader { input_path: ... }")
    files: dict[str, None] = {}
    for pattern in patterns:
        # A name that exists is meant literally, even when it holds a character that globs give a meaning.
        matches = [pattern] if os.path.isfile(pattern) else sorted(filter(os.path.isfile, glob.glob(pattern)))
        if not matches:
            raise DataError(f"input_path {pattern!r} matches no file (working directory {os.getcwd()})")
        files.update(dict.fromkeys(matches))
    _warn_of_incomplete_shards(list(files))
    return list(files)


def _warn_of_incomplete_shards(files: Sequence[str]) -> None:
    """Logs a warning for each set `stem-IIIII-of-NNNNN` of which only a part was matched."""
    shards: dict[tuple[str, str, int], set[int]] = defaultdict(set)
    for file in files:
        if match := _SHARD.match(file):
            shards[match["stem"], match["suffix"], int(match["total"])].add(int(match["index"]))
    for (stem, suffix, total), indices in shards.items():
        if len(indices) < total:
            _logger.warning(
                "INCOMPLETE DATA: %d of %d shards (%.0f %%) of %s-*-of-%05d%s were found; the rest is not read",
                len(indices), total, 100 * len(indices) / total, stem, total, suffix,
            )  # fmt: skip


def scan_tfrecord(path: str | Path) -> int:
    """Counts the records of a file by walking their length headers; the records themselves are not read.

    Args:
      path: an uncompressed TFRecord file.

    Returns:
      The number of records; 0 for an empty file.

    Raises:
      DataError: see `walk_records`.
    """
    return sum(1 for _ in walk_records(path))


def walk_records(path: str | Path) -> Iterator[tuple[int, int]]:
    """Walks the length headers of a file.

    Args:
      path: an uncompressed TFRecord file.

    Yields:
      (byte that the record's header starts at, length of the record's content in bytes).

    Raises:
      DataError: when the file cannot be opened, is not a TFRecord file, or ends inside a record. Names the byte.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            yield from _walk(file.fileno(), str(path))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error


def _walk(descriptor: int, path: str) -> Iterator[tuple[int, int]]:
    size = os.fstat(descriptor).st_size
    count = offset = 0
    while offset < size:
        header = os.pread(descriptor, HEADER_BYTES, offset)
        if len(header) < HEADER_BYTES:
            raise DataError(f"{path}: truncated at byte {size}, inside the header of record {count} (byte {offset})")
        length, checksum = struct.unpack("<QI", header)
        if masked_crc32c(header[:8]) != checksum:
            hint = ": it is compressed, unpack it with gunzip" if header.startswith(_GZIP) and not offset else ""
            raise DataError(
                f"{path}: not a TFRecord file, or damaged, at byte {offset} (header of record {count}){hint}"
            )
        end = offset + HEADER_BYTES + length + FOOTER_BYTES
        if end > size:
            raise DataError(f"{path}: truncated at byte {size}, inside record {count} (bytes {offset} to {end})")
        yield offset, length
        count, offset = count + 1, end


def check_content(path: str | Path, offset: int, length: int) -> str:
    """Compares the content of a record with its checksum.

    Args:
      path: a TFRecord file.
      offset: byte that the record's header starts at, as `walk_records` gives it.
      length: of the content in bytes.

    Returns:
      What is wrong with it; "" for nothing.

    Raises:
      DataError: the file cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            data = os.pread(file.fileno(), length + FOOTER_BYTES, offset + HEADER_BYTES)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    if len(data) == length + FOOTER_BYTES and masked_crc32c(data[:length]) == struct.unpack("<I", data[length:])[0]:
        return ""
    return f"its checksum is wrong (bytes {offset} to {offset + HEADER_BYTES + length + FOOTER_BYTES})"


def masked_crc32c(data: bytes) -> int:
    """The checksum of TFRecord files: CRC-32C, rotated and offset so that a checksum of checksums stays meaningful."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
