# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The lists of a VOC folder, ImageSets/Main/*.txt: which pictures a split has."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from efficientdet.data import faults
from efficientdet.data.importers.annotation import AnnotationError
from efficientdet.data.importers.listing import PICTURE_SUFFIXES, FaultLog, FilePair, FileTree, join, stem_of, suffix_of
from efficientdet.data.importers.picture_index import parts_of
from efficientdet.data.importers.source import UNSPLIT
from efficientdet.data.importers.split_names import split_of
from efficientdet.data.importers.text_files import decode_text, lines_of, read_bounded
from efficientdet.errors import DataError

_ANNOTATIONS = ".xml"
_LARGEST_LIST = 128 << 20
_OF_A_CLASS = re.compile(r"^.+_(?:train|val|trainval|test)$", re.IGNORECASE)
_PLAIN = re.compile(r"^(?:[a-z]+)[0-9]*$", re.IGNORECASE)


def read_lists(
    tree: FileTree, pairs: Sequence[FilePair], names: Sequence[str] | None, log: FaultLog
) -> dict[str, list[FilePair]]:
    """Reads the lists of every VOC folder in a tree.

    Args:
      tree: the data set.
      pairs: its annotations and their pictures.
      names: the lists to take; None for those that make up the data set: train, val and test, with trainval for train
        where there is none; where none of these is there, all but the lists of single classes. () for no list.
      log: receives lines that name no annotation, lists that cannot be read, and annotations that are in no list.

    Returns:
      Pairs by split, in the order of the lists; {} where there is no list.

    Raises:
      DataError: when a list of `names` is missing or cannot be read.
    """
    if names is not None and not names:
        return {}
    bases = _bases(tree)
    if names is not None and not bases:
        raise DataError(f"{tree.root}: there is no ImageSets/Main with a list {names[0]!r}")
    splits: dict[str, list[FilePair]] = defaultdict(list)
    # An annotation without picture, or a picture without annotation, is reported where the files are.
    there = {stem_of(file) for _, file in tree.files((_ANNOTATIONS, *PICTURE_SUFFIXES))}
    for base, (folder, files) in bases.items():
        chosen = _named(tree, folder, files, names) if names is not None else _choose(files)
        inside = [pair for pair in pairs if not base or pair.annotation.startswith(f"{base}/")]
        lookup = _by_name(inside)
        for split, file in chosen.items():
            try:
                splits[split] += _read(tree, join(folder, file), lookup, there, log)
            except AnnotationError as error:
                if names is not None:
                    raise
                log.add(*error.fault[:4])
        if names is None and chosen:
            _report_unlisted(folder, inside, set().union(*splits.values()), log)
    return {split: found for split, found in splits.items() if found}


def _bases(tree: FileTree) -> dict[str, tuple[str, list[str]]]:
    """VOC folders that have lists: their path -> the path of the lists' folder, and its files."""
    tail = "imagesets/main"
    return {
        folder[: -len(tail)].rstrip("/"): (folder, files.get(".txt", []))
        for folder, files in tree.folders
        if folder.lower() == tail or folder.lower().endswith(f"/{tail}")
    }


def _report_unlisted(folder: str, pairs: Sequence[FilePair], listed: Collection[FilePair], log: FaultLog) -> None:
    left = [pair.annotation for pair in pairs if pair not in listed]
    if left:
        detail = f"{len(left)} annotations are in no list: left out, {left[0]} for one"
        log.add(faults.ANNOTATION_ODD, folder, "", detail)


def _named(tree: FileTree, folder: str, files: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    for name in names:
        if f"{name}.txt" not in files:
            known = ", ".join(map(stem_of, files)) or "none"
            raise DataError(f"{tree.root / folder / name}.txt is missing: no split {name!r} (there: {known})")
    return {name: f"{name}.txt" for name in names}


def _choose(files: Sequence[str]) -> dict[str, str]:
    """The lists that make up a data set, by split."""
    plain = [file for file in files if _PLAIN.match(stem_of(file))]
    chosen = {split: file for file in plain if (split := split_of(stem_of(file)))}
    both = next((file for file in plain if stem_of(file).lower() == "trainval"), None)
    if both and "train" not in chosen and "val" not in chosen:
        chosen["train"] = both
    if not chosen:
        others = [file for file in files if not _OF_A_CLASS.match(stem_of(file))]
        chosen = {stem_of(file) if len(others) > 1 else UNSPLIT: file for file in others}
    return {split: chosen[split] for split in sorted(chosen, key=("train", "val", "test", *sorted(chosen)).index)}


def _by_name(pairs: Sequence[FilePair]) -> dict[str, FilePair]:
    """Annotations by what a line may call them: their stem, and their path below a folder Annotations."""
    lookup: dict[str, FilePair] = {}
    for pair in pairs:
        path = stem_of(pair.annotation)
        lookup.setdefault(path.rpartition("/")[2], pair)
        below = path.lower().rfind("annotations/")
        if below >= 0:
            lookup[path[below + len("annotations/") :]] = pair
    return lookup


def _read(tree: FileTree, file: str, lookup: dict[str, FilePair], there: set[str], log: FaultLog) -> list[FilePair]:
    text = decode_text(read_bounded(tree.root, file, _LARGEST_LIST))
    found: dict[FilePair, None] = {}
    for number, line in lines_of(text):
        pair = _find(line, lookup)
        if pair is not None:
            found[pair] = None
        elif there.isdisjoint(_keys(line)):
            log.add(faults.PICTURE_LEFT_OUT, file, f"line {number}", f"{line[:200]!r} has no annotation")
    return list(found)


def _find(line: str, lookup: dict[str, FilePair]) -> FilePair | None:
    return next((lookup[key] for key in _keys(line) if key in lookup), None)


def _keys(line: str) -> Iterator[str]:
    """What a line may mean: a path or a name, with or without the suffix of a picture."""
    # The lists of single classes put a flag behind the name: -1 absent, 0 difficult, 1 present.
    for name in (line, line.split()[0]):
        path = "/".join(parts_of(name))
        stem = stem_of(path) if suffix_of(path) in PICTURE_SUFFIXES else path
        yield stem
        yield stem.rpartition("/")[2]
