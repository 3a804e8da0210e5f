# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
r"""Proposed edits as a text that people review like a diff, and what an import makes of them. No TensorFlow.

    @@ Annotations/x.xml: object 12   # box-inverted: xmin 504 is above xmax 404
    - box RBC 504 337 404 437
    + box RBC 404 337 504 437

A block without a `+` line removes what its `-` line names; a block that is deleted leaves the thing alone; everything
else that starts with `#` is for people. The forms of a line:

    box NAME xmin ymin xmax ymax    numbers as annotated, in the annotation's own unit (pixels or fractions)
    picture SPLIT                   of that split, for one that stands in several; `picture` alone is in whichever split
    class NAME                      all boxes of that class; only under `@@ *`, for the whole data set

A name with spaces, quotes or characters that cannot be seen is written as a JSON string. Edits are made in the order of
the text: what a `-` line says must stand there once those above it are made.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from efficientdet.atomic_write import replace_atomically
from efficientdet.data.faults import Fault, Fix
from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation
from efficientdet.data.importers.fix_text import EVERY_FILE, PICTURE, Block, Form, parse_fixes, quoted, quoted_place
from efficientdet.errors import DataError

_HEADER = """\
# What an import of this data set could mend on the way. Nothing has been changed: neither your files nor what was
# written beside this one. Read each block; delete those that you do not want, or edit their + lines. Then:
#   efficientdet import PATH --output NEW_FOLDER --apply THIS_FILE
# A block without a + line removes what it names. Boxes: class xmin ymin xmax ymax, as annotated.
"""


def box_form(box: BoxAnnotation) -> str:
    """A box as it was annotated, for `Fix.before` and `Fix.after`."""
    numbers = " ".join(map(_shortest, (box.xmin, box.ymin, box.xmax, box.ymax)))
    return f"box {quoted(box.name)} {numbers}"


def picture_form(split: str | None = None) -> str:
    """A picture as a member of a split (`source.UNSPLIT` for none), for `Fix.before` and `Fix.after`.

    None is for any split: who reads a data set under other circumstances may call its splits by other names.
    """
    return PICTURE if split is None else f"{PICTURE} {quoted(split)}"


def class_form(name: str) -> str:
    """A class, for a `Fix` of every file (`EVERY_FILE`)."""
    return f"class {quoted(name)}"


def _shortest(value: float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(float(value)).removesuffix(".0")


class Fixes:
    """The edits of one or more files; picklable.

    `used` collects the numbers of the edits that found their place. A survey in several processes gathers it from all
    of them before `check_all_used`.
    """

    def __init__(self, edits: Sequence[Block] = ()) -> None:
        """Takes the edits in the order in which they are to be made."""
        self.edits = tuple(edits)
        self.used: set[int] = set()
        self._by_place: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, edit in enumerate(self.edits):
            where = edit.fix.file if edit.before.kind == "class" else _where(edit.fix.file, edit.fix.place)
            self._by_place[edit.before.kind, where].append(number)

    def __len__(self) -> int:
        return len(self.edits)

    def split_of(self, picture: str, split: str) -> str | None:
        """The split that a picture goes into.

        Args:
          picture: the file relative to the data set's root, as `Survey.files` and faults name it (`Fault.where`).
          split: that the data set lists it in, `source.UNSPLIT` for none.

        Returns:
          `split` itself where no edit says otherwise; None: the picture is dropped.
        """
        is_dropped = False
        for number in self._by_place.get(("picture", picture), ()):
            edit = self.edits[number]
            if edit.fix.before != PICTURE and edit.before.name != split:
                continue  # listed in two splits: the edit means the other one; if it means neither, it stays unused
            self.used.add(number)
            if edit.after is None:
                is_dropped = True  # and may be for several reasons: the others' edits are no mistakes
            else:
                split = edit.after.name
        return None if is_dropped else split

    def apply(self, image: AnnotatedImage) -> AnnotatedImage:
        """Makes the edits of one picture's boxes.

        Args:
          image: as the source read it; one that `split_of` drops as well, so that the edits of its boxes count as used.

        Raises:
          DataError: the `-` line of an edit does not stand there. Names the line of the fixes file.
        """
        places = {("box", _where(image.annotation, box.place)) for box in image.boxes}
        numbers = sorted(number for key in (*places, ("class", EVERY_FILE)) for number in self._by_place.get(key, ()))
        if not numbers:
            return image
        boxes: list[BoxAnnotation] = list(image.boxes)
        for number in numbers:
            edit = self.edits[number]
            if edit.before.kind == "class":
                boxes = self._rename(number, boxes)
            elif (index := self._find(edit, boxes)) is not None:
                self.used.add(number)
                boxes[index : index + 1] = [] if edit.after is None else [_edited(boxes[index], edit.after)]
        return image._replace(boxes=tuple(boxes))

    def class_of(self, name: str) -> str | None:
        """What a class of the data set's list of classes is called; None when it is removed."""
        for number in self._by_place.get(("class", EVERY_FILE), ()):
            edit = self.edits[number]
            if edit.before.name == name:
                if edit.after is None:
                    return None
                name = edit.after.name
        return name

    def _rename(self, number: int, boxes: list[BoxAnnotation]) -> list[BoxAnnotation]:
        before, after = self.edits[number].before.name, self.edits[number].after
        if all(box.name != before for box in boxes):
            return boxes
        self.used.add(number)
        if after is None:
            return [box for box in boxes if box.name != before]
        return [box._replace(name=after.name) if box.name == before else box for box in boxes]

    def _find(self, edit: Block, boxes: Sequence[BoxAnnotation]) -> int | None:
        """The box that an edit means; None when an edit above removed it."""
        there = [index for index, box in enumerate(boxes) if box.place == edit.fix.place]
        for index in there:
            if _is_same(boxes[index], edit.before):
                return index
        if there:
            raise DataError(
                f"{edit.line}: {_where(edit.fix.file, edit.fix.place)} is not {edit.fix.before!r} but "
                f"{box_form(boxes[there[0]])!r}: the file was made for other annotations, or two blocks edit one box"
            )
        return None

    def check_all_used(self) -> None:
        """Raises a DataError that names the first edit which found nothing to edit."""
        unused = [edit for number, edit in enumerate(self.edits) if number not in self.used]
        if unused:
            first = unused[0]
            others = f" (and {len(unused) - 1} more blocks like it)" if len(unused) > 1 else ""
            place = "the data set" if first.fix.file == EVERY_FILE else _where(first.fix.file, first.fix.place)
            raise DataError(f"{first.line}: no {first.fix.before!r} in {place}{others}: delete what does not apply")


