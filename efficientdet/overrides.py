# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Laying one config over another, as `--override` does.

  * a singular field is replaced; a singular message is merged, field by field;
  * a list of scalars is replaced;
  * a list of messages given once over a list of exactly one is merged into that one, otherwise it replaces the list;
  * a list given as `[]` is emptied.

`MergeFrom` would append to lists, and a config could never be given other augmentations or other anchors.
"""

from __future__ import annotations

from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.text_positions import Position


def apply_override(
    base: Message,
    positions: dict[str, Position],
    override: Message,
    override_positions: dict[str, Position],
) -> None:
    """Lays `override` over `base`, in place, and keeps the positions of what is set afterwards.

    Args:
      base: changed to the result.
      positions: of `base`; changed to those of the result.
      override: of the same type as `base`.
      override_positions: of `override`; a list that has a position and no elements was given as `[]`.
    """
    replaced: list[str] = []
    _merge(base, override, "", override_positions, replaced)
    kept = {path: at for path, at in positions.items() if not path.startswith(tuple(f"{list_}[" for list_ in replaced))}
    existing = field_paths.set_paths(base)
    merged = {path: at for path, at in {**kept, **override_positions}.items() if path in existing}
    positions.clear()
    positions.update(merged)


def _merge(
    base: Message, override: Message, path: str, override_positions: dict[str, Position], replaced: list[str]
) -> None:
    for field in override.DESCRIPTOR.fields:
        here = field_paths.join(path, field.name)
        if not field_paths.is_set(override, field):
            if field_paths.is_repeated(field) and here in override_positions:
                base.ClearField(field.name)
            continue
        value = getattr(override, field.name)
        if not field_paths.is_repeated(field):
            if field_paths.is_message(field):
                inner = getattr(base, field.name)
                inner.SetInParent()
                _merge(inner, value, here, override_positions, replaced)
            else:
                setattr(base, field.name, value)
            continue
        elements = getattr(base, field.name)
        if field_paths.is_message(field) and not field_paths.is_map(field) and len(value) == len(elements) == 1:
            _merge(elements[0], value[0], f"{here}[0]", override_positions, replaced)
            continue
        replaced.append(here)
        base.ClearField(field.name)
        getattr(base, field.name).MergeFrom(value)
