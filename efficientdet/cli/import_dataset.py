# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Imports a data set of any common format: shards, label map, COCO annotations, a ready config and a report."""

from __future__ import annotations

import argparse
import glob
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from efficientdet.atomic_write import replace_atomically
from efficientdet.cli.terminal import command, image_progress, positive_int
from efficientdet.config import load_config
from efficientdet.data.dataset_files import output_folder
from efficientdet.data.dataset_files.class_ids import plan_label_map
from efficientdet.data.dataset_files.dataset_writer import WrittenSplit, write_dataset
from efficientdet.data.dataset_files.splits import SplitPlan, check_shares, plan_splits
from efficientdet.data.importers.fix_text import name_text
from efficientdet.data.importers.fixes import read_fixes, write_fixes
from efficientdet.data.importers.recognition import FORMATS, SeveralFormatsError, recognise
from efficientdet.data.importers.source import Source
from efficientdet.data.label_map import LabelMap, write_label_map
from efficientdet.data.survey import Survey, take_survey
from efficientdet.doctor.data import check_survey, limits_of
from efficientdet.doctor.findings import Part
from efficientdet.doctor.report.files import write_report
from efficientdet.doctor.report.plain_text import visible
from efficientdet.doctor.report.terminal import count_text
from efficientdet.errors import UsageError
from efficientdet.fine_tuning import DatasetFigures, suggest_config
from efficientdet.modeling.scaling import MODELS

