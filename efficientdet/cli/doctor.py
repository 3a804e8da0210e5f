# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet doctor`, `scripts/doctor.py`: what will ruin a run, before it starts."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

from efficientdet.cli.terminal import INTERRUPTED, add_override_argument, command, image_progress, positive_int
from efficientdet.config import PipelineConfig, load_config, validate
from efficientdet.doctor.findings import Area, Case, Finding, Part, Severity, exit_code
from efficientdet.errors import EfficientDetError, UsageError

_logger = logging.getLogger(__name__)

_AREAS: tuple[Area, ...] = get_args(Area)
_USUAL: tuple[Area, ...] = ("data", "recipe", "machine")  # without a word; overfitting trains for minutes
_HOURS = {"d": 24.0, "h": 1.0, "m": 1 / 60}

CHECK_FAILED = "check-failed"  # a check could not be made
CHECK_BROKEN = "check-broken"  # a check met what its authors did not foresee


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(
        description="Looks for what will ruin a run before it starts. data: the images and boxes of the config's "
        "records. recipe: the config against the published recipe of its model. machine: a few real steps, for speed, "
        "memory and hours. overfit: eight images, which a sound set-up learns by heart (only when named). "
        "Exit code: 0 all is well, 1 there are warnings, 2 the run will fail or its figure will mean nothing.",
        usage="%(prog)s [data] [recipe] [machine] [overfit] CONFIG [FLAG ...]",
        allow_abbrev=False,
    )
    parser.add_argument("checks", nargs="*", type=_check, metavar="CHECK", help="default: data, recipe and machine")
    parser.add_argument("config", metavar="CONFIG", help="pipeline config, protobuf text format")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write report.html, report.json and, for the data, fixes.diff there"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings as JSON, without the rest")
    parser.add_argument("--budget", type=_hours, metavar="TIME", help="time that the run may take: 4d, 36h or 90m")
    parser.add_argument(
        "--model_dir",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where the run is to keep its checkpoints: is there disk enough? Nothing is written (default: here)",
    )
    parser.add_argument("--processes", type=positive_int, metavar="N", help="worker processes (default: one per core)")
    add_override_argument(parser)
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
      argv: its flags; those of the process when None.

    Returns:
      0: fine, 1: warnings, 2: the run will fail, or a mistake of the user's, 130: interrupted.
    """
    flags = build_parser().parse_intermixed_args(argv)
    if flags.config in _AREAS and not Path(flags.config).exists():
        raise UsageError(f"name the CONFIG that is to be checked: doctor {flags.config} CONFIG")
    config = load_config(flags.config, flags.override)
    for folder in (flags.output, flags.json and flags.json.parent):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)  # what cannot be written is better known before than after
    checks = _checks(config, flags)
    parts: list[Part] = []
    try:
        for area in (area for area in _AREAS if area in (flags.checks or _USUAL)):
            parts.append(_unsaid(_examine(area, checks[area]), parts))
    except KeyboardInterrupt:
        if not parts:
            raise
        print("interrupted: what was found until then", file=sys.stderr)
        _tell(parts, flags)
        return INTERRUPTED
    _tell(parts, flags)
    return exit_code(parts)


def _unsaid(part: Part, earlier: Sequence[Part]) -> Part:
    """The part without what earlier ones have found at the same place: the files of a config concern two checks."""
    said = {_identity(finding) for other in earlier for finding in other.findings}
    return replace(part, findings=tuple(finding for finding in part.findings if _identity(finding) not in said))


def _identity(finding: Finding) -> tuple[str, str]:
    return finding.code, finding.cases[0].where if finding.cases else finding.area


def _check(word: str) -> Area:
    """Reads the name of a check, as an argument's type."""
    for area in _AREAS:
        if area == word:
            return area
    raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(_AREAS)}; one CONFIG follows them")


def _hours(text: str) -> float:
    """Reads a time such as 4d, 36h or 90m, as a flag's type."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([dhm])", text)
    hours = float(found[1]) * _HOURS[found[2]] if found else 0.0
    if hours <= 0:
        raise argparse.ArgumentTypeError(f"expected a time such as 4d, 36h or 90m, got {text!r}")
    return hours


def _checks(config: PipelineConfig, flags: argparse.Namespace) -> dict[Area, Callable[[], Part]]:
    """How each check is made; what it needs is imported when it is."""
    return {
        "data": partial(_data, config, flags.processes),
        "recipe": partial(_recipe, config),
        "machine": partial(_machine, config, flags.budget, flags.model_dir),
        "overfit": partial(_overfit, config),
    }


def _data(config: PipelineConfig, processes: int | None) -> Part:
    from efficientdet.doctor.data import check_data

    return check_data(config, processes=processes, on_progress=image_progress(sys.stderr.isatty()))


def _recipe(config: PipelineConfig) -> Part:
    from efficientdet.doctor.recipe import check_recipe

    return check_recipe(config)


def _machine(config: PipelineConfig, budget_hours: float | None, model_dir: Path) -> Part:
    from efficientdet.doctor.machine import check_machine

    validate(config, for_="train")
    return check_machine(config, budget_hours=budget_hours, model_dir=model_dir)


def _overfit(config: PipelineConfig) -> Part:
    from efficientdet.doctor.overfit import check_overfit

    validate(config, for_="train")
    return check_overfit(config)


def _examine(area: Area, check: Callable[[], Part]) -> Part:
    """Makes a check. That one cannot be made is something to report too, beside what the others found."""
    try:
        return check()
    except EfficientDetError as error:
        why, remedy = "Whatever it would have found is unknown.", "Mend what it names, and check again."
        return _failed(area, CHECK_FAILED, str(error), why, remedy)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        why, remedy = "Whatever it would have found is unknown.", "Mend what it names, and check again."
        return _failed(area, CHECK_FAILED, f"{place}{error.strerror or error}", why, remedy)
    except Exception as error:
        _logger.exception("the %s check broke", area)
        why = "This is a fault of the check, not of the config. Whatever it would have found is unknown."
        remedy = "Report it, with the traceback that was logged."
        return _failed(area, CHECK_BROKEN, f"{type(error).__name__}: {error}".rstrip(": "), why, remedy)


def _failed(area: Area, code: str, error: str, why: str, remedy: str) -> Part:
    first, *others = error.splitlines() or [""]
    title = f"the {area} check could not be made: {first}"
    cases = tuple(Case("", line) for line in (first, *others)) if others else ()
    finding = Finding(area, code, Severity.ERROR, title, why, remedy, max(len(cases), 1), cases)
    return Part(area, "The check could not be made.", (finding,))


def _tell(parts: Sequence[Part], flags: argparse.Namespace) -> None:
    """Prints the summary, and writes the files that are asked for."""
    from efficientdet.doctor.report.terminal import style_of, summary

    written: list[Path] = []
    if flags.output is not None:
        from efficientdet.doctor.report.files import write_proposals, write_report

        written = write_report(flags.output, parts, flags.config)
        proposals = write_proposals(flags.output, parts)
        written += [proposals] if proposals else []
    if flags.json is not None:
        from efficientdet.doctor.report.files import write_json

        write_json(flags.json, parts, flags.config)
        written.append(flags.json)
    listing = next((str(path) for path in written if path.suffix == ".json"), "")
    with_tables = len(parts) == 1
    for line in summary(parts, style_of(sys.stdout), listing=listing, with_tables=with_tables):
        print(line)
    for path in written:
        print(path)
    if flags.output is None and any(part.findings for part in parts):
        print("--output DIR writes report.html and report.json")
