# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet bench`, `make bench` and `scripts/bench.py`: what this library costs on this machine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from efficientdet.bench.cases import USUAL, WORDS, Case, case_of, chosen
from efficientdet.bench.child import MeasurementError
from efficientdet.bench.comparison import TOLERANCE, compare
from efficientdet.bench.document import write_document
from efficientdet.bench.figures import Figure, Results, read_results
from efficientdet.bench.host import machine
from efficientdet.bench.measuring import measure
from efficientdet.bench.settings import CONFIGS
from efficientdet.bench.tables import heading, lines_of
from efficientdet.cli.terminal import USER_ERROR, add_override_argument, command, positive_int
from efficientdet.doctor.live_line import LiveLine
from efficientdet.errors import UsageError

_REGRESSED = 1  # the exit code
_OF_TRAINING = ("step", "paired_steps", "start", "activations")


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(
        description="Measures what training, inference, input and evaluation cost on this machine, each in processes "
        "of their own. The data are drawn images of 640 x 480; the model is D0 at 512 unless another config is given. "
        "efficientdet bench input CONFIG takes the input of a config apart instead.",
        epilog=f"measurements: {', '.join(WORDS)}; where none is named: {', '.join(USUAL)}",
        allow_abbrev=False,
    )
    parser.add_argument("measurements", nargs="*", metavar="MEASUREMENT", help="what to measure, see below")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, after each measurement")
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="compare with the figures of such a file; 1 if any is worse"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=100 * TOLERANCE,
        metavar="PERCENT",
        help="that a ratio may grow (%(default)s)",
    )
    parser.add_argument("--quick", action="store_true", help="three runs of each at most")
    parser.add_argument("--from", dest="given", type=Path, metavar="FILE", help="measure nothing: take these figures")
    parser.add_argument(
        "--document", type=Path, metavar="FILE", help="write the figures into a Markdown file, between its markers"
    )
    parser.add_argument("--pipeline_config_path", metavar="FILE", help="of another network than D0")
    parser.add_argument("--batch_size", type=positive_int, metavar="N", help="of training, where no curve is measured")
    parser.add_argument("--repeats", type=positive_int, metavar="N", help="runs of each measurement")
    add_override_argument(parser)
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Measures, shows, compares. Returns the exit code: 0, 1 where something is worse than before."""
    words = list(sys.argv[1:] if argv is None else argv)
    if _is_about_a_config(words):
        from efficientdet.cli.bench_input import main as take_apart

        return take_apart(words[1:])
    flags = build_parser().parse_args(words)
    before = None if flags.compare is None else read_results(flags.compare)
    if flags.given is not None:
        results, failed = read_results(flags.given), False
        print(heading())
        for name, figure in results.figures.items():
            print("\n".join(lines_of(case_of(name), figure)))
    else:
        results, failed = _measure(flags)
    if flags.document is not None:
        for path in write_document(results, flags.document):
            print(path)
    worse = before is not None and _compare(before, results, flags.tolerance / 100)
    return USER_ERROR if failed else _REGRESSED if worse else 0


def _is_about_a_config(words: Sequence[str]) -> bool:
    """Whether the words are `input CONFIG ...`, and not the measurement of that name."""
    return len(words) > 1 and words[0] == "input" and not words[1].startswith("--") and words[1] not in WORDS


def _measure(flags: argparse.Namespace) -> tuple[Results, bool]:
    """The figures, and whether a measurement failed."""
    if flags.pipeline_config_path is not None and not Path(flags.pipeline_config_path).is_file():
        raise UsageError(f"{flags.pipeline_config_path} does not exist: name one with --pipeline_config_path")
    cases = [_as_asked(case, flags) for case in chosen(flags.measurements)]
    configs = {network: str(path) for network, path in CONFIGS.items()}
    if flags.pipeline_config_path is not None:
        configs["d0"] = flags.pipeline_config_path
    settings = {
        "config": flags.pipeline_config_path or "",
        "override": " ".join(flags.override),
        "batch_size": str(flags.batch_size or ""),
    }
    results = Results(machine(), {name: value for name, value in settings.items() if value})
    if flags.json is not None:
        results.write(flags.json)  # what cannot be written is better known before than after
    print(heading(), flush=True)
    with LiveLine() as line:
        shown = _Shown(results, flags.json, line)
        measure(cases, configs, flags.override, shown)
    return results, shown.failed


def _as_asked(case: Case, flags: argparse.Namespace) -> Case:
    if flags.quick:
        case = case.quick()
    if flags.repeats is not None:
        several = case.processes > 1
        case = replace(case, processes=flags.repeats) if several else replace(case, repeats=flags.repeats)
    if flags.batch_size is not None and case.kind in _OF_TRAINING and not case.name.startswith("growth-"):
        case = replace(case, batch_size=flags.batch_size)
    return case


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


def _compare(before: Results, now: Results, tolerance: float) -> bool:
    """Says what has changed; whether anything is worse."""
    comparison = compare(before, now)
    worse = comparison.regressions(tolerance)
    print(f"\n{len(comparison.changes)} ratios compared, {len(worse)} worse by more than {tolerance:.0%}")
    for change in worse:
        print(f"  {change.in_words()}")
    if comparison.missing:
        print(f"not measured now: {', '.join(comparison.missing)}")
    return bool(worse)
