# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which label file belongs to which picture of a YOLO data set, and which pictures belong to a split."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from efficientdet.data import faults
from efficientdet.data.importers.annotation import AnnotationError
from efficientdet.data.importers.formats.yolo_config import YoloConfig
from efficientdet.data.importers.listing import FaultLog, FilePair, FileTree, folder_of, join, stem_of
from efficientdet.data.importers.picture_index import FileIndex, parts_of
from efficientdet.data.importers.text_files import decode_text, lines_of, read_bounded

SUFFIX = ".txt"

_LARGEST_LIST = 128 << 20
_OTHER_TEXTS = frozenset(
    ("classes", "labels", "names", "predefined_classes", "readme", "license", "notes", "train", "val", "valid", "test",
     "trainval", "requirements")
)  # fmt: skip


def pair_labels(index: FileIndex, tree: FileTree, log: FaultLog) -> dict[str, FilePair]:
    """Finds the labels of every picture.

    Args:
      index: the pictures.
      tree: the data set, with the label files.
      log: receives label files without a picture.

    Returns:
      Pairs by the path of the picture, sorted; those without labels have "" for an annotation.
    """
    labels = _label_files(tree)
    unused = dict(labels)
    pairs: dict[str, FilePair] = {}
    for picture in sorted(index.paths):
        place = next((place for place in label_places(picture) if place in labels), None)
        if place and _is_other(labels[place]) and not holds_labels(tree, labels[place]):  # a list, and test.jpg
            place = None
        pairs[picture] = FilePair(picture, labels[place] if place else "")
        if place:
            unused.pop(place, None)
    folders = {folder_of(pair.annotation) for pair in pairs.values() if pair.annotation}
    for place, label in unused.items():
        folder, _, stem = place.rpartition("/")
        if _is_other(label):
            continue
        # In folders of other names a label file belongs to whichever picture of its stem is closest.
        owner = index.find(stem, folder)
        if owner and not pairs[owner].annotation:
            pairs[owner] = FilePair(owner, label)
        elif folder in folders or "labels" in folder.lower().split("/") or holds_labels(tree, label):
            log.add(faults.PICTURE_MISSING, label, "", "a label file without a picture")
    return pairs


def _label_files(tree: FileTree) -> dict[str, str]:
    """Text files that may hold labels, by their path without suffix."""
    return {join(folder, stem_of(name)): join(folder, name) for folder, name in tree.files((SUFFIX,))}


def _is_other(path: str) -> bool:
    """Whether a text file is called as those are that hold names, lists or remarks."""
    return path.rpartition("/")[2].partition(".")[0].lower() in _OTHER_TEXTS


def label_places(picture: str) -> Iterator[str]:
    """Where the labels of a picture may lie, without suffix: a folder `images` made `labels`, the innermost first."""
    stem = stem_of(picture)
    parts = stem.split("/")
    for i in range(len(parts) - 2, -1, -1):
        if parts[i].lower() == "images":
            yield "/".join((*parts[:i], "labels", *parts[i + 1 :]))
    yield stem


def holds_labels(tree: FileTree, file: str) -> bool:
    """Whether a text file starts with a line of at least five numbers."""
    try:
        with open(tree.root / file, "rb") as opened:
            values = opened.readline(4096).removeprefix(codecs.BOM_UTF8).split()
        return len(values) >= 5 and all(map(_is_number, values))
    except OSError:
        return False


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def list_splits(config: YoloConfig, tree: FileTree, index: FileIndex, log: FaultLog) -> dict[str, list[str]]:
    """Paths of the pictures of each split that the data set states.

    Args:
      config: what it states.
      tree: the data set, with the lists.
      index: the pictures.
      log: receives places that are not there, and lines that name no picture.
    """
    folders = {""}
    for path in {folder_of(picture) for picture in index.paths}:
        parts = path.split("/")
        folders.update("/".join(parts[: i + 1]) for i in range(len(parts)))
    lists = set(tree.paths(SUFFIX))
    ordered = sorted(index.paths)
    splits: dict[str, list[str]] = {}
    for split, places in config.splits.items():
        found: dict[str, None] = {}
        for place in places:
            at = _locate(place, config.folder, folders | lists)
            if at is None:
                detail = f"{place[:200]!r} is neither a folder with pictures nor a list of them here"
                log.add(faults.ANNOTATION_ODD, config.file, split, detail)
            elif at in lists:
                found.update(dict.fromkeys(_read_list(tree, at, index, log)))
            else:
                start = f"{at}/" if at else ""
                found.update(dict.fromkeys(path for path in ordered if path.startswith(start)))
        if found:
            splits[split] = list(found)
    return splits


def _locate(place: str, folder: str, known: Iterable[str]) -> str | None:
    """A folder or list as some machine wrote it: below the data set's folder, by as much of its end as is there."""
    parts = parts_of(place)
    for i in range(len(parts) + (not parts)):
        for base in dict.fromkeys((folder, folder_of(folder), "")):
            path = join(base, "/".join(parts[i:])).rstrip("/")
            if path in known:
                return path
    return None


def _read_list(tree: FileTree, file: str, index: FileIndex, log: FaultLog) -> Iterator[str]:
    folder = folder_of(file)
    try:
        text = decode_text(read_bounded(tree.root, file, _LARGEST_LIST))
    except AnnotationError as error:
        log.add(*error.fault[:4])
        return
    for number, name in lines_of(text):
        path = join(folder, "/".join(parts_of(name)))
        picture = path if path in index.paths else index.find(name, folder)
        if picture is None:
            log.add(faults.PICTURE_MISSING, file, f"line {number}", index.missing(name, folder))
        else:
            yield picture
