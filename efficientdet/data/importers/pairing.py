# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What formats with one annotation file for each picture have in common: which file belongs to which picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from efficientdet.data import faults
from efficientdet.data.faults import Fault
from efficientdet.data.importers.annotation import AnnotatedImage, AnnotationError, BoxAnnotation
from efficientdet.data.importers.listing import PICTURE_SUFFIXES, FaultLog, FilePair, FileTree, folder_of, join, stem_of
from efficientdet.data.importers.picture_index import FileIndex, picture_index
from efficientdet.data.importers.split_names import split_of_path
from efficientdet.data.label_map import Label
from efficientdet.errors import DataError

MOST_FAULTS = 1000
"""Of a kind, in one annotation file."""


class PairedFiles:
    """What the sources of such formats hold, see `source.Source`; entries are FilePairs."""

    format: str
    root: Path
    image_root: Path  # what pictures are relative to
    labels: tuple[Label, ...]
    splits: Mapping[str, Sequence[FilePair]]
    faults: Sequence[Fault]

    def image(
        self, entry: FilePair, size: tuple[int, int] | None, boxes: Sequence[BoxAnnotation], log: FaultLog
    ) -> AnnotatedImage:
        """An annotation that has been read."""
        return AnnotatedImage(
            path=Path(os.path.join(self.image_root, entry.picture)),
            filename=entry.picture.rpartition("/")[2],
            source_id=entry.picture,
            size=size,
            boxes=tuple(boxes),
            annotation=entry.annotation,
            faults=log.finish(),
        )


def pair_annotations(
    tree: FileTree,
    suffix: str,
    image_dir: Path | None,
    format: str,
    picture_name: Callable[[Path, str], str],
    log: FaultLog,
) -> list[FilePair]:
    """Finds the picture of each annotation file: of the same stem first, since names inside are often left over.

    Args:
      tree: the data set.
      suffix: of annotation files.
      image_dir: where the pictures are; None for anywhere in the tree.
      format: what to call the files in the error.
      picture_name: reads the name of the picture that a file states, or raises an AnnotationError; asked where no
        picture has the file's stem.
      log: receives annotations without picture, and a second one of the same picture in the same split.

    Raises:
      DataError: when there is no pair.
    """
    index = picture_index(tree if image_dir is None else FileTree(image_dir, log))
    pairs: list[FilePair] = []
    num_files = 0
    near, there, ending = "", "", ".jpg"  # where the picture before was found: most are alike
    for folder, name in tree.files((suffix,)):
        num_files += 1
        annotation, stem = join(folder, name), stem_of(name)
        picture: str | None = join(there, stem) + ending
        if folder != near or picture not in index.paths:
            picture = index.find(stem, folder) or _stated_picture(tree.root, annotation, index, picture_name, log)
            if picture is None:
                continue
            near, there, ending = folder, folder_of(picture), picture[picture.rfind(".") :]
        pairs.append(FilePair(picture, annotation))
    if not pairs:
        where = f"{tree.root} and {image_dir}" if image_dir else f"{tree.root}"
        raise DataError(f"{where}: none of {num_files} {format} files ({suffix}) has a picture; {log.first()}")
    return _first_of_each(pairs, log)


def _stated_picture(
    root: Path, annotation: str, index: FileIndex, picture_name: Callable[[Path, str], str], log: FaultLog
) -> str | None:
    """The picture that an annotation names; None, with a fault, where there is none."""
    folder, _, file = annotation.rpartition("/")
    try:
        stated = picture_name(root, annotation)
    except AnnotationError as error:
        log.add(*error.fault[:4])
        return None
    picture = index.find(stated, folder)
    if picture is None:
        log.add(faults.PICTURE_MISSING, annotation, "", index.missing(stated or stem_of(file), folder))
    return picture


def _first_of_each(pairs: Sequence[FilePair], log: FaultLog) -> list[FilePair]:
    """Leaves out a second annotation of a picture, such as a copy that was set aside."""
    kept: list[FilePair] = []
    owners: dict[str, str] = {}
    for pair in pairs:
        owner = owners.setdefault(pair.picture, pair.annotation)
        if owner != pair.annotation and split_of_path(owner) == split_of_path(pair.annotation):
            detail = f"{pair.picture} is annotated by {owner} as well: left out"
            log.add(faults.ANNOTATION_ODD, pair.annotation, "", detail)
        else:
            kept.append(pair)
    return kept


def report_unannotated(tree: FileTree, annotated: Collection[str], log: FaultLog) -> None:
    """Reports pictures that nothing is said of, in the folders that hold annotated ones."""
    folders = {folder_of(path) for path in annotated}
    for folder, name in tree.files(PICTURE_SUFFIXES):
        if folder in folders and (path := join(folder, name)) not in annotated:
            log.add(faults.PICTURE_LEFT_OUT, path, "", "a picture without annotation")
