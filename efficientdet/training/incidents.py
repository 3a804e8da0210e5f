# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""incidents.json: what went wrong in a training, and what was done about it, for every later start to do the same."""

from __future__ import annotations

import datetime
import json
import logging
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, get_args

from efficientdet.atomic_write import replace_atomically
from efficientdet.data.checks import RecordFault
from efficientdet.errors import TrainingError

Action = Literal["stop", "skip_batch", "lower_rate"]

FILE_NAME = "incidents.json"

_Entry = TypeVar("_Entry")

_logger = logging.getLogger(__name__)


class Incident(NamedTuple):
    """A step that could not stand."""

    step: int  # that failed, from 1
    batch: int  # number of its batch, from 0
    kind: str  # "loss", "gradient", "jump"
    losses: dict[str, float | None]  # by their tags; None for one that is not finite
    source_ids: tuple[str, ...]  # of the batch's pictures
    causes: tuple[str, ...]  # likely ones, the likeliest first
    folder: str  # below the run's, with the batch's pictures; "" where they could not be had
    action: Action
    restored_step: int | None = None  # from which training went on; None where it ended
    rate_factor: float | None = None  # of the learning rate from there on, beside those of earlier incidents

    @property
    def is_recovery(self) -> bool:
        """Whether training went on."""
        return self.action != "stop"


class Incidents:
    """The incidents of a run and the records left out of it, over all its starts.

    Args:
      directory: of the run.
      writes: whether this process is the one that writes there; others keep in step, and only read.
      resumes: whether there is a run to go on with. Else what lies there is of one whose checkpoints are gone, and is
        renamed: its batches are none of the new run's.

    Raises:
      TrainingError: the file cannot be read.
      OSError: it cannot be renamed.
    """

    def __init__(self, directory: str | Path, *, writes: bool = True, resumes: bool = True) -> None:
        self._path = Path(directory) / FILE_NAME
        self._writes = writes
        self._incidents: list[Incident] = []
        self._excluded: list[RecordFault] = []
        if resumes and self._path.exists():
            self._read()
        elif writes and not resumes and self._path.exists():
            self._set_aside()

    @property
    def incidents(self) -> tuple[Incident, ...]:
        """All of them, the oldest first."""
        return tuple(self._incidents)

    @property
    def recoveries(self) -> tuple[Incident, ...]:
        """Those after which training went on."""
        return tuple(incident for incident in self._incidents if incident.is_recovery)

    @property
    def skipped_batches(self) -> frozenset[int]:
        """The numbers of the batches that are left out."""
        return frozenset(incident.batch for incident in self._incidents if incident.action == "skip_batch")

    @property
    def excluded_records(self) -> tuple[RecordFault, ...]:
        """The records that are left out, in the order in which they were found."""
        return tuple(self._excluded)

    @property
    def changes_rate(self) -> bool:
        """Whether there are steps at which the learning rate was lowered."""
        return any(incident.rate_factor is not None for incident in self._incidents)

    def rate_factor(self, step: int) -> float:
        """Returns what the learning rate is multiplied by in the update that follows a step.

        Args:
          step: updates done.
        """
        factor = 1.0
        for incident in self._incidents:
            if incident.rate_factor is not None and (incident.restored_step or 0) <= step:
                factor *= incident.rate_factor
        return factor

    def add(self, incident: Incident) -> None:
        """Records an incident; one that ended training, and comes again when it is tried again, is recorded once."""
        same = [(one.step, one.batch, one.kind) for one in self._incidents if not one.is_recovery]
        if not incident.is_recovery and (incident.step, incident.batch, incident.kind) in same:
            return
        self._incidents.append(incident)
        self._write()

    def exclude(self, records: Iterable[RecordFault]) -> None:
        """Records that records of the data are left out."""
        new = [record for record in records if record not in self._excluded]
        if new:
            self._excluded += new
            self._write()

    def summary(self, step: int) -> str:
        """What a run that goes on from a step does otherwise than its config says, in words; "" for nothing."""
        parts = []
        if batches := sorted(self.skipped_batches):
            parts.append(f"batches {', '.join(map(str, batches))} are left out")
        if self._excluded:
            parts.append(f"{len(self._excluded)} unreadable records are left out")
        if (factor := self.rate_factor(step)) != 1:
            parts.append(f"the learning rate is {factor:g} times that of the schedule")
        return "; ".join(parts)

    def content(self) -> bytes:
        """All that is recorded, as JSON in UTF-8, for `take_over` in another process."""
        incidents = [incident._asdict() for incident in self._incidents]
        content = {"incidents": incidents, "excluded_records": [record._asdict() for record in self._excluded]}
        return json.dumps(content, indent=2).encode() + b"\n"

    def take_over(self, content: bytes) -> None:
        """Goes on from what another process has recorded: a file need not look alike on all machines at once.

        Args:
          content: as `content` gave it there.
        """
        self._parse(content)

    def _read(self) -> None:
        self._parse(self._path.read_bytes())

    def _parse(self, text: bytes) -> None:
        try:
            content = json.loads(text)
            self._incidents = _entries(content, "incidents", _incident)
            self._excluded = _entries(content, "excluded_records", _record)
        except (ValueError, RecursionError) as error:
            raise TrainingError(
                f"{self._path} is damaged ({error}): it says which batches and records this run leaves out. Mend it, "
                "or remove it to go on without"
            ) from None

    def _set_aside(self) -> None:
        now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        aside = self._path.rename(f"{self._path}.before-{now}")
        _logger.warning(
            "%s is of a run whose checkpoints are gone: renamed to %s, this run begins without", self._path, aside.name
        )

    def _write(self) -> None:
        if not self._writes:
            return
        replace_atomically(self._path, self.content(), durable=True)


