# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Whether a machine can do a run: how long it takes, how much memory and disk, and what holds it up.

Everything is measured with the run's own config, data and weights, in child processes, in a temporary folder.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from efficientdet.config import PipelineConfig
from efficientdet.doctor.findings import Part, worst_first
from efficientdet.doctor.live_line import LiveLine
from efficientdet.doctor.machine.account import tables_of, verdict_of
from efficientdet.doctor.machine.child import Job, OnProgress, OutOfMemoryError, run_job
from efficientdet.doctor.machine.figures import (
    CheckpointFigures,
    EvaluationFigures,
    MemoryFigures,
    RunFigures,
    RunPlan,
    StepFigures,
)
from efficientdet.doctor.machine.largest import (
    find_largest,
    shuffled_bytes,
    training_files,
    worst_case,
    write_worst_case,
)
from efficientdet.doctor.machine.memory import free_memory, largest_batch, line_of, second_batch
from efficientdet.doctor.machine.verdicts import Measured, findings_of

STEP_SECONDS = 30.0
_LARGEST_TRIED = 4  # times the config's batch: a larger one would take long to try, and memory from other programs

RunJob = Callable[[Job, OnProgress], dict[str, Any]]


def check_machine(
    config: PipelineConfig,
    *,
    budget_hours: float | None = None,
    model_dir: str | Path = ".",
    seconds: float = STEP_SECONDS,
    run: RunJob = run_job,
) -> Part:
    """Measures what a run costs on this machine.

    Args:
      config: resolved and validated for training.
      budget_hours: that the run may take; None: any.
      model_dir: where the run would keep its checkpoints, of which only the free space is looked at.
      seconds: to spend on steps, roughly; start, tracing and memory come on top.
      run: runs a job in a process of its own.

    Returns:
      The findings, and all figures as tables.

    Raises:
      EfficientDetError: what is wrong with config, data or weights, as a training would say it.
      RuntimeError: a measurement failed in a way that nobody foresaw.
    """
    with tempfile.TemporaryDirectory(prefix="efficientdet-doctor-") as folder, LiveLine() as line:
        measured = _Measurement(config, Path(folder), line, run).all(seconds, Path(model_dir))
    findings = worst_first(findings_of(config, measured, budget_hours))
    return Part("machine", verdict_of(config, measured, budget_hours), findings, tables_of(config, measured))


class _Measurement:
    """The jobs, one after the other.

    Args:
      config: of the run.
      folder: for what is written.
      line: shows how far it is.
      run: runs a job.
    """

    def __init__(self, config: PipelineConfig, folder: Path, line: LiveLine, run: RunJob) -> None:
        self._config = config
        self._folder = folder
        self._line = line
        self._run = run
        self._batch_size = config.proto.train_config.batch_size
        self._memory: dict[int, MemoryFigures | None] = {}  # by batch size; None: did not fit

    def all(self, seconds: float, model_dir: Path) -> Measured:
        """Does everything."""
        free = free_memory()
        figures = self._measure_run(seconds)
        # A batch is shared by the replicas, and by the parts that each of them computes one after the other.
        shares = (figures.replicas if figures else 1) * self._config.proto.train_config.gradient_accumulation_steps
        reader = self._config.proto.train_input_reader
        self._line.show("looking for the largest pictures")
        largest = find_largest(training_files(self._config))
        write_worst_case(largest, self._worst, num_boxes=reader.max_number_of_boxes)
        self._measure_memory(shares)
        points = [each for each in self._memory.values() if each]
        fitting = largest_batch(points, free, shares)
        is_verified = fitting > 0 and self._try_batch(fitting, shares)
        return Measured(
            run=figures,
            memory=tuple(each for each in self._memory.values() if each),
            line=line_of(points),
            largest_batch=fitting,
            is_verified=is_verified,
            free=free,
            free_disk=_free_disk(model_dir),
            largest=largest,
            shuffled_bytes=shuffled_bytes(self._config, largest),
            has_unused_gpu=bool(free.device and figures and figures.device == "the CPU"),
        )

    @property
    def _worst(self) -> Path:
        return self._folder / "largest.record"

    def _measure_run(self, seconds: float) -> RunFigures | None:
        """The run in small; None where it does not fit."""
        job = Job("run", self._config, str(self._folder), seconds)
        try:
            return run_figures(self._run(job, self._shown("measuring the run")))
        except OutOfMemoryError:
            return None

    def _measure_memory(self, shares: int) -> None:
        """At the config's batch size and at another one, or at the two largest halves of it that fit."""
        batch_size = self._batch_size
        while self._memory_at(batch_size) is None and batch_size > shares:
            batch_size = max(batch_size // 2 // shares * shares, shares)
        if self._memory.get(batch_size) is not None:
            self._memory_at(second_batch(batch_size, shares))

    def _try_batch(self, batch_size: int, shares: int) -> bool:
        """Whether a batch that should fit does; one that would take long is not tried."""
        if batch_size > _LARGEST_TRIED * max(self._batch_size, shares):
            return False
        return self._memory_at(batch_size) is not None

    def _memory_at(self, batch_size: int) -> MemoryFigures | None:
        if batch_size not in self._memory:
            job = Job("memory", worst_case(self._config, self._worst, batch_size), str(self._folder), 0.0)
            try:
                given = self._run(job, self._shown("measuring memory"))
                self._memory[batch_size] = MemoryFigures(**given)
            except OutOfMemoryError:
                self._memory[batch_size] = None
        return self._memory[batch_size]

    def _shown(self, what: str) -> OnProgress:
        return lambda detail, seconds: self._line.show(what, detail, seconds)


def run_figures(given: dict[str, Any]) -> RunFigures:
    """The figures of a run, of the lists that JSON has made of them."""
    first, seconds, waited, computing, reading = given["steps"]
    return RunFigures(
        **given
        | {
            "plan": RunPlan(*given["plan"]),
            "steps": StepFigures(first, tuple(seconds), tuple(waited), computing, reading),
            "evaluation": EvaluationFigures(*given["evaluation"]) if given["evaluation"] else None,
            "checkpoint": CheckpointFigures(*given["checkpoint"]),
        }
    )


def _free_disk(model_dir: Path) -> int:
    """Bytes where a folder is, or would be made; 0 where nothing tells."""
    place = model_dir.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return 0
