# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The largest batch that trains within some memory: the worst case is tried, and what is found is run. No TensorFlow.

Memory grows with the batch along a line, so that two small batches tell about where the largest one is. It is then
tried, and so is whatever the line says after that: a batch counts only when its own steps have been done.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from efficientdet.config import PipelineConfig
from efficientdet.doctor.live_line import LiveLine
from efficientdet.doctor.machine import run_figures
from efficientdet.doctor.machine.batch_advice import PUBLISHED_BATCH, parts_for
from efficientdet.doctor.machine.child import Job, OnProgress, OutOfMemoryError, run_job
from efficientdet.doctor.machine.figures import MemoryFigures, RunFigures
from efficientdet.doctor.machine.largest import (
    find_largest,
    shuffled_bytes,
    training_files,
    worst_case,
    write_worst_case,
)
from efficientdet.doctor.machine.memory import SAFE_SHARE, Memory, device_memory, fits, free_memory, largest_batch
from efficientdet.doctor.quantities import size
from efficientdet.errors import ConfigError

RunJob = Callable[[Job, OnProgress], dict[str, Any]]

_BOLDEST = 4  # times the largest batch that fitted: a line through small batches may be wrong about large ones
_RUN_SECONDS = 8.0  # of steps, in which the whole run is tried
_LESS = 0.9  # of a batch whose steps fit, but not with all that a run does besides


class BatchFit(NamedTuple):
    """What fits.

    Attributes:
      per_replica: the most images that one replica trains on at a time.
      is_most: whether no more than these were asked for; a larger batch may fit.
      replicas: that share a batch.
      global_batch: that is wanted.
      parts: in which each replica computes its share of it; 0 where the replicas cannot share it.
      free: before anything was measured.
      tried: on the worst case: what was held, at each batch that fitted.
      run: the run in small with `parts`, an evaluation and a checkpoint included; None where parts is 0.
      shuffled_bytes: of records in a full shuffle buffer, which the worst case does not fill.
    """

    per_replica: int
    is_most: bool
    replicas: int
    global_batch: int
    parts: int
    free: Memory
    tried: tuple[MemoryFigures, ...]
    run: RunFigures | None
    shuffled_bytes: int

    @property
    def held(self) -> int:
        """The most that the run is known to hold of the host's memory, in bytes."""
        of_steps = max((each.host_bytes for each in self.tried if each.batch_size <= self._at_a_time), default=0)
        return max(of_steps + self.shuffled_bytes, self.run.host_bytes if self.run else 0)

    @property
    def _at_a_time(self) -> int:
        return self.global_batch // self.parts if self.parts else self.per_replica * self.replicas


def find_batch(
    config: PipelineConfig,
    *,
    memory: int | None = None,
    most: int | None = None,
    run: RunJob = run_job,
) -> BatchFit:
    """Finds the largest batch, and runs the config with it.

    Args:
      config: resolved and validated for training; its batch_size is the global batch that is wanted.
      memory: bytes that the run may hold; None: what is free within the limits of this process.
      most: images on a replica at a time, beyond which nothing is tried; None: its share of the wanted batch, or of
        the published one where that is larger.
      run: runs a job in a process of its own.

    Returns:
      The outcome.

    Raises:
      ConfigError: not even one image fits on a replica.
      EfficientDetError: what is wrong with config, data or weights, as a training would say it.
    """
    with tempfile.TemporaryDirectory(prefix="efficientdet-fit-") as folder, LiveLine() as line:
        return _Search(config, Path(folder), line, run, memory).all(most)


