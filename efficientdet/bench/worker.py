# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The child's side of `child.measured`: reads a job, measures, writes the sample.

What a measurement imports it imports itself, so that a start is measured from nothing.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from efficientdet.bench.cases import Kind
from efficientdet.bench.child import Job
from efficientdet.bench.figures import Sample
from efficientdet.bench.settings import Work, work_of

Progress = Callable[[str], None]
Measurement = Callable[[Work, Progress], Sample]

MEASUREMENTS: dict[Kind, str] = {
    "step": "steps:measure_step",
    "paired_steps": "steps:measure_paired_steps",
    "start": "starts:measure_start",
    "first_evaluation": "starts:measure_first_evaluation",
    "activations": "activations:measure_activations",
    "export": "serving:measure_export",
    "serving": "serving:measure_serving",
    "reading": "reading:measure_reading",
    "reading_boxes": "reading:measure_reading_boxes",
    "scoring": "scoring:measure_scoring",
    "checked_scoring": "scoring:measure_checked_scoring",
}
"""Kind of a case -> module of this package and function, which takes a `Work` and whom to tell how far it is."""


def measurement(kind: Kind) -> Measurement:
    """The function of a kind; its module is imported only now."""
    module, _, name = MEASUREMENTS[kind].partition(":")
    function: Measurement = getattr(importlib.import_module(f"efficientdet.bench.{module}"), name)
    return function


def main() -> int:
    """Does the job that the first word names and writes what the second names. Returns the exit code."""
    job = Job.from_text(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as stream:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries may print whatever they like
        sample = measurement(job.case.kind)(work_of(job), lambda detail: print(detail, file=stream, flush=True))
    Path(sys.argv[2]).write_text(json.dumps(dataclasses.asdict(sample)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
