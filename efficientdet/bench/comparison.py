# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Figures against earlier ones: as ratios to the limit and to the plain twin, never as seconds. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from efficientdet.bench.figures import Figure, Results
from efficientdet.errors import UsageError

TOLERANCE = 0.15  # of a ratio: a machine drifts by 8 % from run to run


class Change(NamedTuple):
    """A quantity of one figure, then and now; the less the better.

    Attributes:
      name: of the measurement.
      quantity: "times fp32 GEMM", "of the plain twin", "bytes at most".
      before: then.
      now: likewise.
    """

    name: str
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
      missing: names of figures that were there and are not any more.
    """

    changes: tuple[Change, ...]
    missing: tuple[str, ...]

    def regressions(self, tolerance: float = TOLERANCE) -> list[Change]:
        """Those that have grown by more than a share, the worst first."""
        return sorted((each for each in self.changes if each.growth > tolerance), key=lambda each: -each.growth)


def compare(before: Results, now: Results) -> Comparison:
    """Compares what both have measured.

    Args:
      before: the earlier figures, of this or another machine.
      now: the figures of today.

    Raises:
      UsageError: they were not measured with the same settings.
    """
    if before.settings != now.settings:
        raise UsageError(
            f"only like can be compared: one was measured with {before.settings or 'the usual settings'}, the other "
            f"with {now.settings or 'the usual settings'}"
        )
    changes = [
        Change(name, quantity, then, today[quantity])
        for name, figure in now.figures.items()
        if name in before.figures
        for today in [dict(_quantities(figure))]
        for quantity, then in _quantities(before.figures[name])
        if quantity in today
    ]
    return Comparison(tuple(changes), tuple(name for name in before.figures if name not in now.figures))


def _quantities(figure: Figure) -> Iterator[tuple[str, float]]:
    if figure.yardstick is not None and figure.to_yardstick is not None:
        yield f"times {figure.yardstick.name}", figure.to_yardstick
    if figure.to_plain is not None:
        yield "of the plain twin", figure.to_plain
    if figure.unit == "B":
        yield "bytes", figure.median
    if figure.peak_memory:
        yield "bytes at most", float(figure.peak_memory)
