# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What was measured, as a file that outlives the machine. No TensorFlow."""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from efficientdet.atomic_write import replace_atomically
from efficientdet.errors import UsageError

SCHEMA = 1
Unit = Literal["s", "B"]


class Yardstick(NamedTuple):
    """What a figure is set against, measured in the same process.

    Attributes:
      name: "JPEG decoding": a limit, which no input of JPEGs can be quicker than; "fp32 GEMM": one for work in fp32,
        while shorter types may be quicker; "Python": only a measure of the machine.
      seconds: that the work takes at this pace.
      pace: in `unit`.
      unit: of the pace.
    """

    name: str
    seconds: float
    pace: float
    unit: str


@dataclass(frozen=True)
class Sample:
    """What one process measured.

    Attributes:
      values: one for each run, in the unit of the case.
      plain: those of the plain twin, interleaved: of the same number of runs, or empty.
      peak_memory: bytes, the most that the process held until the end of the runs; 0 where that says nothing.
      yardstick: None where there is none.
      more: other numbers, by name and unit: "imports, s".
    """

    values: tuple[float, ...]
    plain: tuple[float, ...] = ()
    peak_memory: int = 0
    yardstick: Yardstick | None = None
    more: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Sample:
        """From what `dataclasses.asdict` and JSON have made of one."""
        yardstick = record["yardstick"]
        return cls(
            tuple(record["values"]),
            tuple(record["plain"]),
            record["peak_memory"],
            yardstick and Yardstick(*yardstick),
            record["more"],
        )


@dataclass(frozen=True)
class Figure:
    """A measurement, over all of its runs; the less the better.

    Attributes:
      unit: of median and minimum.
      runs: how many there were.
      to_plain: the median of the ratios to the plain twin, run by run; None without one.
      yardstick: see `Yardstick`.
      peak_memory: bytes; 0 where that says nothing.
      more: other numbers, by name and unit.
    """

    unit: Unit
    median: float
    minimum: float
    runs: int
    to_plain: float | None = None
    yardstick: Yardstick | None = None
    peak_memory: int = 0
    more: Mapping[str, float] = field(default_factory=dict)

    @property
    def to_yardstick(self) -> float | None:
        """How many times as long as at the yardstick's pace the quickest run took."""
        return self.minimum / self.yardstick.seconds if self.yardstick and self.yardstick.seconds > 0 else None

    @property
    def median_to_yardstick(self) -> float | None:
        """The same of the median, which depends less on how many runs there were."""
        return self.median / self.yardstick.seconds if self.yardstick and self.yardstick.seconds > 0 else None


def figure_of(samples: Sequence[Sample], unit: Unit) -> Figure:
    """Joins what the processes of one measurement found.

    Args:
      samples: at least one, with at least one value.
      unit: of the values.
    """
    values = [value for sample in samples for value in sample.values]
    ratios = [
        value / plain for sample in samples for value, plain in zip(sample.values, sample.plain, strict=False) if plain
    ]
    yardsticks = sorted(sample.yardstick for sample in samples if sample.yardstick)
    more = {
        name: statistics.median([sample.more[name] for sample in samples if name in sample.more])
        for name in dict.fromkeys(name for sample in samples for name in sample.more)
    }
    return Figure(
        unit=unit,
        median=statistics.median(values),
        minimum=min(values),
        runs=len(values),
        to_plain=statistics.median(ratios) if ratios else None,
        yardstick=yardsticks[0] if yardsticks else None,  # of the quickest process, as the minimum is
        peak_memory=max(sample.peak_memory for sample in samples),
        more=more,
    )


@dataclass
class Results:
    """All figures of a machine.

    Attributes:
      machine: what it is, and which versions, commit and day; for readers only.
      settings: what of the work is not as usual: another config, overrides. Only like is compared with like.
      figures: by name of the case.
    """

    machine: dict[str, str]
    settings: dict[str, str] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)

    def as_text(self) -> str:
        """As JSON."""
        return json.dumps({"schema": SCHEMA} | dataclasses.asdict(self), indent=1) + "\n"

    def write(self, path: str | Path) -> None:
        """Writes the file, as a whole.

        Raises:
          OSError: it cannot be written.
        """
        replace_atomically(path, self.as_text())


def read_results(path: str | Path) -> Results:
    """Reads what `Results.write` wrote.

    Raises:
      UsageError: it is no such file, or one of another schema.
      OSError: it cannot be read.
    """
    rule = "is no file of efficientdet bench --json"
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        schema = record["schema"]
        if schema != SCHEMA:
            raise UsageError(f"{path}: its schema ({schema}) is not {SCHEMA}, that of this version: measure anew")
        figures = {name: _figure(given) for name, given in record["figures"].items()}
        return Results(dict(record["machine"]), dict(record["settings"]), figures)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{path} {rule}: {type(error).__name__} {error}") from None


def _figure(record: Mapping[str, Any]) -> Figure:
    yardstick = record["yardstick"]
    return Figure(**{**record, "yardstick": yardstick and Yardstick(*yardstick)})
