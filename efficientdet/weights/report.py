# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a restore did: a short table for the log, and a list that accounts for every variable and every tensor."""

from __future__ import annotations

import collections
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

REPORT_NAME = "restore_report.txt"
"""The file that accounts for a restore, beside what came of it."""

_COLUMNS = ("part", "variables restored", "initialised", "parameters", "from the file")


def counted(number: int, noun: str) -> str:
    """Such as "1 tensor" and "1,902 tensors"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


class Statement(NamedTuple):
    """A sentence about what was restored."""

    text: str
    is_warning: bool = False

    @property
    def line(self) -> str:
        """The sentence as it stands in a log or a file."""
        return f"WARNING: {self.text}" if self.is_warning else self.text


class VariableRecord(NamedTuple):
    """What became of one variable of the model.

    Attributes:
      path: of the variable.
      block: the row of the table that it counts in.
      shape: of the variable.
      keys: the tensors of the file that it was made of; none if it stays initialised.
      num_restored: how many of its numbers come from the file.
      reason: why it stays initialised, else empty.
    """

    path: str
    block: str
    shape: tuple[int, ...]
    keys: tuple[str, ...]
    num_restored: int
    reason: str

    @property
    def num_parameters(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


class LeftTensor(NamedTuple):
    """A tensor of the file that nothing was made of."""

    key: str
    role: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class RestoreReport:
    """What a restore took from a file, and what it left.

    Attributes:
      path: of the file.
      layout: what wrote it.
      variables: of the whole model.
      left: of the file.
      statements: on the choice of weights, conversions, and what else a user should know.
    """

    path: str
    layout: str
    variables: tuple[VariableRecord, ...]
    left: tuple[LeftTensor, ...]
    statements: tuple[Statement, ...]

    @property
    def num_parameters(self) -> int:
        """Of the model."""
        return sum(record.num_parameters for record in self.variables)

    @property
    def num_restored(self) -> int:
        """How many of them come from the file."""
        return sum(record.num_restored for record in self.variables)

    def headline(self) -> str:
        """One line: from where, and how much."""
        share = f"{self.num_restored:,} of {self.num_parameters:,} parameters"
        return f"restored {share} from {self.path} ({self.layout})"

    def table(self) -> list[str]:
        """The headline, a row for each part of the model, and what was left in the file."""
        rows = [
            _row(block, [record for record in self.variables if record.block == block])
            for block in dict.fromkeys(record.block for record in self.variables)
        ]
        rows.append(_row("all", self.variables))
        return [self.headline(), *_aligned([_COLUMNS, *rows]), *self._left_in_file()]

    def summary(self) -> str:
        """The table, and the statements below it."""
        return "\n".join([*self.table(), *(statement.line for statement in self.statements)])

    def details(self) -> str:
        """The summary, then each variable with its origin, then each tensor that was left."""
        restored = [
            (record.path, str(record.shape), f"{' + '.join(record.keys)}{_partly(record)}")
            for record in self.variables
            if record.keys
        ]
        initialised = [(record.path, str(record.shape), record.reason) for record in self.variables if not record.keys]
        left = sorted((tensor.role, tensor.key, str(tensor.shape)) for tensor in self.left)
        sections = [
            (f"{counted(len(restored), 'variable')} restored", restored),
            (f"{counted(len(initialised), 'variable')} as initialised", initialised),
            (f"{counted(len(left), 'tensor')} left in the file", left),
        ]
        texts = [self.summary()]
        texts += ["\n".join([f"{title}:", *_aligned(rows)]) for title, rows in sections if rows]
        return "\n\n".join(texts) + "\n"

    def _left_in_file(self) -> list[str]:
        if not self.left:
            return ["left in the file: nothing"]
        roles = collections.Counter(tensor.role for tensor in self.left)
        sizes: collections.Counter[str] = collections.Counter()
        for tensor in self.left:
            sizes[tensor.role] += math.prod(tensor.shape)
        rows = [(role, f"{count:,}", f"{sizes[role]:,}") for role, count in roles.most_common()]
        return _aligned([("left in the file", "tensors", "numbers"), *rows])


def _row(name: str, records: Sequence[VariableRecord]) -> tuple[str, ...]:
    restored = sum(bool(record.keys) for record in records)
    parameters = sum(record.num_parameters for record in records)
    share = sum(record.num_restored for record in records) / max(parameters, 1)
    return name, f"{restored:,}", f"{len(records) - restored:,}", f"{parameters:,}", _percent(share)


def _percent(share: float) -> str:
    """Whole percents, but never 100 % of what is not whole, nor 0 % of what is not nothing."""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{min(max(share, 0.001), 0.999):.1%}"


def _partly(record: VariableRecord) -> str:
    if record.num_restored == record.num_parameters:
        return ""
    return f" ({record.num_restored:,} of {record.num_parameters:,} numbers, the others as initialised)"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width: numbers and shapes to the right, texts to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numeric = [all(_is_number(cell) for cell in column[1:]) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in rows
    ]


def _is_number(cell: str) -> bool:
    return cell.rstrip("%").replace(",", "").replace(".", "").isdecimal()
