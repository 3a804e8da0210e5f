# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Reads Pascal VOC annotations: an XML file for each picture, wherever they lie, with any class names.

Box coordinates are taken as they stand. The 2007-2012 challenges counted pixels from 1; the tools that write this
format today do not, and at the sizes that matter the difference is below what annotators agree on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring as parse_xml

from efficientdet.data import faults
from efficientdet.data.importers.annotation import LARGEST_SIDE, AnnotatedImage, BoxAnnotation
from efficientdet.data.importers.formats import voc_lists
from efficientdet.data.importers.listing import FaultLog, FilePair, FilePairs, FileTree, folder_of
from efficientdet.data.importers.pairing import MOST_FAULTS, PairedFiles, pair_annotations, report_unannotated
from efficientdet.data.importers.split_names import split_by_folder
from efficientdet.data.importers.text_files import read_bounded, unreadable
from efficientdet.data.label_map import Label
from efficientdet.errors import DataError

SUFFIX = ".xml"

_LARGEST_FILE = 8 << 20
_SIDES = ("ymin", "xmin", "ymax", "xmax")


class VocSource(PairedFiles):
    """A folder with Pascal VOC annotations, see `source.Source`.

    Annotations and pictures may lie side by side, in Annotations and JPEGImages, or in any other two folders. What the
    lists in ImageSets/Main say is taken for the splits, else what the names of folders say.
    """

    format = "voc"

    def __init__(self, root: Path, *, image_dir: Path | None = None, lists: Sequence[str] | None = None) -> None:
        """Lists the folder.

        Args:
          root: the folder; several VOC folders below it are taken together.
          image_dir: where the pictures are, when not below `root`.
          lists: names of the lists in ImageSets/Main to take as splits; None for those that are there, () for none.

        Raises:
          DataError: when no annotation has a picture, or there is no list of such a name, or nothing in it.
        """
        log = FaultLog()
        tree = FileTree(root, log)
        pairs = pair_annotations(tree, SUFFIX, image_dir, self.format, picture_name, log)
        annotated = {pair.picture for pair in pairs}
        listed = voc_lists.read_lists(tree, pairs, lists, log)
        if lists and not listed:
            raise DataError(f"{root}: no annotated picture in {', '.join(lists)}; {log.first()}")
        self.root = root
        self.image_root = image_dir or root
        self.labels: tuple[Label, ...] = ()
        splits = listed or split_by_folder(pairs, lambda pair: (folder_of(pair.annotation), folder_of(pair.picture)))
        self.splits = {name: FilePairs(found) for name, found in splits.items()}
        report_unannotated(tree if image_dir is None else FileTree(image_dir, log), annotated, log)
        self.faults = log.finish()

    def read(self, entry: FilePair) -> AnnotatedImage:
        """Reads one annotation; names are kept with the spaces they end with, see `_name`."""
        content = parse(self.root, entry.annotation)
        height, width = _number(content, "size/height"), _number(content, "size/width")
        boxes: list[BoxAnnotation] = []
        log = FaultLog(MOST_FAULTS)
        for index, item in enumerate(content.iter("object")):
            place = f"object {index}"
            if item.find("bndbox") is None:
                log.add(faults.ANNOTATION_ODD, entry.annotation, place, "no bndbox: left out")
            else:
                boxes.append(_box(item, place))
        size = (int(height), int(width)) if 0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE else None
        return self.image(entry, size, boxes, log)


def parse(root: Path, file: str) -> Element:
    """The root element of an annotation file.

    Raises:
      AnnotationError: it cannot be read, is no XML, defines entities or is another kind of XML.
    """
    data = read_bounded(root, file, _LARGEST_FILE)
    if not data.strip():
        raise unreadable(file, "the file is empty")
    try:
        content = parse_xml(data.lstrip(), forbid_dtd=False)
    except ParseError as error:
        line, _ = error.position
        raise unreadable(file, f"not XML ({error})", f"line {line}") from error
    except DefusedXmlException as error:
        raise unreadable(file, f"refused: it defines entities ({type(error).__name__})") from error
    except (ValueError, LookupError) as error:  # an encoding that nobody knows
        raise unreadable(file, f"not XML ({error})") from error
    if content.tag != "annotation":
        raise unreadable(file, f"not a Pascal VOC annotation: its root element is {content.tag[:80]!r}")
    return content


def picture_name(root: Path, file: str) -> str:
    """The name of the picture that an annotation states; "" where it states none. Raises an AnnotationError."""
    return (parse(root, file).findtext("filename") or "").strip()


def _box(item: Element, place: str) -> BoxAnnotation:
    ymin, xmin, ymax, xmax = (_number(item, f"bndbox/{side}") for side in _SIDES)
    return BoxAnnotation(
        _name(item.findtext("name") or ""), ymin, xmin, ymax, xmax,
        is_difficult=_number(item, "difficult") == 1,
        is_truncated=_number(item, "truncated") == 1,
        place=place,
    )  # fmt: skip


def _name(text: str) -> str:
    """A class name as it was typed: "car " stays apart from "car".

    Only where the text starts on a line of its own are the spaces those of a program that lays XML out.
    """
    return text.strip() if text.lstrip(" \t")[:1] in ("\n", "\r") else text


def _number(element: Element, path: str) -> float:
    try:
        return float((element.findtext(path) or "").strip())
    except ValueError:
        return math.nan
