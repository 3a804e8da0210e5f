# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Converts Pascal VOC or COCO annotations, with any class names, into TFRecords and a label map."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from efficientdet.cli.terminal import command, image_progress
from efficientdet.data.importers import coco, voc
from efficientdet.data.importers.annotation import AnnotatedImage, Note
from efficientdet.data.label_map import Label, LabelMap, read_label_map, write_label_map
from efficientdet.errors import UsageError

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

    from efficientdet.data.importers.writer import write_records  # imports TensorFlow: after all that can be mistaken

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
    if flags.format == "coco":
        return coco.read_coco(Path(flags.input[0]), Path(flags.image_dir), needs_labels=needs_labels)
    folders = [Path(folder) for folder in flags.input]
    splits = flags.split or [None]
    images, notes = voc.read_voc(folders, splits * len(folders) if len(splits) == 1 else splits)
    names = voc.class_names(folders) if needs_labels else []
    return images, [Label(id_, name) for id_, name in enumerate(names, start=1)], notes
