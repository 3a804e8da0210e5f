# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The label map: which class id has which name. Ids start at 1, with gaps or not; a class row is its id - 1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from google.protobuf import text_format

from efficientdet.atomic_write import replace_atomically
from efficientdet.errors import ConfigError


class Label(NamedTuple):
    """One class."""

    id: int
    name: str
    display_name: str = ""  # what people are shown; empty means the name


@dataclass(frozen=True)
class LabelMap:
    """The classes of a data set, in the order of their ids.

    Raises:
      ConfigError: for an id below 1, an empty name, or an id or name that occurs twice. `origin` opens the message.
    """

    labels: tuple[Label, ...]
    origin: str = "label map"

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(sorted(self.labels)))
        by_id: dict[int, str] = {}
        by_name: dict[str, int] = {}
        for label in self.labels:
            if label.id < 1:
                raise ConfigError(
                    f"{self.origin}: {label.name!r} has id {label.id}; ids start at 1 (0 is the background)"
                )
            if not label.name:
                raise ConfigError(f"{self.origin}: the item with id {label.id} has no name")
            if label.id in by_id:
                raise ConfigError(
                    f"{self.origin}: id {label.id} is given to both {by_id[label.id]!r} and {label.name!r}"
                )
            if label.name in by_name:
                raise ConfigError(
                    f"{self.origin}: name {label.name!r} has both id {by_name[label.name]} and {label.id}"
                )
            by_id[label.id], by_name[label.name] = label.name, label.id

    def __iter__(self) -> Iterator[Label]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_rows(self) -> int:
        """Class rows that a model needs at least: the greatest id (COCO's 80 classes have ids up to 90)."""
        return max((label.id for label in self.labels), default=0)

    @cached_property
    def id_of(self) -> dict[str, int]:
        """Id by name."""
        return {label.name: label.id for label in self.labels}

    @cached_property
    def display_names(self) -> dict[int, str]:
        """What to show people, by id."""
        return {label.id: label.display_name or label.name for label in self.labels}

    @cached_property
    def names_by_row(self) -> dict[int, str]:
        """What to show people, by class row."""
        return {id_ - 1: name for id_, name in self.display_names.items()}

    def rows_by_text(self, use_display_name: bool = False) -> dict[str, int]:
        """Class row for each text that a record may name a class with.

        Args:
          use_display_name: accept display names only; otherwise names, and display names that no class has as name.

        Raises:
          ConfigError: with `use_display_name`, when two classes are displayed alike.
        """
        displayed: dict[str, int] = {}
        for label in self.labels:
            text = label.display_name or label.name
            if use_display_name and text in displayed:
                raise ConfigError(
                    f"{self.origin}: display_name {text!r} has both id {displayed[text] + 1} and {label.id}"
                )
            displayed.setdefault(text, label.id - 1)
        if use_display_name:
            return displayed
        return displayed | {name: id_ - 1 for name, id_ in self.id_of.items()}

    def check_num_classes(self, num_classes: int) -> None:
        """Raises a ConfigError when a model with `num_classes` class rows has no row for one of the ids."""
        if self.num_rows > num_classes:
            name = self.labels[-1].name
            raise ConfigError(
                f"{self.origin}: id {self.num_rows} ({name!r}) is above num_classes ({num_classes}); "
                f"num_classes must be at least the greatest id"
            )


def read_label_map(path: str | Path) -> LabelMap:
    """Reads a StringIntLabelMap in protobuf text format (`.pbtxt`).

    Raises:
      ConfigError: when the file is missing, is no label map (named by line and column), or breaks a rule of LabelMap.
    """
    from efficientdet.protos import string_int_label_map_pb2

    message = string_int_label_map_pb2.StringIntLabelMap()
    try:
        text_format.Parse(Path(path).read_text(encoding="utf-8"), message)
    except OSError as error:
        raise ConfigError(f"label_map_path {str(path)!r}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file ({error.reason} at byte {error.start})") from error
    except text_format.ParseError as error:
        place = ":".join(str(part) for part in (path, error.GetLine(), error.GetColumn()) if part is not None)
        raise ConfigError(f"{place}: not a label map: {str(error).split(' : ', 1)[-1]}") from error
    if not message.item:
        raise ConfigError(f"{path}: the label map has no item")
    labels = (Label(item.id, item.name or item.display_name, item.display_name) for item in message.item)
    return LabelMap(tuple(labels), origin=str(path))


def write_label_map(labels: Iterable[Label], path: str | Path) -> None:
    """Writes a label map as `.pbtxt`, atomically."""
    from efficientdet.protos import string_int_label_map_pb2

    message = string_int_label_map_pb2.StringIntLabelMap()
    for label in labels:
        message.item.add(id=label.id, name=label.name, display_name=label.display_name or None)
    replace_atomically(path, text_format.MessageToString(message, as_utf8=True))