def _entries(content: Any, name: str, read: Callable[[dict[str, Any]], _Entry]) -> list[_Entry]:
    """Reads the entries of a list, and says which of them is at fault."""
    entries = content.get(name) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError(f"it has no list {name}")
    found = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise ValueError(f"{name}[{index}] is {entry!r:.80}, not an object")
        try:
            found.append(read(entry))
        except ValueError as error:
            raise ValueError(f"{name}[{index}]{error}") from None
    return found


def _incident(entry: dict[str, Any]) -> Incident:
    action = _field(entry, "action", "one of " + ", ".join(get_args(Action)), lambda value: value in get_args(Action))
    goes_on, lowers = action != "stop", action == "lower_rate"
    return Incident(
        step=_field(entry, "step", "a whole number from 1", lambda value: _is_whole(value) and value > 0),
        batch=_field(entry, "batch", "a whole number from 0", _is_whole),
        kind=_field(entry, "kind", "a text", _is_text),
        losses=_field(entry, "losses", "numbers or null by their tags", _are_losses),
        source_ids=tuple(_field(entry, "source_ids", "a list of texts", _are_texts)),
        causes=tuple(_field(entry, "causes", "a list of texts", _are_texts)),
        folder=_field(entry, "folder", "a text", _is_text),
        action=action,
        restored_step=_field(entry, "restored_step", "a whole number from 0", _is_whole) if goes_on else None,
        rate_factor=_field(entry, "rate_factor", "a number above 0", _is_factor) if lowers else None,
    )


def _record(entry: dict[str, Any]) -> RecordFault:
    record = _field(entry, "record", "a whole number from 0", _is_whole)
    file, source_id, problem = (_field(entry, name, "a text", _is_text) for name in ("file", "source_id", "problem"))
    return RecordFault(file, record, source_id, problem)


def _field(entry: dict[str, Any], name: str, rule: str, holds: Callable[[Any], bool]) -> Any:
    if name not in entry:
        raise ValueError(f" has no {name}")
    if not holds(entry[name]):
        raise ValueError(f".{name} is {entry[name]!r:.80}, must be {rule}")
    return entry[name]


def _is_whole(value: Any) -> bool:
    return type(value) is int and value >= 0  # true is an int too


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_losses(value: Any) -> bool:
    return isinstance(value, dict) and all(each is None or type(each) in (int, float) for each in value.values())


def _is_factor(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < math.inf
