# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Keeps the record of a run while it goes on."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efficientdet.config import PipelineConfig, format_config, parse_config
from efficientdet.config_differences import differences
from efficientdet.errors import CheckpointError, ConfigError, DataError
from efficientdet.run_record import collect
from efficientdet.run_record.comparison import data_differences
from efficientdet.run_record.record import RECORD_NAME, ReaderData, RunRecord, Start, read_record, write_record

if TYPE_CHECKING:
    from efficientdet.evaluation.evaluation import Evaluation
    from efficientdet.training.outcome import StepOutcome
    from efficientdet.training.trainer import Trainer

_POINTS = 100  # of the curve
_WEIGHTS_KEPT = 10  # digests of checkpoints

_logger = logging.getLogger(__name__)


class Recorder:
    """Writes `<model_dir>/record.json`; an `outcome.Observer`, of the process that writes.

    A record that cannot be written is a warning: it is no reason to end a training.

    Args:
      directory: of the run.
      config: resolved, of the run.
      step: updates done before this start.
      num_steps: at which the run ends.
      hardware: see `collect.hardware`.
      restored: see `RunRecord.restored`; of a resumed run, those of its first start stay.
      evaluations: see `RunRecord.evaluations`; those that are recorded elsewhere of the steps before this start.
    """

    def __init__(
        self,
        directory: Path,
        config: PipelineConfig,
        *,
        step: int,
        num_steps: int,
        hardware: dict[str, str],
        restored: Sequence[str] = (),
        evaluations: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._directory = directory
        self._interval = max(num_steps // _POINTS, 1)
        self._is_failing = False
        self._step = step
        now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        start = Start(now, step, collect.versions(), hardware)
        earlier = self._earlier() if step else None
        if earlier is None:
            begin_weights = None if step else tuple(restored)  # of a run whose record is lost, nobody knows
            seed = config.proto.train_config.seed
            self._record = RunRecord(format_config(config), seed, _data_of(config), begin_weights, (start,))
        else:
            start = _with_changes(start, earlier, config)
            self._record = dataclasses.replace(earlier.until(step), starts=(*earlier.starts, start))
        if step:
            self._fill_in(evaluations)
        self._write()

    def on_step(self, trainer: Trainer, outcome: StepOutcome) -> None:
        """Takes a point of the curve, and writes: whatever ends the run, no checkpoint is ahead of its record."""
        self._step = outcome.step
        if outcome.step % self._interval == 0 or outcome.is_last:
            kept = self._record.until(outcome.step - 1)  # a run that went back does the later steps anew
            self._record = dataclasses.replace(kept, curve={**kept.curve, outcome.step: float(outcome.losses.total)})
            self._write()

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Takes the results of an evaluation, and the digest of its checkpoint where there is one; and writes."""
        line = {name: value for name, value in evaluation.as_record().items() if name != "seconds"}
        others = tuple(other for other in self._record.evaluations if other["step"] < evaluation.step)
        self._update(evaluations=(*others, line))
        self._take_weights()
        self._write()

    def close(self) -> None:
        """Writes for the last time."""
        self._take_weights()
        self._write()

    def _earlier(self) -> RunRecord | None:
        try:
            return read_record(self._directory)
        except DataError as error:
            _logger.warning("the record of this run begins anew: %s", error)
            return None

    def _fill_in(self, evaluations: Sequence[Mapping[str, Any]]) -> None:
        """Takes the evaluations that a process recorded elsewhere, and was killed before it told of them here."""
        known = {line["step"]: line for line in self._record.evaluations}
        missing = {line["step"]: line for line in evaluations if line["step"] <= self._step}
        self._update(evaluations=tuple(line for _, line in sorted((missing | known).items())))

    def _update(self, **changes: object) -> None:
        self._record = dataclasses.replace(self._record, **changes)  # type: ignore[arg-type]

    def _take_weights(self) -> None:
        prefix = self._directory / f"ckpt-{self._step}"
        if self._step in self._record.weights or not prefix.with_name(f"{prefix.name}.index").is_file():
            return
        try:
            weights = {**self._record.weights, self._step: collect.digest_of_weights(prefix)}
        except CheckpointError as error:
            _logger.warning("no digest of %s: %s", prefix, error)
            return
        self._update(weights=dict(sorted(weights.items())[-_WEIGHTS_KEPT:]))

    def _write(self) -> None:
        try:
            write_record(self._record, self._directory / RECORD_NAME)
        except OSError as error:
            if not self._is_failing:
                _logger.warning("the record of the run cannot be written: %s", error)
            self._is_failing = True


def _with_changes(start: Start, earlier: RunRecord, config: PipelineConfig) -> Start:
    """A start of a run that goes on, with what is not as in the start before."""
    text = format_config(config)
    before = earlier.latest_data
    known = [reader for data in (earlier.data, *(each.data or () for each in earlier.starts)) for reader in data]
    data = _data_of(config, known)
    if before and data:
        for change in data_differences(before, data):
            _logger.warning("the data are not those of the start before: %s", change)
    return dataclasses.replace(
        start,
        config=None if _are_same(text, earlier.latest_config) else text,
        data=data if data and data != before else None,
    )


def _are_same(config: str, other: str) -> bool:
    try:
        protos = [parse_config(text, RECORD_NAME).proto for text in (other, config)]
    except ConfigError:  # of a version that knew other fields
        return False
    return not any(differences(*protos))


def _data_of(config: PipelineConfig, known: Sequence[ReaderData] = ()) -> tuple[ReaderData, ...]:
    try:
        return collect.data_of(config, known)
    except DataError as error:
        _logger.warning("the record of this run names no data: %s", error)
        return ()