_DESCRIPTION = __doc__ or ""
_EXAMPLES = """examples:
  efficientdet import VOCdevkit/VOC2007 --output data/voc
  efficientdet import annotations/instances.json --image_dir photos --output data/mine --split train=.9 --split val=.1
  efficientdet import VOCdevkit/VOC2007 --output data/mended --apply data/voc/fixes.diff

The data set itself is never changed. Boxes and pictures that no record can hold are mended or left out; whatever else
could be mended is proposed in fixes.diff, for you to read and to --apply.
"""
_CLASSES_SHOWN = 15
_FINDINGS_SHOWN = 5


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "path",
        type=Path,
        metavar="PATH",
        help="the data set: a folder, a JSON or CSV file, a TFRecord or a glob of them",
    )
    add("--output", required=True, type=Path, metavar="DIR", help="where to write: a new or an empty folder")
    add("--format", choices=FORMATS, help="what PATH is; recognised without it")
    add("--image_dir", type=Path, metavar="DIR", help="the pictures' folder, where PATH does not say")
    add("--split", action="append", default=[], type=_share, metavar="NAME=SHARE",
        help="make splits of these shares instead of using the data set's own; repeated for train, val (and test); "
        "without it a data set that has none is split train=.8 val=.2")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="random seed of splits and shuffling (default 0)")
    add("--apply", action="append", default=[], type=Path, metavar="FILE",
        help="fixes to apply on the way, as proposed by an earlier import; may be repeated")  # fmt: skip
    add(
        "--model",
        choices=tuple(MODELS),
        metavar="NAME",
        help="the model of the config: lite0, d0 ...; chosen by the size of the data without it",
    )
    add("--processes", type=positive_int, metavar="N", help="worker processes (default: one per core)")
    add("--overwrite", action="store_true", help="DIR may hold an earlier import, which is replaced at the end")
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Imports a data set and prints a summary. Returns the exit code."""
    flags = build_parser().parse_args(argv)
    shares = _shares(flags.split)
    if flags.seed < 0:
        raise UsageError(f"--seed ({flags.seed}) must not be negative")
    for path in (flags.path, flags.image_dir or flags.path):
        output_folder.check_output(flags.output, path, overwrite=flags.overwrite)
    for path in flags.apply:
        if path.resolve().is_relative_to(flags.output.resolve()):
            raise UsageError(f"--apply {path}: lies in --output {flags.output}, where it would be replaced")
    fixes = read_fixes(*flags.apply) if flags.apply else None
    source = _recognise(flags, sys.argv[1:] if argv is None else argv)
    print("reading pictures", file=sys.stderr)
    progress = image_progress(sys.stderr.isatty())
    survey = take_survey(source, fixes=fixes, processes=flags.processes, on_progress=progress)
    plan = plan_splits(survey, shares, flags.seed)
    label_map = plan_label_map(survey)
    with output_folder.staged(flags.output) as stage:
        print("writing records", file=sys.stderr)
        progress = image_progress(sys.stderr.isatty())
        written = write_dataset(
            survey, plan, label_map, stage, seed=flags.seed, processes=flags.processes, on_progress=progress
        )
        write_label_map(label_map, stage / output_folder.LABEL_MAP)
        figures = _figures(survey, label_map, written, flags.output.resolve())
        replace_atomically(stage / output_folder.CONFIG, suggest_config(figures, model=flags.model))
        part = _check(survey, plan, stage / output_folder.CONFIG)
        num_fixes = write_fixes(stage / output_folder.FIXES, part.faults)
        write_report(stage, [part], str(flags.path), files=output_folder.file_digests(stage))
    print("\n".join(_summary(survey, plan, label_map, written)))
    print("\n".join(_findings(part, flags.output)))
    print("\n".join(_next_commands(flags, num_fixes)))
    return 0


def _recognise(flags: argparse.Namespace, words: Sequence[str]) -> Source:
    """Lists the data set; where that could be several, the error shows the commands that say which."""
    try:
        return recognise(flags.path, format=flags.format, image_dir=flags.image_dir)
    except SeveralFormatsError as error:
        commands = [shlex.join(["efficientdet", "import", *words, "--format", name]) for name in error.formats]
        raise UsageError("\n  ".join([f"{error}:", *commands])) from error


def _share(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        return name, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected NAME=SHARE, as in train=.8, got {text!r}") from None


def _shares(given: Sequence[tuple[str, float]]) -> dict[str, float] | None:
    if not given:
        return None
    if len(dict(given)) < len(given):
        raise UsageError("--split: each split is given once")
    return check_shares(dict(given))


def _figures(survey: Survey, label_map: LabelMap, written: Sequence[WrittenSplit], folder: Path) -> DatasetFigures:
    """What the recipe depends on, with the paths that the files are going to have."""
    splits = {split.name: split for split in written}
    train, val = splits["train"], splits.get("val")  # a lone picture is all for training
    position = np.full(len(survey), -1)
    position[train.rows] = np.arange(len(train.rows))
    pictures = position[survey.rows_of_boxes]
    return DatasetFigures(
        label_map_path=str(folder / output_folder.LABEL_MAP),
        train_path=_reader_path(folder, train),
        val_path=_reader_path(folder, val) if val else "",
        num_classes=label_map.num_rows,
        num_train=len(train.rows),
        num_val=len(val.rows) if val else 0,
        max_boxes=int(np.diff(survey.box_bounds).max(initial=0)),
        boxes=survey.boxes[pictures >= 0],
        box_pictures=pictures[pictures >= 0],
        sizes=survey.sizes[train.rows],
        class_names=tuple(label.name for label in label_map),
    )


def _reader_path(folder: Path, split: WrittenSplit) -> str:
    return str(folder / split.pattern) if split.num_shards == 1 else f"{glob.escape(str(folder))}/{split.pattern}"


def _check(survey: Survey, plan: SplitPlan, config: Path) -> Part:
    # Without the label map, which was made of the very names that are to be judged.
    return check_survey(
        survey,
        split_of=plan.split_of,
        split_names=plan.names,
        limits=limits_of(load_config(config)),
    )


def _summary(survey: Survey, plan: SplitPlan, label_map: LabelMap, written: Sequence[WrittenSplit]) -> Iterator[str]:
    """Pictures and boxes by split, and by class."""
    splits = plan.split_of[survey.rows_of_boxes]
    by_class = np.zeros((len(survey.class_names), len(plan.names)), int)
    np.add.at(by_class, (survey.box_classes[splits >= 0], splits[splits >= 0]), 1)
    rows = [("pictures", [len(split.rows) for split in written]), ("boxes", by_class.sum(axis=0).tolist())]
    order = np.argsort(-by_class.sum(axis=1), kind="stable").tolist()
    rows += [
        (f"  {visible(name_text(survey.class_names[i]))[:40]}", by_class[i].tolist()) for i in order[:_CLASSES_SHOWN]
    ]
    width = max(len(name) for name, _ in rows)
    left_out = int(np.count_nonzero(~survey.usable))
    yield f"{len(label_map)} classes; splits {plan.note}" + (
        f"; {left_out} pictures cannot be used" if left_out else ""
    )
    yield " " * width + "".join(f"{name:>12}" for name in plan.names)
    for name, counts in rows:
        yield f"{name:<{width}}" + "".join(f"{count:>12,}" for count in counts)
    if len(order) > _CLASSES_SHOWN:
        yield f"  and {len(order) - _CLASSES_SHOWN} more classes"


def _findings(part: Part, folder: Path) -> Iterator[str]:
    """The worst of what was found, a line each."""
    if not part.findings:
        return
    yield ""
    for finding in part.findings[:_FINDINGS_SHOWN]:
        yield f"{finding.severity.name:<9}{visible(finding.title)}"
    yield f"{count_text(part.findings)}: {folder / output_folder.REPORT_PAGE} shows and explains all of them"


def _next_commands(flags: argparse.Namespace, num_fixes: int) -> Iterator[str]:
    config = shlex.quote(str(flags.output / output_folder.CONFIG))
    yield ""
    if num_fixes:
        fixes = flags.output / output_folder.FIXES
        yield f"{num_fixes} edits are proposed in {fixes}. Delete the blocks that you do not want, then:"
        yield f"  {shlex.join(_command_with_fixes(flags, fixes))}"
    yield "Next:"
    yield f"  efficientdet doctor {config}"
    yield f"  efficientdet train --pipeline_config_path={config} --model_dir={shlex.quote(str(flags.output / 'model'))}"


def _command_with_fixes(flags: argparse.Namespace, fixes: Path) -> list[str]:
    """The words of the same command, which applies fixes as well."""
    words = ["efficientdet", "import", str(flags.path), "--output", f"{flags.output}_mended"]
    for name in ("format", "image_dir", "model"):
        if (value := getattr(flags, name)) is not None:
            words += [f"--{name}", str(value)]
    words += [f"--split={name}={share:g}" for name, share in flags.split]
    words += [f"--seed={flags.seed}"] if flags.seed else []
    # These fixes were found after the earlier ones: they come behind them.
    return words + [word for path in (*flags.apply, fixes) for word in ("--apply", str(path))]