class _Search:
    """The trials, one after the other.

    Args:
      config: of the run.
      folder: for what is written.
      line: shows how far it is.
      run: runs a job.
      memory: see `find_batch`.
    """

    def __init__(self, config: PipelineConfig, folder: Path, line: LiveLine, run: RunJob, memory: int | None) -> None:
        self._config = config
        self._folder = folder
        self._line = line
        self._run = run
        free = free_memory()
        self._free = free._replace(host=min(memory, free.host or memory)) if memory else free
        self._replicas = max(len(device_memory()), 1)  # until TensorFlow has told
        self._fitting: dict[int, MemoryFigures] = {}  # by images on a replica
        self._runs: dict[tuple[int, int], RunFigures] = {}  # by (batch, parts)

    def all(self, most: int | None) -> BatchFit:
        """Does everything."""
        wanted = self._config.proto.train_config.batch_size
        self._line.show("looking for the largest images")
        largest = find_largest(training_files(self._config))
        reader = self._config.proto.train_input_reader
        write_worst_case(largest, self._worst, num_boxes=reader.max_number_of_boxes)
        shuffled = shuffled_bytes(self._config, largest)
        self._free = self._free._replace(host=max(self._free.host - shuffled, 1))
        if not self._tried(1):
            raise self._nothing("not even one image at a time fits")
        most = most or max(wanted, PUBLISHED_BATCH) // self._replicas
        best = self._largest(most)
        while best and self._run_of(best * self._replicas, 1) is None:
            best = int(best * _LESS)
        parts = parts_for(wanted, best, self._replicas)
        while parts and not self._bears(wanted, parts):  # parts need room to add their gradients up
            best = wanted // (parts * self._replicas) - 1
            parts = parts_for(wanted, best, self._replicas)
        if best < 1:
            raise self._nothing("steps of one image fit, but with its evaluation the run does not")
        return BatchFit(
            per_replica=best,
            is_most=best >= most,
            replicas=self._replicas,
            global_batch=wanted,
            parts=parts,
            free=self._free,
            tried=tuple(self._fitting.values()),
            run=self._run_of(wanted, parts) if parts else None,
            shuffled_bytes=shuffled,
        )

    @property
    def _worst(self) -> Path:
        return self._folder / "largest.record"

    def _largest(self, most: int) -> int:
        """The largest number of images on a replica whose steps have been done, up to `most`; one has been tried."""
        best, failing = 1, most + 1
        guess = min(2, most)
        while best < guess < failing:
            if self._tried(guess):
                best = guess
                guess = self._guess(best, failing)
            else:
                failing = guess
                guess = (best + failing) // 2
        return best

    def _guess(self, best: int, failing: int) -> int:
        """Where the largest batch is, as far as it is known by now."""
        line = largest_batch(list(self._fitting.values()), self._free, self._replicas) // self._replicas
        # Memory that does not grow along a line says nothing: then twice as much is tried.
        return min(line or 2 * best, _BOLDEST * best, failing - 1)

    def _tried(self, per_replica: int) -> bool:
        """Whether steps on so many images fit; with what they held, which then counts for the line."""
        figures = self._measured(self._in_parts(per_replica * self._replicas, 1))
        if figures is None:
            return False
        if figures.replicas != self._replicas:  # it uses other devices than the system lists
            self._replicas = figures.replicas
            return self._tried(per_replica)
        self._fitting[per_replica] = figures
        return True

    def _bears(self, batch_size: int, parts: int) -> bool:
        """Whether the run with a batch fits, its worst case included, which at once was tried already."""
        is_known = parts == 1 or self._measured(self._in_parts(batch_size, parts)) is not None
        return is_known and self._run_of(batch_size, parts) is not None

    def _run_of(self, batch_size: int, parts: int) -> RunFigures | None:
        """The figures of the run in small with a batch; None where it holds more than it may."""
        if (batch_size, parts) not in self._runs:
            job = Job("run", self._in_parts(batch_size, parts), str(self._folder), _RUN_SECONDS)
            what = f"running a batch of {batch_size}" + (f" in {parts} parts" if parts > 1 else "")
            try:
                figures = run_figures(self._run(job, self._shown(what)))
            except OutOfMemoryError:
                return None
            self._runs[batch_size, parts] = figures
        figures = self._runs[batch_size, parts]
        return figures if figures.host_bytes <= SAFE_SHARE * self._free.host else None

    def _in_parts(self, batch_size: int, parts: int) -> PipelineConfig:
        copy = self._config.copy()
        copy.proto.train_config.batch_size = batch_size
        copy.proto.train_config.gradient_accumulation_steps = max(parts, 1)
        return copy

    def _measured(self, config: PipelineConfig) -> MemoryFigures | None:
        """What steps on the worst case held; None where they did not fit."""
        train = config.proto.train_config
        job = Job("memory", worst_case(config, self._worst, train.batch_size), str(self._folder), 0.0)
        try:
            figures = MemoryFigures(**self._run(job, self._shown(f"trying a batch of {train.batch_size}")))
        except OutOfMemoryError:
            return None
        if not figures.device_bytes:  # TensorFlow sees no GPU, whatever there is
            self._free = self._free._replace(device=0)
        return figures if fits(figures, self._free) else None

    def _shown(self, what: str) -> OnProgress:
        return lambda detail, seconds: self._line.show(what, detail, seconds)

    def _nothing(self, what: str) -> ConfigError:
        have = f"{size(self._free.device)} of GPU memory" if self._free.device else f"{size(self._free.host)} of memory"
        return ConfigError(
            f"{self._config.where('train_config.batch_size')}: {what} into {have}. A smaller input, network or "
            "eval_config.batch_size takes less; so does train_config { recompute: [BACKBONE, PYRAMID, HEADS] }"
        )
