# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds the picture that an annotation means, however it writes the name: only among files that were listed."""

from __future__ import annotations

import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Sequence

from efficientdet.data.importers.listing import PICTURE_SUFFIXES, FileTree, stem_of, suffix_of
from efficientdet.data.importers.split_names import split_of_path

_SCHEME = re.compile(r"^(?:[A-Za-z][A-Za-z0-9+.-]{1,15}:/+|[A-Za-z]:)")  # gs://, file:///, C:
_MASKS = re.compile(r"^(?:segmentation.*|.*_?masks?|trimaps?|panoptic_.*|stuffthingmaps)$", re.IGNORECASE)
_ALIKE = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tiff": ".tif"}
_LONGEST_NAME = 4096  # what a system takes for a path


class FileIndex:
    """Listed files by the stem of their names.

    A name is taken by its last part: folders of the machine that it was written on, backslashes, a scheme, another
    case and a missing extension do not matter. Where several files fit, the one whose folders agree best is taken;
    where that does not tell either, none is.
    """

    def __init__(self, files: Iterable[tuple[str, str]]) -> None:
        """Takes (folder, name) pairs."""
        self._by_stem: dict[str, str | list[str]] = {}
        self.paths: set[str] = set()
        for folder, name in files:
            path = f"{folder}/{name}" if folder else name
            self.paths.add(path)
            stem = stem_of(name).lower()
            other = self._by_stem.get(stem)
            if other is None:
                self._by_stem[stem] = path
            elif isinstance(other, str):
                self._by_stem[stem] = [other, path]
            else:
                other.append(path)

    def candidates(self, name: str) -> list[str]:
        """Every file of that last part, of its kind of suffix where it has one, in any folder."""
        parts = parts_of(name)
        if not parts:
            return []
        suffix = suffix_of(parts[-1])
        has_suffix = suffix in PICTURE_SUFFIXES
        found = self._by_stem.get((stem_of(parts[-1]) if has_suffix else parts[-1]).lower(), ())
        paths = [found] if isinstance(found, str) else list(found)
        return [path for path in paths if not has_suffix or _kind(suffix_of(path)) == _kind(suffix)]

    def find(self, name: str, near: str = "") -> str | None:
        """The file that a name means.

        Args:
          name: as an annotation writes it.
          near: the folder of that annotation.

        Returns:
          Its relative path; None where there is none, or more than one that fits equally well.
        """
        ranked = self._ranked(name, near)
        if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
            return None
        return ranked[0][1]

    def missing(self, name: str, near: str = "") -> str:
        """Why `find` finds nothing, for people."""
        shown = reprlib.repr(name)
        ranked = self._ranked(name, near)
        if len(ranked) > 1:
            return f"{shown} may be {ranked[0][1]} or {ranked[1][1]}"
        if ".." in re.split(r"[\\/]", name[:_LONGEST_NAME]):
            return f"{shown} leads out of its folder, and no picture of that name is in the data set"
        return f"{shown} is not among the pictures"

    def _ranked(self, name: str, near: str) -> list[tuple[tuple[int, ...], str]]:
        """(rank, path) of the files that may be meant, best first."""
        *folders, last = parts_of(name) or [""]
        wanted = split_of_path("/".join(folders)) or split_of_path(near)
        ranked = []
        for path in self.candidates(name):
            folder, _, file = path.rpartition("/")
            there = split_of_path(folder)
            if (
                wanted and there and wanted != there
            ):  # names start anew in each split: the other one's is another picture
                continue
            rank = (_common_tail(folders, folder.split("/")), file == last, *_nearness(folder, near))
            ranked.append((tuple(map(int, rank)), path))
        return sorted(ranked, key=lambda item: ([-part for part in item[0]], item[1]))


def picture_index(tree: FileTree) -> FileIndex:
    """The pictures of a tree, without masks that are called as the pictures are."""
    masks = {folder.path for folder in tree.folders if _holds_masks(folder.path)}
    return FileIndex(pair for pair in tree.files(PICTURE_SUFFIXES) if pair[0] not in masks)


def parts_of(name: str) -> list[str]:
    """The parts of a path as some machine wrote it; what comes before a last ".." is dropped."""
    if len(name) > _LONGEST_NAME:
        return []
    parts = [part for part in _SCHEME.sub("", name.strip()).replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts:
        parts = parts[len(parts) - parts[::-1].index("..") :]
    return parts


def _holds_masks(folder: str) -> bool:
    return any(map(_MASKS.match, folder.split("/")))


def _kind(suffix: str) -> str:
    return _ALIKE.get(suffix, suffix)


def _common_tail(a: Sequence[str], b: Sequence[str]) -> int:
    count = 0
    for one, other in zip(reversed(a), reversed(b), strict=False):
        if one.lower() != other.lower():
            break
        count += 1
    return count


def _nearness(folder: str, near: str) -> tuple[int, int, int]:
    """How much two folders have to do with each other: the same, parts in common, few parts."""
    parts = folder.split("/")
    common = Counter(parts) & Counter(near.split("/"))
    return int(folder == near), sum(common.values()), -len(parts)
