# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet tune` and `scripts/tune.py`: short runs over learning rates, batches or any field."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from efficientdet.atomic_write import replace_atomically
from efficientdet.cli.terminal import add_override_argument, command, positive_int
from efficientdet.doctor.report.terminal import style_of, table_lines
from efficientdet.errors import UsageError
from efficientdet.tuning.search_space import draws, grid, parse_axis, parse_rates
from efficientdet.tuning.sweep import SweepPlan, run_sweep
from efficientdet.tuning.sweep_report import sweep_page, sweep_table
from efficientdet.tuning.trial_results import RESULTS

_PAGE = "tune.html"
_TRAINING_SAMPLE = 3000


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(
        description="Tries settings of a config in short runs, one after the other, and ranks them by their score on "
        "the evaluation data; each is scored on a random sample of the training images too. Runs that are finished "
        "are not repeated: the same command goes on where it was interrupted.",
        allow_abbrev=False,
    )
    parser.add_argument("config", metavar="CONFIG", help="pipeline config, protobuf text format")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="runs, tune.html and tune.json")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="fields",
        metavar="FIELD=VALUE,...",
        help="values of a field, such as 'train_config.batch_size=4,8'; may be repeated",
    )
    parser.add_argument(
        "--rate", metavar="RATE,...", help="values of the greatest learning rate; the schedule keeps its shape"
    )
    parser.add_argument(
        "--random",
        type=positive_int,
        metavar="N",
        help="so many random settings, instead of every combination; values may then be ranges, such as 1e-3..1e-1",
    )
    parser.add_argument("--seeds", type=positive_int, default=1, metavar="N", help="runs of each setting (default: 1)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=positive_int, default=0, metavar="N", help="of a run (default: a tenth)")
    length.add_argument("--minutes", type=float, default=0.0, metavar="M", help="of a run; its speed is measured first")
    parser.add_argument("--quick", action="store_true", help="learn from and score 100 random images, in 200 steps")
    parser.add_argument("--metric", default="", metavar="NAME", help="as metrics.jsonl has it (default: the first one)")
    parser.add_argument(
        "--train_sample",
        type=positive_int,
        default=_TRAINING_SAMPLE,
        metavar="N",
        help=f"training images that are scored too (default: {_TRAINING_SAMPLE})",
    )
    parser.add_argument("--seed", type=positive_int, default=1, metavar="N", help="of all random choices (default: 1)")
    add_override_argument(parser)
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command. Returns the exit code: 0, or 1 where no run has a score."""
    flags = build_parser().parse_args(argv)
    axes = [parse_axis(text) for text in flags.fields]
    axes += [parse_rates(flags.rate)] if flags.rate is not None else []
    if not axes:
        raise UsageError("nothing to try: give --rate .01,.02,.04 or --set FIELD=VALUE,VALUE")
    plan = SweepPlan(
        path=flags.config,
        overrides=tuple(flags.override),
        settings=tuple(draws(axes, flags.random, flags.seed) if flags.random else grid(axes)),
        seeds=flags.seeds,
        steps=flags.steps,
        minutes=flags.minutes,
        metric=flags.metric,
        training_sample=flags.train_sample,
        sample_seed=flags.seed,
        quick=flags.quick,
    )
    outcome = run_sweep(plan, flags.output)
    for line in table_lines(sweep_table(outcome), style_of(sys.stdout), RESULTS):
        print(line)
    replace_atomically(flags.output / _PAGE, sweep_page(outcome, flags.config))
    if outcome.winner is None:
        print("no run has a score")
    elif outcome.override:
        print(f"best: --override {shlex.quote(outcome.override)}")
    else:
        print("best: the config as it is")
    for name in (_PAGE, RESULTS):
        print(flags.output / name)
    return 0 if outcome.winner is not None else 1
