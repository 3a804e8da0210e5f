# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet lr-find` and `scripts/lr_find.py`: which learning rate a config can take."""

from __future__ import annotations

import argparse
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from efficientdet.atomic_write import replace_atomically
from efficientdet.cli.terminal import add_override_argument, command, positive_int
from efficientdet.config import load_config, validate
from efficientdet.doctor.live_line import LiveLine
from efficientdet.errors import UsageError
from efficientdet.tuning.rate_choice import SweepPoint, choose_rate
from efficientdet.tuning.rate_report import rate_chart, rate_json, rate_page, report_of
from efficientdet.tuning.rate_sweep import sweep_rates, usual_range

_STEPS = 150


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(
        description="Trains from the config's start weights with a learning rate that grows by a factor in each step, "
        "until the loss diverges, and suggests the peak of the schedule. Nothing of the training is kept.",
        allow_abbrev=False,
    )
    parser.add_argument("config", metavar="CONFIG", help="pipeline config, protobuf text format")
    parser.add_argument("--steps", type=positive_int, default=_STEPS, metavar="N", help=f"default: {_STEPS}")
    parser.add_argument("--low", type=float, metavar="RATE", help="of the first step; default: 1e-4, with Adam 1e-6")
    parser.add_argument("--high", type=float, metavar="RATE", help="of the last step; default: 10, with Adam 0.1")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write lr_find.html, lr_find.svg and lr_find.json there"
    )
    add_override_argument(parser)
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command. Returns the exit code: 0, or 1 where no rate can be suggested."""
    flags = build_parser().parse_args(argv)
    config = load_config(flags.config, flags.override)
    validate(config, for_="train")
    rates = usual_range(config, flags.steps)
    rates = rates._replace(low=flags.low or rates.low, high=flags.high or rates.high)
    if not 0 < rates.low < rates.high or rates.steps < 2:
        raise UsageError(
            f"--low ({rates.low:g}) must be above 0 and below --high ({rates.high:g}), and --steps above 1"
        )
    if flags.output is not None:
        flags.output.mkdir(parents=True, exist_ok=True)  # what cannot be written is better known before than after
    with LiveLine() as line:
        line.show("building the network")
        first: float | None = None  # when the first step was done, which takes as long as many others

        def show(step: int, point: SweepPoint) -> None:
            nonlocal first
            now = time.monotonic()
            left = None if first is None else (rates.steps - step) * (now - first) / (step - 1)
            first = first or now
            line.show("sweeping", f"step {step} of {rates.steps}, rate {point.rate:.2g}, loss {point.loss:.3f}", left)

        points = sweep_rates(config, rates, show)
    choice = choose_rate(points)
    report = report_of(config, choice)
    for text in report.lines:
        print(text)
    if report.override:
        print(f"--override {shlex.quote(report.override)}")
    if flags.output is not None:
        chart = rate_chart(config, points, choice)
        contents = {
            "lr_find.html": rate_page(config, report, chart),
            "lr_find.svg": f'<?xml version="1.0" encoding="UTF-8"?>\n{chart}\n',
            "lr_find.json": rate_json(config, points, choice, report),
        }
        for name, content in contents.items():
            replace_atomically(flags.output / name, content)
            print(flags.output / name)
    return 0 if report.rate else 1
