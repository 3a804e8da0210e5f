# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which split a folder, a list or a file belongs to, by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from efficientdet.data.importers.listing import folder_of
from efficientdet.data.importers.source import UNSPLIT

_T = TypeVar("_T")
_E = TypeVar("_E")

_WORDS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "validate": "val", "eval": "val", "evaluation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


def split_of(text: str) -> str | None:
    """Which of "train", "val" and "test" a name says, as "train2017", "valid" and "test_labels" do; None for none."""
    found = {_WORDS[word] for word in re.findall("[a-z]+", text.lower()) if word in _WORDS}
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=4096)
def split_of_path(path: str) -> str | None:
    """The split that the folders of a path name; the innermost one counts."""
    return next(filter(None, map(split_of, reversed(path.split("/")))), None)


def name_splits(files: Sequence[str]) -> list[str]:
    """A split for each of the files that hold one each, by their paths.

    A single file that says nothing knows no split. Among several, one that says nothing is the training split, where
    no other one is; where two say the same, or several nothing, they are called by their own names.
    """
    names = [split_of(file.rpartition("/")[2]) or split_of_path(folder_of(file)) for file in files]
    if len(files) == 1:
        return [names[0] or UNSPLIT]
    if names.count(None) == 1 and "train" not in names:
        names[names.index(None)] = "train"
    if None in names or len(set(names)) < len(names):
        stems = [file.rpartition("/")[2].rpartition(".")[0] or file for file in files]
        return stems if len(set(stems)) == len(stems) else list(files)
    return [name for name in names if name is not None]


def split_by_folder(entries: Iterable[_T], folders_of: Callable[[_T], Sequence[str]]) -> dict[str, list[_T]]:
    """Entries by the split that one of their folders names; UNSPLIT holds those whose folders name none."""
    splits: dict[str, list[_T]] = {}
    for entry in entries:
        name = next(filter(None, map(split_of_path, folders_of(entry))), UNSPLIT)
        splits.setdefault(name, []).append(entry)
    return in_order(splits)


def in_order(splits: Mapping[str, _E]) -> dict[str, _E]:
    """The splits with train, val and test first."""
    return {name: splits[name] for name in sorted(splits, key=_order)}


def _order(name: str) -> tuple[int, str]:
    known = ("train", "val", "test")
    return (known.index(name) if name in known else len(known), name)
