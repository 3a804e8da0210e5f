# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet bench input CONFIG`: which stage of a config's training input costs most."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from efficientdet.bench.input_report import StepPace, report_lines
from efficientdet.cli.terminal import add_override_argument, command, positive_int
from efficientdet.config import PipelineConfig, load_config, validate, with_seed
from efficientdet.doctor.live_line import LiveLine

_IMAGES = 256
_STEPS = 5


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(
        prog="efficientdet bench input",
        description="Takes the training input of a config apart: what reading, decoding, each augmentation, resizing, "
        "batching and matching cost an image, how many images a second it gives, and what a step needs.",
        allow_abbrev=False,
    )
    parser.add_argument("config", metavar="CONFIG", help="pipeline config, protobuf text format")
    parser.add_argument(
        "--images", type=positive_int, default=_IMAGES, metavar="N", help="to look at (default: %(default)s)"
    )
    parser.add_argument("--no_step", action="store_true", help="do not time steps, which takes as long as they do")
    add_override_argument(parser)
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command. Returns the exit code."""
    flags = build_parser().parse_args(argv)
    config = load_config(flags.config, flags.override)
    validate(config, for_="train")
    config = with_seed(config)
    from efficientdet.bench.input_stages import measure_stages

    with tempfile.TemporaryDirectory(prefix="efficientdet-bench-") as folder, LiveLine() as line:
        figures = measure_stages(config, Path(folder), flags.images, lambda detail: line.show("taking apart", detail))
        step = None if flags.no_step else _step_pace(config, line)
    for text in report_lines(figures, len(os.sched_getaffinity(0)), step):
        print(text)
    return 0


def _step_pace(config: PipelineConfig, line: LiveLine) -> StepPace:
    """The quickest of some steps on a batch that is there already, one that the machine can hold."""
    from efficientdet.bench.input_stages import LARGEST_BATCH
    from efficientdet.bench.steps import built_trainer
    from efficientdet.bench.timing import runs

    line.show("timing steps")
    small = config.copy()
    train = small.proto.train_config
    train.batch_size = min(train.batch_size, LARGEST_BATCH)
    train.gradient_accumulation_steps = 1
    trainer = built_trainer(small, keeps_batch=True)
    seconds = [run.seconds for run in runs(trainer.train_step, _STEPS, warm_up=2)]
    return StepPace(train.batch_size, min(seconds))
