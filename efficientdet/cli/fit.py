# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet fit` and `scripts/fit.py`: the largest batch that trains within the memory there is."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from efficientdet.cli.terminal import add_override_argument, command, positive_int
from efficientdet.config import PipelineConfig, load_config, validate, write_config
from efficientdet.errors import UsageError
from efficientdet.tuning.batch_report import report_of
from efficientdet.tuning.batch_search import find_batch
from efficientdet.tuning.schedule import peak_rate, with_peak_rate

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(
        description="Looks for the most images that train at a time: the largest images of the data, full of boxes, at "
        "their largest scale, in processes of their own, within the memory that is free and the limits of control "
        "groups and ulimit. What is found is run, and the config text is printed that computes the global batch in "
        "as many parts as it takes.",
        allow_abbrev=False,
    )
    parser.add_argument("config", metavar="CONFIG", help="pipeline config, protobuf text format")
    parser.add_argument("--memory", type=memory_size, metavar="SIZE", help="that the run may hold: 8GiB, 6.5GB")
    parser.add_argument(
        "--global_batch",
        type=positive_int,
        metavar="N",
        help="instead of train_config.batch_size; the learning rate is scaled with it",
    )
    parser.add_argument(
        "--most", type=positive_int, metavar="N", help="images on a replica at a time, beyond which nothing is tried"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the config that fits, resolved")
    add_override_argument(parser)
    return parser


def memory_size(text: str) -> int:
    """Reads a number of bytes such as 8GiB, 6.5GB or 900M, as a flag's type."""
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s?([kmgt]?i?)b?", text.strip().lower())
    value = int(float(found[1]) * _UNITS[found[2]]) if found and found[2] in _UNITS else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a size such as 8GiB or 6.5GB, got {text!r}")
    return value


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command. Returns the exit code."""
    flags = build_parser().parse_args(argv)
    config = load_config(flags.config, flags.override)
    validate(config, for_="train")
    if flags.write is not None and flags.write.exists() and flags.write.samefile(flags.config):
        raise UsageError(f"--write: {flags.write} is the config itself, which is not overwritten")
    wanted = _with_batch(config, flags.global_batch)
    report = report_of(config, wanted, find_batch(wanted, memory=flags.memory, most=flags.most))
    for text in report.lines:
        print(text)
    if report.override:
        print(f"--override {shlex.quote(report.override)}")
    if flags.write is not None:
        write_config(report.config, flags.write)
        print(flags.write)
    return 0


def _with_batch(config: PipelineConfig, global_batch: int | None) -> PipelineConfig:
    """The config with another batch, and by the linear rule another rate; Adam's does not depend on the batch."""
    train = config.proto.train_config
    if global_batch is None or global_batch == train.batch_size:
        return config
    kind = train.optimizer.WhichOneof("optimizer")
    scales = kind not in ("adam_optimizer", "adamw_optimizer") and peak_rate(config) > 0
    copy = with_peak_rate(config, peak_rate(config) * global_batch / train.batch_size) if scales else config.copy()
    copy.proto.train_config.batch_size = global_batch
    return copy
