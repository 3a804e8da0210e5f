# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The files of a data set, listed once: none of them is opened or asked for its size, none lies outside the folder."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, overload

from efficientdet.data import faults
from efficientdet.data.faults import Fault
from efficientdet.data.importers.annotation import AnnotationError
from efficientdet.data.texts import Texts
from efficientdet.errors import DataError

PICTURE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif")
)
"""What a picture's name ends with, in lower case. A reader may refuse some of them: that is said of each picture."""

_FAULTS_OF_A_KIND = 10_000  # a file of a billion commas must not become a billion faults
_FOREIGN_FOLDERS = frozenset(("__macosx", "node_modules", "site-packages"))


class Folder(NamedTuple):
    """One folder of a tree, and the names of the files in it, sorted, by what they end with, see `suffix_of`."""

    path: str  # relative to the root, with forward slashes; "" for the root itself
    files: dict[str, list[str]]


class FilePair(NamedTuple):
    """An entry of the formats that have a file for each picture."""

    picture: str  # relative to the folder of the pictures, with forward slashes
    annotation: str  # relative to the root; "" where there is none


class FilePairs(Sequence[FilePair]):
    """FilePairs in little memory, see `Texts`."""

    def __init__(self, pairs: Iterable[FilePair]) -> None:
        """Takes them all."""
        self._pictures, self._annotations = Texts(), Texts()
        for pair in pairs:
            self._pictures.append(pair.picture)
            self._annotations.append(pair.annotation)

    @overload
    def __getitem__(self, index: int) -> FilePair: ...
    @overload
    def __getitem__(self, index: slice) -> list[FilePair]: ...
    def __getitem__(self, index: int | slice) -> FilePair | list[FilePair]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        return FilePair(self._pictures[index], self._annotations[index])

    def __len__(self) -> int:
        return len(self._pictures)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (FilePairs, list, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(map(FilePair.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]


class FaultLog:
    """Faults as they are found; of each kind the first ones are kept and the rest is counted."""

    def __init__(self, max_of_a_kind: int = _FAULTS_OF_A_KIND) -> None:
        self._max_of_a_kind = max_of_a_kind
        self._faults: list[Fault] = []
        self._counts: Counter[str] = Counter()

    def add(self, code: str, file: str, place: str, detail: str) -> None:
        """Notes one case.

        Raises:
          AnnotationError: there are a hundred times as many cases as are kept: whatever this is, it takes too long.
        """
        self._counts[code] += 1
        if self._counts[code] <= self._max_of_a_kind:
            self._faults.append(Fault(code, file, place, detail))
        elif self._counts[code] > 100 * self._max_of_a_kind:
            raise AnnotationError(Fault(code, file, place, f"given up after {self._counts[code]} cases of {code}"))

    def first(self) -> str:
        """The first case, for people, as the reason why nothing is left."""
        return f"the first fault: {self._faults[0].where}: {self._faults[0].detail}" if self._faults else "no file"

    def finish(self) -> tuple[Fault, ...]:
        """What was found, with a last fault for each kind of which cases had to be left out."""
        more = {code: count - self._max_of_a_kind for code, count in self._counts.items()}
        rest = [Fault(code, "", "", f"and {count} more of this kind") for code, count in more.items() if count > 0]
        return tuple(self._faults + rest)


class FileTree:
    """All files below a folder.

    Hidden files and folders are passed over. Links are followed where they stay inside; a link that leads out of the
    folder is a fault, because a data set from somewhere must not be able to name files that are not its own.

    Attributes:
      root: the folder.
      folders: those that hold files, sorted by path.
    """

    def __init__(self, root: Path, log: FaultLog) -> None:
        """Lists the folder.

        Args:
          root: the folder.
          log: receives links that lead out, names that are not UTF-8 and folders that cannot be opened.

        Raises:
          DataError: when the folder itself cannot be listed.
        """
        self.root = root
        self._inside = os.path.join(os.path.realpath(root), "")
        self._log = log
        self.folders: list[Folder] = []
        waiting = [""]
        while waiting:
            waiting += self._list(waiting.pop())
        self.folders.sort(key=lambda found: found.path)

    def files(self, suffixes: Collection[str]) -> Iterator[tuple[str, str]]:
        """(folder, name) of every file whose name ends, in lower case, with one of the suffixes."""
        for folder, files in self.folders:
            for suffix in sorted(files.keys() & suffixes):
                for name in files[suffix]:
                    yield folder, name

    def paths(self, *suffixes: str) -> list[str]:
        """Relative path of every file whose name ends with one of the suffixes."""
        return [join(folder, name) for folder, name in self.files(suffixes)]

    def _list(self, folder: str) -> list[str]:
        """Takes in one folder. Returns those inside it."""
        files: dict[str, list[str]] = {}
        inner: list[str] = []
        try:
            with os.scandir(os.path.join(self.root, folder)) as entries:
                for entry in entries:
                    name = entry.name
                    if name[0] == "." or not (name.isascii() or self._is_text(folder, name)):
                        continue
                    if entry.is_dir(follow_symlinks=False):  # known without a look at the file itself
                        if name.lower() not in _FOREIGN_FOLDERS:
                            inner.append(join(folder, name))
                    elif entry.is_file(follow_symlinks=False) or self._leads_to_a_file(folder, entry):
                        files.setdefault(suffix_of(name), []).append(name)
        except OSError as error:
            if not folder:
                raise DataError(f"{self.root}: {error.strerror}") from error
            self._log.add(faults.ANNOTATION_UNREADABLE, folder, "", f"the folder cannot be listed: {error.strerror}")
        if files:
            self.folders.append(Folder(folder, {suffix: sorted(files[suffix]) for suffix in sorted(files)}))
        return inner

    def _is_text(self, folder: str, name: str) -> bool:
        try:
            name.encode()
        except UnicodeEncodeError:  # bytes that are no UTF-8 come as halves of surrogate pairs
            shown = os.fsencode(join(folder, name)).decode("utf-8", "backslashreplace")
            code = faults.PICTURE_UNREADABLE if suffix_of(name) in PICTURE_SUFFIXES else faults.ANNOTATION_UNREADABLE
            self._log.add(code, shown, "", "its name is not UTF-8: left out; rename it")
            return False
        return True

    def _leads_to_a_file(self, folder: str, entry: os.DirEntry[str]) -> bool:
        """Whether this is a link that ends at a file inside; a folder inside is listed under its own name anyway."""
        if not entry.is_symlink():
            return False
        target = os.path.realpath(entry.path)
        if os.path.join(target, "").startswith(self._inside):
            try:
                return stat.S_ISREG(os.stat(target).st_mode)
            except OSError:
                return False
        code = faults.PICTURE_MISSING if suffix_of(entry.name) in PICTURE_SUFFIXES else faults.ANNOTATION_ODD
        self._log.add(
            code, join(folder, entry.name), "", "a link that leads out of the data set's folder: not followed"
        )
        return False


def join(folder: str, name: str) -> str:
    """A relative path with forward slashes."""
    return f"{folder}/{name}" if folder else name


def folder_of(path: str) -> str:
    """The folder of a path with forward slashes; "" for the root."""
    return path.rpartition("/")[0]


def suffix_of(name: str) -> str:
    """What a name ends with, from its last dot, in lower case; "" where there is no dot."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def stem_of(name: str) -> str:
    """A file's name without its suffix."""
    dot = name.rfind(".")
    return name[:dot] if dot > 0 else name
