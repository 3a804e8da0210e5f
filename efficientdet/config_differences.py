# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""In which fields two configs differ."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import Message

from efficientdet import field_paths


def differences(earlier: Message, later: Message) -> Iterator[str]:
    """Yields `path: old -> new` for each scalar whose value differs, set or by default.

    Args:
      earlier: a config, resolved.
      later: likewise, of the same type.
    """
    for path in sorted(field_paths.set_paths(earlier) | field_paths.set_paths(later)):
        values = [_value(message, path) for message in (earlier, later)]
        if values[0] != values[1]:
            yield f"{path}: {values[0] or 'absent'} -> {values[1] or 'absent'}"


def _value(message: Message, path: str) -> str:
    if not path:
        return ""
    try:
        holder, field, index = field_paths.locate(message, path)
        return field_paths.format_value(holder, field, index).removeprefix("default ")
    except (KeyError, IndexError):
        return ""