def _where(file: str, place: str) -> str:
    return f"{file}: {place}" if place else file


def _is_same(box: BoxAnnotation, form: Form) -> bool:
    ymin, xmin, ymax, xmax = box[1:5]
    same = (
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip((xmin, ymin, xmax, ymax), form.sides, strict=True)
    )
    return box.name == form.name and all(same)


def _edited(box: BoxAnnotation, form: Form) -> BoxAnnotation:
    xmin, ymin, xmax, ymax = form.sides
    moved = (ymin, xmin, ymax, xmax) != box[1:5]
    # The area of a mask is no area of a box that was somewhere else.
    return box._replace(name=form.name, ymin=ymin, xmin=xmin, ymax=ymax, xmax=xmax, area=None if moved else box.area)


def read_fixes(*paths: Path) -> Fixes:
    """Reads fixes; the edits of a later file are made upon those of an earlier one.

    Raises:
      DataError: a file cannot be read, or a line is no line of a fixes file. Names the line.
    """
    return Fixes([block for path in paths for block in parse_fixes(path)])


def write_fixes(path: Path, faults: Iterable[Fault]) -> int:
    """Writes what the faults propose, grouped by file; renamed classes come last, as boxes are named as annotated.

    Faults that would edit the same thing become one block: a removal wins, else the first one.

    Returns:
      The number of blocks.
    """
    proposed: dict[tuple[str, str, str], tuple[Fix, list[str]]] = {}
    for fault in faults:
        if fault.fix is None:
            continue
        key = (fault.fix.file, fault.fix.place, fault.fix.before)
        fix, reasons = proposed.get(key, (fault.fix, []))
        reason = f"{fault.code}: {_about(fault, fault.fix)}{fault.detail}"
        proposed[key] = (fault.fix if not fault.fix.after else fix, [*reasons, reason])
    by_file: dict[str, list[str]] = defaultdict(list)
    for fix, reasons in proposed.values():
        by_file[fix.file].append(_block(fix, reasons))
    files = sorted(by_file, key=lambda file: (file == EVERY_FILE, file))
    blocks = [block for file in files for block in by_file[file]]
    replace_atomically(path, "\n".join([_HEADER, *(blocks or ["# Nothing to propose.\n"])]))
    return len(blocks)


def _about(fault: Fault, fix: Fix) -> str:
    """What a fault is about, where that is not what its fix edits: the picture that stays, of two that are alike."""
    is_elsewhere = (fault.file, fault.place) != (fix.file, fix.place) and fix.file != EVERY_FILE
    return f"{fault.where}: " if is_elsewhere else ""


def _block(fix: Fix, reasons: Sequence[str]) -> str:
    place = f": {quoted_place(fix.place)}" if fix.place else ""
    comment = "".join(c if c.isprintable() else " " for c in "; ".join(reasons))
    head = f"@@ {quoted_place(fix.file)}{place}   # {comment}\n- {fix.before}\n"
    return f"{head}+ {fix.after}\n" if fix.after else head
