# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Figures against earlier ones: as ratios to the limit and to the plain twin, never as seconds. No TensorFlow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Literal, NamedTuple

from efficientdet.bench.figures import Figure, Results
from efficientdet.errors import UsageError

Kind = Literal["yardstick", "twin", "activations", "peak memory"]
TOLERANCES: dict[Kind, float] = {
    "yardstick": 0.15,  # a machine drifts by 8 % from run to run, and its yardstick by as much
    "twin": 0.07,  # in turns with it: both drift alike
    "activations": 0.01,  # counted in the graph
    "peak memory": 0.10,  # how much is held at a time depends on the threads
}
"""By what share a quantity may grow."""


class Change(NamedTuple):
    """A quantity of one figure, then and now; the less the better.

    Attributes:
      name: of the measurement.
      kind: of the quantity.
      quantity: in words: "times fp32 GEMM", "of the plain twin", "bytes at most".
      before: then.
      now: likewise.
    """

    name: str
    kind: Kind
    quantity: str
    before: float
    now: float

    @property
    def growth(self) -> float:
        """By what share it has grown."""
        return self.now / self.before - 1 if self.before else 0.0

    def in_words(self) -> str:
        """One line."""
        return f"{self.name}: {self.before:.4g} -> {self.now:.4g} {self.quantity} ({self.growth:+.0%})"


class Comparison(NamedTuple):
    """What has become of the figures.

    Attributes:
      changes: of all that both have.
      missing: names of figures that were asked for and were there, and are not any more.
    """

    changes: tuple[Change, ...]
    missing: tuple[str, ...]

    def regressions(self) -> list[Change]:
        """Those that have grown by more than `TOLERANCES` allow, the worst first."""
        worse = (each for each in self.changes if each.growth > TOLERANCES[each.kind])
        return sorted(worse, key=lambda each: -each.growth)


def check_comparable(before: Results, settings: Mapping[str, str], names: Collection[str]) -> None:
    """Checks that measurements will have something to be compared with.

    Args:
      before: the earlier figures.
      settings: see `Results`, of the measurements.
      names: of the measurements.

    Raises:
      UsageError: the settings are others, or none of the measurements is among the figures.
    """
    if before.settings != settings:
        raise UsageError(
            f"only like can be compared: one was measured with {before.settings or 'the usual settings'}, the other "
            f"with {settings or 'the usual settings'}"
        )
    if not set(names) & set(before.figures):
        raise UsageError(f"nothing to compare with: there are figures of {', '.join(before.figures) or 'nothing'}")


def compare(before: Results, now: Results, names: Collection[str]) -> Comparison:
    """Compares what both have measured.

    Args:
      before: the earlier figures, of this or another machine, with the same settings.
      now: the figures of today.
      names: of the measurements that were asked for today.

    Raises:
      UsageError: no quantity is known of both.
    """
    both = [name for name in names if name in before.figures and name in now.figures]
    changes = [change for name in both for change in _changes(name, before.figures[name], now.figures[name])]
    if not changes:
        raise UsageError("nothing could be compared: no figure of today is among the earlier ones")
    return Comparison(tuple(changes), tuple(name for name in names if name in before.figures and name not in both))


def _changes(name: str, before: Figure, now: Figure) -> Iterator[Change]:
    # The minimum of more runs is lower, whatever is measured: only like numbers of runs have minima that compare.
    of_minimum = before.runs == now.runs
    then = {quantity: value for _, quantity, value in _quantities(before, of_minimum)}
    for kind, quantity, value in _quantities(now, of_minimum):
        if quantity in then:
            yield Change(name, kind, quantity, then[quantity], value)


def _quantities(figure: Figure, of_minimum: bool) -> Iterator[tuple[Kind, str, float]]:
    ratio = figure.to_yardstick if of_minimum else figure.median_to_yardstick
    if figure.yardstick is not None and ratio is not None:
        yield "yardstick", f"times {figure.yardstick.name}", ratio
    if figure.to_plain is not None:
        yield "twin", "of the plain twin", figure.to_plain
    if figure.unit == "B":
        yield "activations", "bytes", figure.median
    if figure.peak_memory:
        yield "peak memory", "bytes at most", float(figure.peak_memory)
