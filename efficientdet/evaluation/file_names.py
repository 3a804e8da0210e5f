# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Names of files and folders made of what a data set or a config calls things."""

from __future__ import annotations

import re

_UNSAFE = re.compile(r"[^\w.\-]")
_MAX_BYTES = 100  # file systems take 255, of which the caller's part is the rest


def as_file_name(text: str) -> str:
    """Makes one part of a path of any text: whatever it holds, the path stays in its folder.

    Args:
      text: such as "VOC2007/000001.jpg". Letters, digits, "_", "-" and inner dots are kept, and of a long text the end,
        which mostly tells more.

    Returns:
      Such as "VOC2007_000001.jpg"; "_" for an empty text.
    """
    # A dot in front would hide the file, or be "." or "..".
    name = re.sub(r"^\.", "_", _UNSAFE.sub("_", text)) or "_"
    ending = name.encode()[-_MAX_BYTES:].decode(errors="ignore")
    return name if ending == name else f"_{ending[1:]}"
