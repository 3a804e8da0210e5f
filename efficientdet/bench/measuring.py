# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One measurement after the other. No TensorFlow."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from efficientdet.bench.cases import Case, Network
from efficientdet.bench.child import Job, MeasurementError, measured
from efficientdet.bench.figures import Figure, Sample, figure_of
from efficientdet.bench.material import drawn

RunJob = Callable[[Job, Callable[[str], None]], Sample]


class Listener(Protocol):
    """Is told how the measurements go."""

    def on_progress(self, case: Case, detail: str) -> None:
        """How far a measurement is."""

    def on_figure(self, case: Case, figure: Figure) -> None:
        """What a measurement found."""

    def on_failure(self, case: Case, error: MeasurementError) -> None:
        """Why a measurement failed."""


def measure(
    cases: Sequence[Case],
    configs: Mapping[Network, str],
    overrides: Sequence[str],
    listener: Listener,
    *,
    run: RunJob = measured,
) -> None:
    """Does the measurements, each in processes of its own; the failure of one does not end the others.

    Args:
      cases: what to measure, in this order.
      configs: where the config of each network is.
      overrides: a user's own; those of the cases are laid over them.
      listener: is told of all that happens.
      run: runs a job in a process of its own.
    """
    with tempfile.TemporaryDirectory(prefix="efficientdet-bench-") as name:
        for case in cases:
            try:
                figure = _figure(case, configs[case.network], tuple(overrides), Path(name), listener, run)
            except MeasurementError as error:
                listener.on_failure(case, error)
            else:
                listener.on_figure(case, figure)


def _figure(
    case: Case, config_path: str, overrides: tuple[str, ...], folder: Path, listener: Listener, run: RunJob
) -> Figure:
    listener.on_progress(case, "drawing images")
    label_map, records = drawn(case.material, folder)
    samples = []
    for number in range(1, case.processes + 1):
        process = f"process {number} of {case.processes}: " if case.processes > 1 else ""
        job = Job(case, config_path, overrides, str(folder), str(label_map), str(records))
        samples.append(run(job, lambda detail, process=process: listener.on_progress(case, f"{process}{detail}")))  # type: ignore[misc]
    return figure_of(samples, case.unit)
