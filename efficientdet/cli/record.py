# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checks the record that a training keeps of itself, or sets two of them against each other."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from efficientdet.cli.terminal import command

_DESCRIPTION = __doc__ or ""
_DIFFERENT = 1  # the exit code where not all is as it was


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(description=_DESCRIPTION, allow_abbrev=False)
    tasks = parser.add_subparsers(dest="task", required=True, metavar="verify|compare")
    verify = tasks.add_parser("verify", help="are config, data, weights and results still those of the run?")
    verify.add_argument("model_dir", type=Path, metavar="MODEL_DIR", help="of the run")
    compare = tasks.add_parser("compare", help="in what do two runs differ, and what came of it?")
    for name in ("one", "other"):
        compare.add_argument(name, type=Path, metavar=name.upper(), help="a model_dir, or a record.json")
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Prints what was found. Returns 0 where all is as it was, or alike; else 1."""
    flags = build_parser().parse_args(argv)
    return _verify(flags.model_dir) if flags.task == "verify" else _compare(flags.one, flags.other)


def _verify(model_dir: Path) -> int:
    from efficientdet.run_record.verification import verify

    checks = verify(model_dir)
    for check in checks:
        state = "ok" if not check.problem else "CHANGED" if check.is_serious else "note"
        print(f"{state:<8} {check.what}{f': {check.problem}' if check.problem else ''}")
    return _DIFFERENT if any(check.problem and check.is_serious for check in checks) else 0


def _compare(one: Path, other: Path) -> int:
    from efficientdet.run_record.comparison import compare
    from efficientdet.run_record.record import read_record

    differences = compare(read_record(one), read_record(other))
    width = max((len(difference.part) for difference in differences), default=0)
    for difference in differences:
        print(f"{difference.part:<{width}}  {difference.text}")
    if not differences:
        print("no difference")
    return _DIFFERENT if differences else 0
