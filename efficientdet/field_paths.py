# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Field paths such as `train_config.data_augmentation_options[1].random_horizontal_flip.probability`.

A path names one field of a message tree, set or not. The empty path is the root.
"""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Iterator
from typing import Any, TypeAlias

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor as _FieldDescriptor
from google.protobuf.message import Message

# Descriptors of fields and of messages. Each implementation of protobuf has its own classes for them, without a base.
Field: TypeAlias = Any
MessageType: TypeAlias = Any

_STEP = re.compile(r"(\w+)(?:\[(\d+)\])?")


def is_repeated(field: Field) -> bool:
    """Whether `field` holds a list (or a map)."""
    if hasattr(field, "is_repeated"):  # protobuf >= 6.31, where `label` is on its way out
        return bool(field.is_repeated)
    return field.label == _FieldDescriptor.LABEL_REPEATED


def is_message(field: Field) -> bool:
    """Whether `field` holds messages."""
    return field.message_type is not None


def is_map(field: Field) -> bool:
    """Whether `field` is a map."""
    return is_message(field) and bool(field.message_type.GetOptions().map_entry)


def join(path: str, name: str) -> str:
    """The path of field `name` in the message at `path`."""
    return f"{path}.{name}" if path else name


def parent(path: str) -> str:
    """The path of what encloses `path`: the list of an element, else the message of a field."""
    if path.endswith("]"):
        return path[: path.rindex("[")]
    return path.rpartition(".")[0]


def messages(message: Message, path: str = "") -> Iterator[tuple[str, Message]]:
    """Yields (path, message) for `message` and every message that is set below it, in field order."""
    yield path, message
    for field, value in message.ListFields():
        if not is_message(field) or is_map(field):
            continue
        here = join(path, field.name)
        if is_repeated(field):
            for index, element in enumerate(value):
                yield from messages(element, f"{here}[{index}]")
        else:
            yield from messages(value, here)


def message_types(root: MessageType) -> Iterator[MessageType]:
    """Yields every message type that `root` can hold, once each, `root` first."""
    seen, pending = {root.full_name}, deque([root])
    while pending:
        message = pending.popleft()
        yield message
        for field in message.fields:
            if field.message_type is not None and field.message_type.full_name not in seen:
                seen.add(field.message_type.full_name)
                pending.append(field.message_type)


def set_paths(message: Message) -> set[str]:
    """The paths of everything that is set in `message`: fields, lists and their elements."""
    paths = set()
    for path, inner in messages(message):
        paths.add(path)
        for field, value in inner.ListFields():
            here = join(path, field.name)
            paths.add(here)
            if is_repeated(field) and not is_map(field):
                paths.update(f"{here}[{index}]" for index in range(len(value)))
    return paths


def locate(message: Message, path: str) -> tuple[Message, Field, int | None]:
    """Follows `path` through `message`, into defaults where a message on the way is not set.

    Args:
      message: the root.
      path: a non-empty field path; an element's index must exist.

    Returns:
      The message that holds the last field, that field, and the index of the element if the path ends in one.

    Raises:
      KeyError: the schema, or a list, has nothing at this path.
    """
    steps = [_STEP.fullmatch(step) for step in path.split(".")]
    for depth, step in enumerate(steps):
        field = message.DESCRIPTOR.fields_by_name.get(step[1]) if step else None
        if step is None or field is None:
            raise KeyError(path)
        index = int(step[2]) if step[2] else None
        value = getattr(message, field.name)
        if index is not None and not (is_repeated(field) and index < len(value)):
            raise KeyError(path)
        if depth == len(steps) - 1:
            return message, field, index
        if not is_message(field) or is_repeated(field) != (index is not None):
            raise KeyError(path)
        message = value if index is None else value[index]
    raise KeyError(path)


def is_set(message: Message, field: Field) -> bool:
    """Whether a text names `field` in `message`; for a list, whether it has elements."""
    if is_repeated(field):
        return len(getattr(message, field.name)) > 0
    return message.HasField(field.name)


def format_value(message: Message, field: Field, index: int | None = None) -> str:
    """The value of a field as text format writes it: `6`, `"sum"`, `[1.0, 2.0]`; with `default ` before it if unset.

    Args:
      message: holds the field.
      field: a field of `message`; for fields that hold messages the answer is empty.
      index: one element of a list instead of the list.
    """
    if is_message(field):
        return ""
    value = getattr(message, field.name)
    if is_repeated(field) and index is None:
        return "[" + ", ".join(_format_scalar(field, element) for element in value) + "]"
    text = _format_scalar(field, value if index is None else value[index])
    return text if index is not None or is_set(message, field) else f"default {text}"


def _format_scalar(field: Field, value: Any) -> str:
    out = io.StringIO()
    text_format.PrintFieldValue(field, value, out)
    return out.getvalue()
