# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds out whether the files of a checkpoint are those that were written, to the last byte.

TensorFlow keeps a checksum of each tensor and of each block of the index, and compares them when it reads. What lies
between (padding, the end of the index) and a file that is simply gone, are for a list of our own: a line per file with
its size and CRC-32, and in the last line the CRC-32 of the lines before, so that a fault of the list is not taken for
one of the checkpoint.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import zlib
from pathlib import Path

import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.training.checkpoint_files import CHECKSUMS, INDEX, files_of
from efficientdet.weights.damage import first_line
from efficientdet.weights.tensorflow_checkpoint import DAMAGE, read_checkpoint

_CHUNK = 1 << 20  # bytes
_LINE = re.compile(r"(\.\S+) (\d+) ([0-9a-f]{8})")

_logger = logging.getLogger(__name__)


def damage_of(prefix: str) -> str | None:
    """Says what is wrong with a checkpoint; None where nothing is.

    Its bytes are compared with its list of checksums; without one, as in a checkpoint of an older version, all tensors
    are read, for TensorFlow to compare its own.

    Raises:
      CheckpointError: it cannot be read for a reason that says nothing of its bytes, such as missing permissions.
    """
    try:
        if not os.path.exists(f"{prefix}{INDEX}"):
            return f"{os.path.basename(prefix)}{INDEX} is missing"
        expected = _read_checksums(Path(f"{prefix}{CHECKSUMS}"))
        if expected is None:
            for path in files_of(prefix):
                path.open("rb").close()
            return unreadable_part(prefix)
        return next(filter(None, (_difference(f"{prefix}{end}", *known) for end, known in expected.items())), None)
    except OSError as error:
        if error.errno == errno.EIO:  # the disk itself has lost them
            return first_line(error)
        raise CheckpointError(f"cannot read checkpoint {prefix}: {first_line(error)}") from error


def unreadable_part(prefix: str) -> str | None:
    """Reads all tensors of a checkpoint, and says why one of them, or the index, cannot be read; None if all can."""
    try:
        read_checkpoint(prefix)  # knows which data files there should be
        reader = tf.train.load_checkpoint(prefix)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except DAMAGE as error:  # a CheckpointError is a ValueError
        return first_line(error)
    return None


def write_checksums(prefix: str) -> None:
    """Writes the list of a checkpoint's files as they are now.

    Raises:
      OSError: it cannot be written, or a file not be read.
    """
    lines = ""
    for path in files_of(prefix):
        if path.suffix != CHECKSUMS:
            size, checksum = _size_and_checksum(path)
            lines += f"{path.name.removeprefix(Path(prefix).name)} {size} {checksum:08x}\n"
    Path(f"{prefix}{CHECKSUMS}").write_text(f"{lines}{zlib.crc32(lines.encode()):08x}\n", encoding="ascii")


def _read_checksums(path: Path) -> dict[str, tuple[int, int]] | None:
    """End of a file's name -> its size in bytes and its checksum; None where the list is missing or itself damaged."""
    if not path.exists():
        return None
    text = path.read_bytes()
    lines, _, own = text.removesuffix(b"\n").rpartition(b"\n")
    if own != b"%08x" % zlib.crc32(lines + b"\n"):
        _logger.warning("%s, a list of checksums, is damaged itself: TensorFlow's checksums are compared instead", path)
        return None
    matches = map(_LINE.fullmatch, lines.decode("ascii").splitlines())
    return {match[1]: (int(match[2]), int(match[3], 16)) for match in matches if match}


def _difference(path: str, size: int, checksum: int) -> str | None:
    name = os.path.basename(path)
    if not os.path.exists(path):
        return f"{name} is missing"
    if (there := os.path.getsize(path)) != size:
        return f"{name} has {there:,} bytes, {size:,} were written"
    found = _size_and_checksum(Path(path))[1]
    return f"the bytes of {name} are not those that were written" if found != checksum else None


def _size_and_checksum(path: Path) -> tuple[int, int]:
    size, checksum = 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            checksum = zlib.crc32(chunk, checksum)
    return size, checksum
