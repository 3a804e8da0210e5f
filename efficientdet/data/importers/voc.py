# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Reads Pascal VOC folders: Annotations/*.xml, JPEGImages/, ImageSets/Main/<split>.txt, with any class names.

Box coordinates are taken as they stand. The 2007-2012 challenges counted pixels from 1; the tools that write this
format today do not, and at the sizes that matter the difference is below what annotators agree on.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import parse as parse_xml

from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation, Note, path_inside
from efficientdet.errors import DataError

SKIPPED_NO_ANNOTATION = "skipped: picture of the split without an annotation file"
SKIPPED_BAD_ANNOTATION = "skipped: annotation that cannot be read"
SKIPPED_NO_PICTURE = "skipped: annotation whose picture is missing"

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def read_voc(folders: Sequence[Path], splits: Sequence[str | None]) -> tuple[list[AnnotatedImage], list[Note]]:
    """Reads the pictures of one split each from one or more VOC folders.

    Args:
      folders: each holds Annotations and JPEGImages, and ImageSets/Main when a split is named. One may be given again
        with another split.
      splits: of each folder, the stem of a list in ImageSets/Main; None takes every file in Annotations.

    Returns:
      The pictures in order, and notes on the ones that had to be left out. The source id is the file name, preceded by
      the folder's when there are several: "VOC2007/000001.jpg".

    Raises:
      DataError: when a folder is not laid out like this, nothing is left of it, or a picture would be there twice.
    """
    images: list[AnnotatedImage] = []
    notes: list[Note] = []
    for folder, split, prefix in zip(folders, splits, _prefixes(folders), strict=True):
        found: list[AnnotatedImage] = []
        for stem in _stems(folder, split):
            image = _read_picture(folder, stem, prefix)
            if isinstance(image, Note):
                notes.append(image)
            else:
                found.append(image)
        if not found:
            faults = f"; the first: {notes[0].kind}: {notes[0].detail}" if notes else ""
            raise DataError(f"{folder}: no annotated picture{f' in split {split!r}' if split else ''}{faults}")
        # Results are filed under these ids: with one of them twice, its picture would count twice.
        if twice := {image.source_id for image in images} & {image.source_id for image in found}:
            raise DataError(f"{folder}: {min(twice)!r} is given twice: its splits must not overlap")
        images += found
    return images, notes


def _prefixes(folders: Sequence[Path]) -> list[str]:
    """What sets the ids of several folders' pictures apart: the folders' names, or where two are alike their paths."""
    if len(folders) == 1:
        return [""]
    paths = [Path(os.path.abspath(folder)) for folder in folders]
    names = {path: path.name for path in paths}
    if len(set(names.values())) < len(names):
        return [f"{folder.as_posix()}/" for folder in folders]
    return [f"{names[path]}/" for path in paths]


def class_names(folders: Iterable[Path]) -> list[str]:
    """All class names in the folders' annotations, sorted.

    Every annotation counts, not only those of one split: the label map written with the training split then holds the
    classes that occur in another one only.
    """
    names: set[str] = set()
    for folder in folders:
        for path in sorted((folder / "Annotations").glob("*.xml")):
            root = _parse(path)
            if not isinstance(root, Note):
                names.update(_text(item, "name") for item in root.iter("object"))
    return sorted(names - {""})


def _stems(folder: Path, split: str | None) -> list[str]:
    annotations = folder / "Annotations"
    if not annotations.is_dir():
        raise DataError(f"{folder}: not a Pascal VOC folder, it has no Annotations")
    if split is None:
        return sorted(path.stem for path in annotations.glob("*.xml"))
    lists = folder / "ImageSets" / "Main"
    path = path_inside(lists, f"{split}.txt")
    if not path.is_file():
        known = ", ".join(sorted(other.stem for other in lists.glob("*.txt"))) or "none"
        raise DataError(f"{path} is missing: no split {split!r} (there: {known})")
    try:
        lines = filter(None, map(str.strip, path.read_text(encoding="utf-8").splitlines()))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not a list of names: byte {error.start} is not UTF-8") from None
    # The lists of single classes put a flag behind the name: -1 absent, 0 difficult, 1 present.
    return list(dict.fromkeys(line if (annotations / f"{line}.xml").exists() else line.split()[0] for line in lines))


def _read_picture(folder: Path, stem: str, prefix: str) -> AnnotatedImage | Note:
    annotation = path_inside(folder / "Annotations", f"{stem}.xml")
    if not annotation.is_file():
        return Note(SKIPPED_NO_ANNOTATION, str(annotation))
    root = _parse(annotation)
    if isinstance(root, Note):
        return root
    path = _picture_path(folder / "JPEGImages", stem, _text(root, "filename"))
    if path is None:
        return Note(SKIPPED_NO_PICTURE, str(annotation))
    height, width = _number(root, "size/height"), _number(root, "size/width")
    return AnnotatedImage(
        path=path,
        filename=path.name,
        source_id=f"{prefix}{path.name}",
        size=(int(height), int(width)) if 0 < height < math.inf and 0 < width < math.inf else None,
        boxes=tuple(map(_box, root.iter("object"))),
    )


def _parse(path: Path) -> Element | Note:
    try:
        return parse_xml(path, forbid_dtd=False).getroot()
    except (ParseError, DefusedXmlException, OSError, ValueError) as error:
        return Note(SKIPPED_BAD_ANNOTATION, f"{path}: {error}")


def _picture_path(folder: Path, stem: str, filename: str) -> Path | None:
    """The picture of an annotation: of the same stem first, since <filename> is often left over from a copied file."""
    names = [f"{stem}{suffix}" for lower in _SUFFIXES for suffix in (lower, lower.upper())]
    names.append(Path(filename.replace("\\", "/")).name)
    candidates = (path_inside(folder, name) for name in names if name)
    return next((path for path in candidates if _is_file(path)), None)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the file system
        return False


def _box(item: Element) -> BoxAnnotation:
    ymin, xmin, ymax, xmax = (_number(item, f"bndbox/{side}") for side in ("ymin", "xmin", "ymax", "xmax"))
    return BoxAnnotation(
        _text(item, "name"), ymin, xmin, ymax, xmax,
        is_difficult=_number(item, "difficult") == 1,
        is_truncated=_number(item, "truncated") == 1,
    )  # fmt: skip


def _text(element: Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _number(element: Element, path: str) -> float:
    try:
        return float(_text(element, path))
    except ValueError:
        return math.nan
