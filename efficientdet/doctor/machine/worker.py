# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The child's side of `child.run_job`: reads a job, measures, and tells the outcome in lines of JSON."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from efficientdet.doctor.machine.child import Job
from efficientdet.errors import EfficientDetError

_OUT_OF_MEMORY = ("ResourceExhaustedError", "MemoryError")
_OOM_SCORE = "1000"  # the first to be ended where memory runs out


class _Channel:
    """Where events go: the standard output, from which everything else is turned away."""

    def __init__(self) -> None:
        self._stream = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries may print whatever they like

    def send(self, **event: Any) -> None:
        """Sends an event."""
        print(json.dumps(event), file=self._stream, flush=True)


class _SendsWarnings(logging.Handler):
    """Hands the warnings of this library on."""

    def __init__(self, channel: _Channel) -> None:
        super().__init__(logging.WARNING)
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        self._channel.send(warning=record.getMessage())


def main() -> int:
    """Does the job that the first word names; the second says when the child was started. Returns the exit code."""
    job_file, started = Path(sys.argv[1]), float(sys.argv[2])
    job = Job.from_text(job_file.read_text(encoding="utf-8"))
    channel = _Channel()
    with contextlib.suppress(OSError):  # Linux only, and there it is anyone's to raise
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="utf-8")
    if job.task == "run":  # the others would repeat it
        logging.getLogger("efficientdet").addHandler(_SendsWarnings(channel))

    def progress(detail: str, seconds_left: float | None = None) -> None:
        channel.send(progress=[detail, seconds_left])

    try:
        from efficientdet.doctor.machine import measurements

        channel.send(figures=measurements.MEASUREMENTS[job.task](job, started, progress))
    except EfficientDetError as error:
        channel.send(error=[type(error).__name__, str(error)])
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        channel.send(error=["", f"{place}{error.strerror or error}"])
    except Exception as error:
        if type(error).__name__ not in _OUT_OF_MEMORY:
            raise
        channel.send(out_of_memory=str(error).splitlines()[0] if str(error) else "an allocation failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
