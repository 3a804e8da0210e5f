# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Writes files that are replaced as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def replace_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Writes a file so that a reader sees either the old file or the whole new one.

    Args:
      path: its folder is made if need be.
      content: all of it; a text is written as UTF-8.

    Raises:
      OSError: the file cannot be written; what was there before stays.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
