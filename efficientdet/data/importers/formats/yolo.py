# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Reads YOLO labels: a text file for each picture, a line for each box: class, centre and size as fractions."""

from __future__ import annotations

from pathlib import Path

from efficientdet.data import faults
from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation
from efficientdet.data.importers.formats.yolo_config import YoloConfig, read_config
from efficientdet.data.importers.formats.yolo_files import list_splits, pair_labels
from efficientdet.data.importers.listing import FaultLog, FilePair, FilePairs, FileTree, folder_of
from efficientdet.data.importers.pairing import MOST_FAULTS, PairedFiles
from efficientdet.data.importers.picture_index import picture_index
from efficientdet.data.importers.split_names import split_by_folder
from efficientdet.data.importers.text_files import decode_text, lines_of, read_bounded
from efficientdet.data.label_map import Label
from efficientdet.errors import DataError

_LARGEST_FILE = 8 << 20  # outlines are long
_NUM_SIDES = 4


class YoloSource(PairedFiles):
    """A folder with YOLO labels, see `source.Source`.

    Labels lie in a folder `labels` where pictures lie in a folder `images`, or beside the pictures. Names and splits
    come from data.yaml (by any name), from obj.data, or from classes.txt and the names of folders. A picture without
    labels is a background picture.
    """

    format = "yolo"

    def __init__(self, path: Path, *, image_dir: Path | None = None) -> None:
        """Lists the folder.

        Args:
          path: the folder, or its data.yaml.
          image_dir: where the pictures are, when not below the folder.

        Raises:
          DataError: when it has no picture, no labels, or a data.yaml that cannot be read.
        """
        log = FaultLog()
        self.root = path if path.is_dir() else path.absolute().parent
        self.image_root = image_dir or self.root
        tree = FileTree(self.root, log)
        config = read_config(tree, None if path.is_dir() else path.name, log)
        index = picture_index(tree if image_dir is None else FileTree(image_dir, log))
        pairs = pair_labels(index, tree, log)
        if not any(pair.annotation for pair in pairs.values()):
            raise DataError(f"{self.root}: none of its {len(pairs)} pictures has a YOLO label file (.txt)")
        listed = list_splits(config, tree, index, log)
        self._names = dict(config.names)
        self._has_keypoints = config.has_keypoints
        self.labels = _labels(config, log)
        splits = (
            {split: [pairs[path] for path in paths] for split, paths in listed.items()}
            if listed
            else split_by_folder(pairs.values(), lambda pair: (folder_of(pair.picture), folder_of(pair.annotation)))
        )
        self.splits = {name: FilePairs(found) for name, found in splits.items()}
        self._report(pairs, {pair for found in splits.values() for pair in found}, config, log)
        self.faults = log.finish()

    def _report(self, pairs: dict[str, FilePair], used: set[FilePair], config: YoloConfig, log: FaultLog) -> None:
        for pair in pairs.values():
            if pair in used and not pair.annotation:
                log.add(faults.ANNOTATION_MISSING, pair.picture, "", "no label file: taken for a background picture")
        if left := [pair.picture for pair in pairs.values() if pair not in used]:
            detail = f"{len(left)} pictures are in no split: left out, {left[0]} for one"
            log.add(faults.ANNOTATION_ODD, config.file, "", detail)

    def read(self, entry: FilePair) -> AnnotatedImage:
        """Reads one label file; a class that has no name is called by its number."""
        boxes: list[BoxAnnotation] = []
        log = FaultLog(MOST_FAULTS)
        outlines: list[int] = []
        if entry.annotation:
            text = decode_text(read_bounded(self.root, entry.annotation, _LARGEST_FILE))
            for number, line in lines_of(text):
                try:
                    box, is_outline = self._box(line.split(), f"line {number}")
                except ValueError as error:
                    log.add(faults.ANNOTATION_UNREADABLE, entry.annotation, f"line {number}", f"{error}: left out")
                    continue
                boxes.append(box)
                if is_outline:
                    outlines.append(number)
        if outlines:
            detail = f"an outline, taken as the box around it; {len(outlines)} lines are"
            log.add(faults.ANNOTATION_ODD, entry.annotation, f"line {outlines[0]}", detail)
        return self.image(entry, None, boxes, log)._replace(is_normalized=True)

    def _box(self, values: list[str], place: str) -> tuple[BoxAnnotation, bool]:
        """A line as a box, and whether it is an outline."""
        row = _class_number(values[0])
        name = self._names.get(row, str(row))
        try:
            sides = [float(value) for value in values[1:]]
        except ValueError:
            raise ValueError(f"{' '.join(values)[:80]!r} holds something that is no number") from None
        if len(sides) > _NUM_SIDES and self._has_keypoints:
            sides = sides[:_NUM_SIDES]
        if len(sides) == _NUM_SIDES:
            x, y, width, height = sides
            box = BoxAnnotation(name, y - height / 2, x - width / 2, y + height / 2, x + width / 2, place=place)
            return box, False
        if len(sides) < 6 or len(sides) % 2:
            raise ValueError(f"{len(values)} values, where class, x, y, width and height are expected")
        xs, ys = sides[::2], sides[1::2]
        return BoxAnnotation(name, min(ys), min(xs), max(ys), max(xs), place=place), True


def _class_number(text: str) -> int:
    number = float(text)  # some tools write 0.0
    if not number.is_integer():
        raise ValueError(f"class {text[:40]!r} is no whole number")
    return int(number)


def _labels(config: YoloConfig, log: FaultLog) -> tuple[Label, ...]:
    """The classes; of two that are called alike the first."""
    first: dict[str, int] = {}
    for row, name in sorted(config.names.items()):
        if first.setdefault(name, row) != row:
            log.add(faults.ANNOTATION_ODD, config.file, "", f"classes {first[name]} and {row} are both called {name!r}")
    if not first:
        log.add(faults.ANNOTATION_ODD, config.file, "", "no names of classes: they are called by their numbers")
    return tuple(Label(row + 1, name) for name, row in first.items())
