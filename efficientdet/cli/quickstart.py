# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`make quickstart`: draw a data set, convert, train, evaluate, export and infer, through the commands a user calls."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from efficientdet.cli import create_tfrecord, export, infer, train
from efficientdet.cli.terminal import Command, add_override_argument, command, positive_int, reader_override
from efficientdet.errors import EfficientDetError, UsageError

CONFIG = Path(__file__).resolve().parents[2] / "pipelines" / "efficientdet_lite0_shapes.config"
_PICTURES_DRAWN = 8


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--output_dir", default="runs/quickstart", metavar="DIR", help="must not exist yet, or be a quickstart"
    )
    parser.add_argument(
        "--num_train_steps", type=positive_int, metavar="N", help="instead of the config's, for a quick look"
    )
    add_override_argument(parser)
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the whole job and prints what it reached. Returns the exit code."""
    flags = build_parser().parse_args(argv)
    started = time.monotonic()
    root = Path(flags.output_dir)
    _claim(root)
    if not CONFIG.is_file():
        raise UsageError(f"{CONFIG} is missing: the quickstart runs from a checkout of the project")
    data = _draw_data(root / "data")
    _step("Train Lite0 from its ImageNet backbone, and evaluate on the held-out pictures")
    steps = [f"--num_train_steps={flags.num_train_steps}"] if flags.num_train_steps else []
    overrides = [*_data_overrides(data), *(f"--override={text}" for text in flags.override)]
    _call(train.main, f"--pipeline_config_path={CONFIG}", f"--model_dir={root / 'model'}", *overrides, *steps)
    _step("Export a SavedModel")
    _call(
        export.main,
        f"--pipeline_config_path={root / 'model' / 'pipeline.config'}",
        f"--trained_checkpoint_dir={root / 'model'}",
        f"--output_directory={root / 'export'}",
    )
    _step("Detect, with the SavedModel")
    pictures = sorted((data / "images" / "val").glob("*.jpg"))[:_PICTURES_DRAWN]
    _call(
        infer.main,
        f"--saved_model_dir={root / 'export' / 'saved_model'}",
        f"--label_map_path={data / 'label_map.pbtxt'}",
        f"--output_dir={root / 'pictures'}",
        *(f"--images={picture}" for picture in pictures),
    )
    print(_summary(root, time.monotonic() - started))
    return 0


def _claim(root: Path) -> None:
    """Marks a folder as a quickstart's; another one that holds something is left alone."""
    marker = root / ".quickstart"
    if root.exists() and not marker.is_file() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(f"--output_dir {root} exists and is not a quickstart's: name another, or remove it")
    root.mkdir(parents=True, exist_ok=True)
    marker.touch()


def _draw_data(data: Path) -> Path:
    from efficientdet.data import shapes

    _step("Draw 300 training and 60 held-out pictures, and write them as TFRecords")
    shapes.write_data_set(data)
    for split in ("train", "val"):
        _call(
            create_tfrecord.main,
            "--format=coco",
            f"--input={data / f'{split}.json'}",
            f"--image_dir={data / 'images' / split}",
            f"--output_path={data / f'{split}.record'}",
            f"--label_map_path={data / 'label_map.pbtxt'}",
        )
    return data


def _data_overrides(data: Path) -> list[str]:
    readers = {"train_input_reader": "train.record", "eval_input_reader": "val.record"}
    return [
        f"--override={reader_override(reader, label_map=data / 'label_map.pbtxt', record=data / record)}"
        for reader, record in readers.items()
    ]


def _step(title: str) -> None:
    print(f"\n== {title}", flush=True)


def _call(function: Command, *argv: str) -> None:
    """Runs another command's main; its own error line is on the screen already when it fails."""
    if code := function(list(argv)):
        raise EfficientDetError(f"the step above ended with exit code {code}")


def _summary(root: Path, seconds: float) -> str:
    last = json.loads((root / "model" / "eval" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    rows = "\n".join(
        f"  {name.removeprefix('DetectionBoxes_'):<34}{value:8.3f}"
        for name, value in last.items()
        if name.startswith(("DetectionBoxes_", "PerformanceByCategory"))
    )
    return (
        f"\n== Done in {seconds / 60:.1f} minutes. Held-out pictures: {last['images']}, step {last['step']}\n{rows}\n\n"
        f"  pictures     {root / 'pictures'}\n"
        f"  SavedModel   {root / 'export' / 'saved_model'}\n"
        f"  TensorBoard  .venv/bin/tensorboard --logdir {root / 'model'}"
    )
