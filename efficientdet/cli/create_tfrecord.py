# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Converts Pascal VOC or COCO annotations, with any class names, into TFRecords and a label map."""

from __future__ import annotations

import argparse
import itertools
import os
import reprlib
import sys
from collections.abc import Sequence
from pathlib import Path

from efficientdet.cli.terminal import command, image_progress
from efficientdet.data import faults
from efficientdet.data.dataset_files.tfrecord_writer import write_records
from efficientdet.data.importers.annotation import AnnotatedImage, AnnotationError, Note
from efficientdet.data.importers.formats.coco import CocoSource
from efficientdet.data.importers.formats.voc import VocSource
from efficientdet.data.importers.source import Source
from efficientdet.data.label_map import Label, LabelMap, read_label_map, write_label_map
from efficientdet.errors import DataError, UsageError

_LARGEST_ID = 2**31 - 1  # of a class, in a label map
_KINDS = {
    faults.PICTURE_LEFT_OUT: "skipped: picture without annotation",
    faults.PICTURE_MISSING: "skipped: annotation whose picture is missing",
    faults.ANNOTATION_ODD: "noted: annotation that is not all boxes",
}
_OTHER_KIND = "skipped: annotation that cannot be read"

_EXAMPLES = """examples:
  create_tfrecord.py --format voc --input VOCdevkit/VOC2007 --input VOCdevkit/VOC2012 --split trainval \\
    --output_path data/train.record --num_shards 10 --label_map_path data/label_map.pbtxt
  create_tfrecord.py --format coco --input annotations/instances_val2017.json --image_dir val2017 \\
    --output_path data/val.record --label_map_path data/label_map.pbtxt
"""


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--format", required=True, choices=("voc", "coco"), help="what --input is")
    add("--input", required=True, action="append", metavar="PATH",
        help="voc: a folder with Annotations and JPEGImages, may be repeated; coco: the JSON file")  # fmt: skip
    add("--split", action="append", metavar="NAME",
        help="voc: the list ImageSets/Main/NAME.txt; once for all folders, or once for each; without it, every "
        "annotation")  # fmt: skip
    add("--image_dir", metavar="DIR", help="coco: the folder of the pictures")
    add("--output_path", required=True, metavar="FILE", help="the record file, or what its shards' names start with")
    add("--num_shards", type=int, default=1, metavar="N", help="files to write (default 1): FILE-00000-of-0000N ...")
    add("--label_map_path", required=True, metavar="FILE", help="label map (.pbtxt): read if it exists, else written")
    add("--seed", type=int, default=0, metavar="N", help="of the shuffling (default 0)")
    add(
        "--max_listed",
        type=int,
        default=20,
        metavar="N",
        help="cases of each kind in the summary, 0 for all (default 20)",
    )
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Converts one split and prints a summary. Returns the exit code."""
    flags = build_parser().parse_args(argv)
    _check_flags(flags)
    label_map_path = Path(flags.label_map_path)
    known = read_label_map(label_map_path) if label_map_path.exists() else None
    images, labels, notes = _read(flags, needs_labels=known is None)
    label_map = known or LabelMap(tuple(labels), origin=str(flags.input[0]))
    summary = write_records(
        images,
        label_map.id_of,
        Path(flags.output_path),
        num_shards=flags.num_shards,
        seed=flags.seed,
        on_progress=image_progress(sys.stderr.isatty()),
    )
    summary.notes[:0] = notes
    if known is None:
        write_label_map(label_map, label_map_path)
    print("\n".join(summary.lines(flags.max_listed)))
    print(f"label map {'written to' if known is None else 'read from'} {label_map_path}: {len(label_map)} classes")
    return 0


def _check_flags(flags: argparse.Namespace) -> None:
    if flags.num_shards < 1:
        raise UsageError(f"--num_shards ({flags.num_shards}) must be at least 1")
    if flags.seed < 0 or flags.max_listed < 0:
        raise UsageError(f"--seed ({flags.seed}) and --max_listed ({flags.max_listed}) must not be negative")
    if flags.format == "voc" and flags.image_dir:
        raise UsageError("--image_dir belongs to --format coco; a VOC folder holds its own JPEGImages")
    if flags.format == "coco" and flags.split:
        raise UsageError("--split belongs to --format voc; a COCO file is one split")
    if flags.format == "coco" and not flags.image_dir:
        raise UsageError("--format coco needs --image_dir, the folder of the pictures")
    if flags.format == "coco" and len(flags.input) > 1:
        raise UsageError("--format coco takes one --input: image ids of two files could clash")
    if flags.split and len(flags.split) not in (1, len(flags.input)):
        raise UsageError(f"--split is given {len(flags.split)} times: give it once, or once for each --input")


def _read(flags: argparse.Namespace, needs_labels: bool) -> tuple[list[AnnotatedImage], list[Label], list[Note]]:
    notes: list[Note] = []
    if flags.format == "coco":
        coco = CocoSource(Path(flags.input[0]), image_dir=Path(flags.image_dir))
        labels = [label._replace(name=label.name.strip()) for label in coco.labels]
        if needs_labels:
            _require_label_ids(labels, flags.input[0])
        return _read_all(coco, notes), labels, notes
    folders = [Path(folder) for folder in flags.input]
    splits = flags.split or [None]
    splits = splits * len(folders) if len(splits) == 1 else splits
    images: list[AnnotatedImage] = []
    for folder, split, prefix in zip(folders, splits, _prefixes(folders), strict=True):
        voc = VocSource(folder, lists=() if split is None else (split,))
        found = [image._replace(source_id=f"{prefix}{image.filename}") for image in _read_all(voc, notes)]
        # Results are filed under these ids: with one of them twice, its picture would count twice.
        if twice := {image.source_id for image in images} & {image.source_id for image in found}:
            raise DataError(f"{folder}: {min(twice)!r} is given twice: its splits must not overlap")
        images += found
    names = _class_names(folders) if needs_labels else []
    return images, [Label(id_, name) for id_, name in enumerate(names, start=1)], notes


def _read_all(source: Source, notes: list[Note]) -> list[AnnotatedImage]:
    """The pictures of all splits, with class names as a label map has them; adds what had to be left out to `notes`."""
    found = list(source.faults)
    images: list[AnnotatedImage] = []
    for entry in itertools.chain.from_iterable(source.splits.values()):
        try:
            image = source.read(entry)
        except AnnotationError as error:
            found.append(error.fault)
            continue
        found += image.faults
        boxes = tuple(box._replace(name=box.name.strip()) for box in image.boxes)
        images.append(image._replace(boxes=boxes))
    notes += [Note(_KINDS.get(fault.code, _OTHER_KIND), f"{fault.where}: {fault.detail}") for fault in found]
    if not images:
        raise DataError(f"{source.root}: no annotation can be read; the first: {notes[-1].detail}")
    return images


def _class_names(folders: Sequence[Path]) -> list[str]:
    """All class names in the folders' annotations, sorted.

    Every annotation counts, not only those of one split: the label map written with the training split then holds the
    classes that occur in another one only.
    """
    names: set[str] = set()
    for folder in dict.fromkeys(folders):
        for image in _read_all(VocSource(folder, lists=()), []):
            names.update(box.name for box in image.boxes)
    return sorted(names - {""})


def _prefixes(folders: Sequence[Path]) -> list[str]:
    """What sets the ids of several folders' pictures apart: the folders' names, or where two are alike their paths."""
    if len(folders) == 1:
        return [""]
    paths = [Path(os.path.abspath(folder)) for folder in folders]
    names = {path: path.name for path in paths}
    if len(set(names.values())) < len(names):
        return [f"{folder.as_posix()}/" for folder in folders]
    return [f"{names[path]}/" for path in paths]


def _require_label_ids(labels: Sequence[Label], path: str) -> None:
    for id_, name, *_ in labels:
        if not 1 <= id_ <= _LARGEST_ID:
            raise DataError(
                f"{path}: category {name!r} has id {reprlib.repr(id_)}; ids of a label map start at 1 (0 is the "
                f"background) and end at {_LARGEST_ID}. Write a label map of your own, with ids from 1 and the names "
                "of the categories, and give it as --label_map_path: classes are then matched by name"
            )
