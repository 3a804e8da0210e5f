# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet bench`, `make bench` and `scripts/bench.py`: what this library costs on this machine."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from efficientdet.bench.cases import USUAL, WORDS, Case, case_of, chosen
from efficientdet.bench.child import MeasurementError
from efficientdet.bench.comparison import check_comparable, compare
from efficientdet.bench.document import around_figures, write_document
from efficientdet.bench.figures import Figure, Results, read_results
from efficientdet.bench.host import machine
from efficientdet.bench.measuring import measure
from efficientdet.bench.settings import CONFIGS, check
from efficientdet.bench.tables import heading, lines_of
from efficientdet.cli.terminal import USER_ERROR, add_override_argument, command, positive_int
from efficientdet.doctor.live_line import LiveLine
from efficientdet.errors import UsageError

_REGRESSED = 1  # the exit code
_OF_MEASURING = ("json", "quick", "pipeline_config_path", "repeats", "override")  # the flags


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(
        description="Measures what training, inference, input and evaluation cost on this machine, each in processes "
        "of their own. The data are drawn images of 640 x 480; the model is D0 at 512 unless another config is given. "
        "An --override cannot change what makes a measurement, such as its batch size. "
        "efficientdet bench input CONFIG takes the input of a config apart instead.",
        epilog=f"measurements: {', '.join(WORDS)}; where none is named: {', '.join(USUAL)}, which take about 20 "
        "minutes on two cores",
        allow_abbrev=False,
    )
    parser.add_argument("measurements", nargs="*", metavar="MEASUREMENT", help="what to measure, see below")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, after each measurement")
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="compare with the figures of such a file; 1 if any is worse"
    )
    parser.add_argument("--quick", action="store_true", help="three runs of each at most")
    parser.add_argument("--from", dest="given", type=Path, metavar="FILE", help="measure nothing: take these figures")
    parser.add_argument(
        "--document", type=Path, metavar="FILE", help="write the figures into a Markdown file, between its markers"
    )
    parser.add_argument("--pipeline_config_path", metavar="FILE", help="of another network than D0")
    parser.add_argument("--repeats", type=positive_int, metavar="N", help="runs of each measurement")
    add_override_argument(parser)
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Measures, shows, compares. Returns the exit code: 0, 1 where something is worse than before."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["input"]:
        from efficientdet.cli.bench_input import main as take_apart

        return take_apart(words[1:])
    flags = build_parser().parse_args(words)
    before = None if flags.compare is None else read_results(flags.compare)
    if flags.document is not None:
        around_figures(flags.document)  # a document that cannot take the figures is better known now
    if flags.given is not None:
        results, names = _given(flags)
        failed = False
        if before is not None:
            check_comparable(before, results.settings, names)
    else:
        results, names, failed = _measure(flags, before)
    if flags.document is not None:
        for path in write_document(results, flags.document):
            print(path)
    worse = before is not None and _compare(before, results, names)
    return USER_ERROR if failed else _REGRESSED if worse else 0


def _given(flags: argparse.Namespace) -> tuple[Results, list[str]]:
    """The figures of a file, shown, and their names."""
    ignored = [f"--{name}" for name in _OF_MEASURING if getattr(flags, name)] + flags.measurements
    if ignored:
        raise UsageError(f"--from measures nothing: {', '.join(ignored)} cannot go with it")
    results = read_results(flags.given)
    try:
        cases = [case_of(name) for name in results.figures]
    except UsageError as error:
        raise UsageError(f"{flags.given}: {error}") from None
    print(heading())
    for case in cases:
        print("\n".join(lines_of(case, results.figures[case.name])))
    return results, list(results.figures)


def _measure(flags: argparse.Namespace, before: Results | None) -> tuple[Results, list[str], bool]:
    """The figures, the names of what was asked for, and whether a measurement failed."""
    if flags.pipeline_config_path is not None and not Path(flags.pipeline_config_path).is_file():
        raise UsageError(f"{flags.pipeline_config_path} does not exist: name one with --pipeline_config_path")
    cases = [_as_asked(case, flags) for case in chosen(flags.measurements)]
    names = [case.name for case in cases]
    configs = {network: str(path) for network, path in CONFIGS.items()}
    if flags.pipeline_config_path is not None:
        configs["d0"] = flags.pipeline_config_path
    settings = {"config": flags.pipeline_config_path or "", "override": " ".join(flags.override)}
    results = Results(machine(), {name: value for name, value in settings.items() if value})
    if before is not None:
        check_comparable(before, results.settings, names)
    if flags.json is not None:
        _check_writable(flags.json)
    check(cases, configs, flags.override)
    print(heading(), flush=True)
    with LiveLine() as line:
        shown = _Shown(results, flags.json, line)
        measure(cases, configs, flags.override, shown)
    return results, names, shown.failed


def _as_asked(case: Case, flags: argparse.Namespace) -> Case:
    if flags.quick:
        case = case.quick()
    if flags.repeats is not None:
        several = case.processes > 1
        case = replace(case, processes=flags.repeats) if several else replace(case, repeats=flags.repeats)
    return case


def _check_writable(path: Path) -> None:
    """Makes the folder of a file that will be written; what the file holds stays until there is something better."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(f"--json: {path} cannot be written")


class _Shown:
    """Shows and keeps figures as they come: whatever interrupts the rest, they are there.

    Args:
      results: where they go.
      path: of the file that is written after each; None writes none.
      line: shows how far a measurement is.
    """

    def __init__(self, results: Results, path: Path | None, line: LiveLine) -> None:
        self._results = results
        self._path = path
        self._line = line
        self.failed = False

    def on_progress(self, case: Case, detail: str) -> None:
        """See `Listener`."""
        self._line.show(case.name, detail)

    def on_figure(self, case: Case, figure: Figure) -> None:
        """See `Listener`."""
        self._line.clear()
        print("\n".join(lines_of(case, figure)), flush=True)
        self._results.figures[case.name] = figure
        if self._path is not None:
            self._results.write(self._path)

    def on_failure(self, case: Case, error: MeasurementError) -> None:
        """See `Listener`."""
        self._line.clear()
        print(error, file=sys.stderr, flush=True)
        self.failed = True


def _compare(before: Results, now: Results, names: list[str]) -> bool:
    """Says what has changed; whether anything is worse."""
    comparison = compare(before, now, names)
    worse = comparison.regressions()
    print(f"\n{len(comparison.changes)} ratios compared, {len(worse)} worse by more than they may vary")
    for change in worse:
        print(f"  {change.in_words()}")
    if comparison.missing:
        print(f"not measured now: {', '.join(comparison.missing)}")
    return bool(worse)
