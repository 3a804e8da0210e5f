# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Writes files that are replaced as a whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from pathlib import Path

_OURS = "efficientdet"
_TEMPORARY = re.compile(rf"\..+\.{_OURS}-\d+\.tmp")  # a name, the number of the process that writes it
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)  # of file systems that flush folders on their own


def replace_atomically(path: str | os.PathLike[str], content: str | bytes, *, durable: bool = False) -> None:
    """Writes a file so that a reader sees either the old file or the whole new one.

    Args:
      path: its folder is made if need be.
      content: all of it; a text is written as UTF-8.
      durable: come back only when it would survive a loss of power, which takes some milliseconds.

    Raises:
      OSError: the file cannot be written; what was there before stays.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{_OURS}-{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        if durable:
            flush_to_disk(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        flush_to_disk(target.parent)


def flush_to_disk(path: str | os.PathLike[str]) -> None:
    """Waits until a file's content, or a folder's list of files, is on the disk.

    Raises:
      OSError: it is not there, or the disk cannot take it.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (os.path.isdir(path) and error.errno in _NO_FOLDER_SYNC):
            raise
    finally:
        os.close(descriptor)


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Removes what processes left that were killed in `replace_atomically`.

    Args:
      folder: that no other process writes to; need not exist.
    """
    for path in Path(folder).glob(".*.tmp"):
        if _TEMPORARY.fullmatch(path.name):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
