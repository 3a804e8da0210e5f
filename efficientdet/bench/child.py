# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Runs a measurement in a process of its own, and follows it. No TensorFlow.

A job goes to the child as a JSON file; what it measured comes back as another, and how far it is as lines of text.
"""

from __future__ import annotations

import dataclasses
import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from efficientdet.bench.cases import Case, Material
from efficientdet.bench.figures import Sample
from efficientdet.child_process import child, last_lines
from efficientdet.errors import EfficientDetError

_WORKER = "efficientdet.bench.worker"


class MeasurementError(EfficientDetError):
    """A measurement failed; the others can go on."""


class Job(NamedTuple):
    """What a child is to measure.

    Attributes:
      case: the measurement.
      config_path: of the network.
      overrides: a user's own; those of the case are laid over them.
      folder: for what is written; it exists.
      label_map: of the drawn pictures.
      records: the drawn pictures.
    """

    case: Case
    config_path: str
    overrides: tuple[str, ...]
    folder: str
    label_map: str
    records: str

    def as_text(self) -> str:
        """As JSON."""
        return json.dumps(self._replace(case=dataclasses.asdict(self.case))._asdict())  # type: ignore[arg-type]

    @classmethod
    def from_text(cls, text: str) -> Job:
        """From what `as_text` returned."""
        given: dict[str, Any] = json.loads(text)
        case = Case(**given["case"] | {"material": Material(*given["case"]["material"])})
        return cls(**given | {"case": case, "overrides": tuple(given["overrides"])})


def measured(
    job: Job, on_progress: Callable[[str], None] = lambda detail: None, *, program: Sequence[str] = ("-m", _WORKER)
) -> Sample:
    """Runs a job in a process of its own.

    Args:
      job: what to measure.
      on_progress: is told how far it is.
      program: the words behind the interpreter's; the job's file and the result's follow.

    Raises:
      MeasurementError: the child failed, with the end of its log.
    """
    folder = Path(job.folder)
    job_file, result_file, log_file = folder / "job.json", folder / "sample.json", folder / "log.txt"
    job_file.write_text(job.as_text(), encoding="utf-8")
    for file in (result_file, log_file):
        file.unlink(missing_ok=True)
    words = [*program, str(job_file), str(result_file)]
    with child(words, log_file, more={"EFFICIENTDET_LOG_LEVEL": "ERROR"}) as process:
        for line in process.stdout or ():
            on_progress(line.strip())
        code = process.wait()
    if code or not result_file.exists():
        end = last_lines(log_file)
        raise MeasurementError("\n".join([f"the measurement {job.case.name!r} {_ending(code)}:", *end]))
    return Sample.from_record(json.loads(result_file.read_text(encoding="utf-8")))


def _ending(code: int) -> str:
    """How a process has ended, in words."""
    if code == -signal.SIGKILL:
        return "was killed, probably because the machine had no memory left"
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
