# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the checks of a data set look at: its survey, its splits, and what a run would make of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from efficientdet.data.faults import Fault, Fix
from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation
from efficientdet.data.importers.fixes import picture_form
from efficientdet.data.label_map import LabelMap
from efficientdet.data.survey import Survey
from efficientdet.doctor.data.limits import InputLimits
from efficientdet.errors import DataError
from efficientdet.ops.anchor_overlap import best_overlaps


@dataclass(frozen=True)
class Subject:
    """A data set under examination.

    Attributes:
      survey: P rows (pictures), N boxes.
      splits: names; "" for that of a data set which knows none.
      split_of: int [P], index into `splits`; -1 for a picture in none of them.
      label_map: what class names are looked up in; None before there is one.
      limits: of the network's input; None where no config is known.
      in_place: a run reads the files as they are; otherwise an import writes them anew and mends on the way.
    """

    survey: Survey
    splits: tuple[str, ...]
    split_of: np.ndarray
    label_map: LabelMap | None = None
    limits: InputLimits | None = None
    in_place: bool = False

    @cached_property
    def rows(self) -> np.ndarray:
        """int64 [N], the picture of each box."""
        return self.survey.rows_of_boxes

    @cached_property
    def box_splits(self) -> np.ndarray:
        """Int [N], the split of each box."""
        return self.split_of[self.rows]

    @cached_property
    def counts(self) -> np.ndarray:
        """int64 [P], boxes of each picture."""
        return np.diff(self.survey.box_bounds)

    @cached_property
    def training(self) -> int:
        """Index of the split that is trained on: the one of that name, else the first; -1 where there is only one."""
        if len(self.splits) < 2:
            return -1
        return next((index for index, split in enumerate(self.splits) if is_training(split)), 0)

    @cached_property
    def listed_splits(self) -> list[str]:
        """What the data set itself calls each split: "train2017" for "train"; "" where it was made by dealing out."""
        own = self.survey.split_of
        names = []
        for split in range(len(self.splits)):
            found = np.unique(own[self.split_of == split])
            alone = len(found) == 1 and set(np.unique(self.split_of[own == found[0]])) <= {split, -1}
            names.append(self.survey.splits[int(found[0])] if alone else "")
        return names

    def listed_for_training(self, row: int) -> bool:
        """Whether the data set itself lists a picture for training."""
        return is_training(self.survey.splits[int(self.survey.split_of[row])])

    @cached_property
    def boxes_by_class(self) -> np.ndarray:
        """int64 [splits, C], boxes of each split and class."""
        return self._by_split_and_class(self.box_splits, self.survey.box_classes)

    @cached_property
    def pictures_by_class(self) -> np.ndarray:
        """int64 [splits, C], pictures of each split that show a class."""
        rows, classes = self.shown
        return self._by_split_and_class(self.split_of[rows], classes)

    @cached_property
    def shown(self) -> tuple[np.ndarray, np.ndarray]:
        """int64 [n] each: pictures and the classes that they show, each pair once, in the order of the pictures."""
        num_classes = max(len(self.survey.class_names), 1)
        pairs = np.sort(self.rows * num_classes + self.survey.box_classes)
        return np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], num_classes)

    @cached_property
    def boxes_in_input(self) -> np.ndarray:
        """float64 [N, 4], the boxes in pixels of the network's input; of the pictures where that is not known."""
        if self.limits is None:
            return self.survey.boxes.astype(np.float64)
        return self.survey.boxes * np.tile(self.limits.scales(self.survey.sizes), 2)[self.rows]

    @cached_property
    def best_overlaps(self) -> np.ndarray:
        """float32 [N], the best IoU of each box with any anchor; zeros where no anchors are known."""
        if self.limits is None:
            return np.zeros(len(self.survey.boxes), np.float32)
        anchors = self.limits.anchors * np.tile(np.asarray(self.limits.size, np.float32), 2)
        return best_overlaps(self.boxes_in_input, anchors)

    def _by_split_and_class(self, splits: np.ndarray, classes: np.ndarray) -> np.ndarray:
        shape = (len(self.splits), len(self.survey.class_names))
        inside = splits >= 0
        flat = splits[inside].astype(np.int64) * shape[1] + classes[inside]
        return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)

    def rows_with(self, *codes: str) -> np.ndarray:
        """Bool [P], pictures of which the survey has said one of these already."""
        found = np.zeros(len(self.survey), bool)
        reported = [fault for fault in self.survey.faults if fault.code in codes]
        found[[fault.row for fault in reported if fault.row >= 0]] = True
        files = {fault.where for fault in reported if fault.row < 0}
        return found | np.array([file in files for file in self.survey.files], bool)

    def respelled(self, meant: Mapping[str, str]) -> Subject:
        """The same with classes called what was meant: name -> name."""
        if not meant:
            return self
        names = [meant.get(name, name) for name in self.survey.class_names]
        known = tuple(sorted(set(names)))
        numbers = np.array([known.index(name) for name in names], np.int32)
        survey = replace(self.survey, class_names=known, box_classes=numbers[self.survey.box_classes])
        return replace(self, survey=survey)

    @cached_property
    def occurrences(self) -> Counter[str]:
        """How many rows there are of each of `survey.files`: as many as splits that list it."""
        return Counter(self.survey.files)

    def split_name(self, row: int) -> str:
        """The split of a picture, for people."""
        index = int(self.split_of[row])
        return (self.splits[index] if index >= 0 else "") or "all"

    @cached_property
    def places(self) -> Places:
        """Where things stand in files."""
        return Places(self.survey)


