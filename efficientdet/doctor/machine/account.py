# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The figures of a machine as a table, and in a few sentences. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator

from efficientdet.config import PipelineConfig
from efficientdet.doctor.findings import Table
from efficientdet.doctor.machine.batch_advice import PUBLISHED_BATCH
from efficientdet.doctor.machine.figures import RunFigures, RunTime, predict
from efficientdet.doctor.machine.verdicts import Measured, rate
from efficientdet.doctor.quantities import duration, size

_Row = tuple[str, str | int | float, str]
_COLUMNS = ("what", "figure", "unit")


def verdict_of(config: PipelineConfig, measured: Measured, budget_hours: float | None) -> str:
    """What matters most, in words: how long, how much memory, what sets the pace."""
    batch_size = config.proto.train_config.batch_size
    if measured.run is None:
        return f"The run does not fit into the memory of this machine at a batch of {batch_size}."
    run, time = measured.run, predict(measured.run)
    against = ""
    if budget_hours is not None:
        against = (
            f", {'within' if time.total <= 3600 * budget_hours else 'over'} the {duration(3600 * budget_hours)} given"
        )
    pace = "reading" if run.steps.waiting_share > 0.5 or run.steps.reading > run.steps.computing else "computing"
    sentences = [
        f"The run takes {duration(time.total)}{against}: {run.plan.num_steps:,} steps of {batch_size} images at "
        f"{rate(run):.1f} images/s on {run.device}, {run.plan.num_evaluations} evaluations.",
        f"Its pace is set by {pace}.",
    ]
    needed = measured.needed(batch_size)
    if needed.host:
        parts = [f"{size(needed.host)} of {size(measured.free.host)} memory"] if measured.free.host else []
        if needed.device and measured.free.device:
            parts.append(f"{size(needed.device)} of {size(measured.free.device)} GPU memory")
        sentences.append(f"It needs {' and '.join(parts) or size(needed.host)}.")
    return " ".join(sentences)


def tables_of(config: PipelineConfig, measured: Measured) -> tuple[Table, ...]:
    """All figures."""
    tables = []
    if measured.run is not None:
        time = predict(measured.run)
        tables.append(_time_table(measured.run, time))
        tables.append(Table("speed", _COLUMNS, tuple(_speed_rows(measured.run))))
    note = (
        "Memory is the most that a process of its own held while it trained on the largest images of the data, full "
        "of boxes, at the largest scale; the records of a full shuffle buffer are added."
    )
    tables.append(Table("memory and disk", _COLUMNS, tuple(_space_rows(config, measured)), note))
    return tuple(tables)


def _time_table(run: RunFigures, time: RunTime) -> Table:
    plan = run.plan
    rows: list[tuple[str | int | float, ...]] = [
        ("start, to the end of the first step", 1, *_hours(time.start, time)),
        ("steps after it", plan.num_steps - 1, *_hours(time.training, time)),
        ("evaluations", plan.num_evaluations, *_hours(time.evaluations, time)),
        ("checkpoints", plan.num_checkpoints, *_hours(time.checkpoints, time)),
        ("the run", 1, *_hours(time.total, time)),
    ]
    count, error = len(run.steps.seconds), run.steps.relative_error
    note = f"From {count} steps; their mean is certain to {2 * error:.1%}, as long as the machine stays as busy as now."
    return Table("predicted time", ("what", "times", "seconds", "duration", "share"), tuple(rows), note)


def _hours(seconds: float, time: RunTime) -> tuple[float, str, str]:
    return round(seconds, 1), duration(seconds), f"{seconds / time.total:.0%}"


def _speed_rows(run: RunFigures) -> Iterator[_Row]:
    steps, batch_size = run.steps, run.plan.batch_size
    yield "device", run.device, ""
    yield "training images", run.num_images, ""
    yield "training", round(rate(run), 2), "images/s"
    yield "step", round(steps.mean, 4), "s"
    yield "step without reading", round(steps.computing, 4), "s"
    yield "reading alone", round(batch_size / steps.reading, 1), "images/s"
    yield "waiting for the batch", round(steps.waiting_share, 3), "of a step"
    yield "cost of reading", round(steps.input_share, 3), "of a step"
    yield "start of the process", round(run.start, 1), "s"
    yield "first step, which traces the network", round(steps.first, 1), "s"
    if run.evaluation:
        each = run.evaluation.overhead + run.plan.eval_batches * run.evaluation.batch
        yield "evaluation", round(each, 2), "s"
        yield "first evaluation, more", round(run.evaluation.tracing, 2), "s"
    yield "writing a checkpoint", round(run.checkpoint.seconds, 2), "s"


def _space_rows(config: PipelineConfig, measured: Measured) -> Iterator[_Row]:
    batch_size = config.proto.train_config.batch_size
    height, width = measured.largest.size
    if height:
        more = "" if measured.largest.is_complete else f", of the first {measured.largest.num_records} records"
        yield "largest image", f"{height} x {width}", f"pixels{more}"
    yield "memory that was free", _gb(measured.free.host), "GB"
    if measured.free.device:
        yield "GPU memory that was free", _gb(measured.free.device), "GB"
    needed = measured.needed(batch_size)
    if needed.host:
        yield f"memory of the run, batch {batch_size}", _gb(needed.host), "GB"
    for each in sorted(measured.memory):
        yield f"memory of steps at batch {each.batch_size}", _gb(each.host_bytes), "GB"
        if each.device_bytes:
            yield f"GPU memory of steps at batch {each.batch_size}", _gb(each.device_bytes), "GB"
    yield "records in a full shuffle buffer", _gb(measured.shuffled_bytes), "GB"
    if measured.line is not None:
        yield "memory of a image more", _gb(measured.line.per_picture), "GB"
    if measured.largest_batch:
        how = "tried" if measured.is_verified else "estimate, from a line through the measured ones"
        yield "largest batch that fits", measured.largest_batch, how
    yield "global batch of the published recipes", PUBLISHED_BATCH, ""
    if measured.run is not None:
        yield "a checkpoint", _gb(measured.run.checkpoint.num_bytes), "GB"
        kept = min(measured.run.plan.checkpoints_kept, measured.run.plan.num_checkpoints)
        yield f"disk for {kept} checkpoints", _gb(kept * measured.run.checkpoint.num_bytes), "GB"
    yield "disk that is free", _gb(measured.free_disk), "GB"


def _gb(num_bytes: float) -> float:
    return round(num_bytes / 1e9, 3)
