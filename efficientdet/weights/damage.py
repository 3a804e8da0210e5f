# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the libraries that read weights say of a damaged file, in one line."""

from __future__ import annotations


def first_line(error: BaseException) -> str:
    """The first line of an error's text; the name of its type where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]
