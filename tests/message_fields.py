# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Reads fields of a config by their paths."""

from __future__ import annotations

from typing import Any

from efficientdet import field_paths


def field_value(root: Any, path: str) -> Any:
    """The value at a path below `root`, or the default if it is not set; of an enum its name."""
    message, field, index = field_paths.locate(root, path)
    value = getattr(message, field.name)
    if index is not None:
        return value[index]
    return field.enum_type.values_by_number[value].name if field.enum_type is not None else value


def differing_fields(one: Any, other: Any) -> set[str]:
    """The paths of all fields that do not hold messages, and of elements of such lists, that differ in value."""
    paths = {path for root in (one, other) for path in field_paths.set_paths(root) if path}
    return {path for path in paths if _differs(one, other, path)}


def _differs(one: Any, other: Any, path: str) -> bool:
    try:
        if field_paths.is_message(field_paths.locate(one, path)[1]):
            return False
        return bool(field_value(one, path) != field_value(other, path))
    except KeyError:  # an element that one of them lacks
        return True