def is_training(split: str) -> bool:
    """Whether a split is called what splits for training are called."""
    return split.lower().startswith("train")


class Place(NamedTuple):
    """Where a box stands, and what stands there."""

    file: str
    place: str
    box: BoxAnnotation | None  # as annotated; None where that cannot be told


class Places:
    """Finds the place of a row or a box in the user's files: a survey keeps only what is counted and measured."""

    def __init__(self, survey: Survey) -> None:
        """Holds the survey; annotations are read again when one of their boxes is to be named."""
        self._survey = survey
        self._annotation = lru_cache(maxsize=64)(self._read)

    def _read(self, row: int) -> AnnotatedImage | None:
        try:
            return self._survey.annotation(row)
        except DataError:  # it was readable a moment ago; whoever edits a data set meanwhile gets vaguer places
            return None

    def box(self, row: int, box: int) -> Place:
        """The place of a box.

        Args:
          row: of its picture.
          box: its index among all boxes of the survey.
        """
        number = int(self._survey.box_numbers[box])
        image = self._annotation(row)
        if image is None or number >= len(image.boxes):
            return Place(self._survey.files[row], f"box {number}", None)
        annotated = image.boxes[number]
        file = image.annotation or self._survey.files[row]
        return Place(file, annotated.place or f"box {number}", annotated)


def row_fault(subject: Subject, code: str, row: int, detail: str, fix: Fix | None = None) -> Fault:
    """A fault of a whole picture."""
    file, place = picture_place(subject.survey.files[row])
    return Fault(code, file, place, detail, row=int(row), fix=fix)


def box_fault(subject: Subject, code: str, box: int, detail: str) -> Fault:
    """A fault of one box, to be looked at by a person."""
    row = int(subject.rows[box])
    place = subject.places.box(row, box)
    ymin, xmin, ymax, xmax = map(float, subject.survey.boxes[box])
    return Fault(code, place.file, place.place, detail, row=row, box=(ymin, xmin, ymax, xmax))


def class_fault(subject: Subject, code: str, name: str, rule: str) -> Fault:
    """A fault of a class that has boxes, at the first of them."""
    boxes = np.flatnonzero(subject.survey.box_classes == subject.survey.class_names.index(name))
    number = "1 box" if len(boxes) == 1 else f"{len(boxes):,} boxes"
    return box_fault(subject, code, int(boxes[0]), f"class {name!r} ({number}) {rule}")


def known_names(subject: Subject) -> tuple[frozenset[str], str]:
    """The class names that are meant to be there, and who says so; empty where nobody does."""
    if subject.label_map is not None:
        return frozenset(subject.label_map.rows_by_text()), subject.label_map.origin
    return frozenset(label.name for label in subject.survey.source.labels), "the data set's list of classes"


def drop_fix(subject: Subject, row: int) -> Fix:
    """The edit that leaves a picture out."""
    file, place = picture_place(subject.survey.files[row])
    return Fix(file, place, _listed_form(subject, row), "")


def move_fix(subject: Subject, row: int, split: int) -> Fix | None:
    """The edit that moves a picture to another split; None where the data set has no such split itself."""
    listed, target = subject.listed_splits[int(subject.split_of[row])], subject.listed_splits[split]
    if not listed or not target or listed != _listed_split(subject, row):
        return None
    file, place = picture_place(subject.survey.files[row])
    return Fix(file, place, _listed_form(subject, row), picture_form(target))


def _listed_form(subject: Subject, row: int) -> str:
    """A picture as an edit names it; its split only where it stands in several, as others may call that otherwise."""
    stands_alone = subject.occurrences[subject.survey.files[row]] == 1
    return picture_form(None if stands_alone else _listed_split(subject, row))


def _listed_split(subject: Subject, row: int) -> str:
    return subject.survey.splits[int(subject.survey.split_of[row])]


def picture_place(name: str) -> tuple[str, str]:
    """File and place of a picture as a survey names it: "train.record: record 7" is one of several in a file."""
    file, _, place = name.rpartition(": record ")
    return (file, f"record {place}") if file else (name, "")
