# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the figures of a machine mean for a run: findings, a table, a sentence. No TensorFlow, nothing is measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from efficientdet.config import PipelineConfig
from efficientdet.doctor import cost
from efficientdet.doctor.cost import price
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.machine.batch_advice import fewer_steps, smaller_parts
from efficientdet.doctor.machine.figures import MemoryFigures, RunFigures, RunTime, predict, steps_within
from efficientdet.doctor.machine.largest import Largest
from efficientdet.doctor.machine.memory import SAFE_SHARE, LinearMemory, Memory
from efficientdet.doctor.quantities import duration, percent, size

OVER_BUDGET = "machine-over-budget"
INPUT_STARVED = "machine-input-starved"
MEMORY_SHORT = "machine-memory-short"
MEMORY_TIGHT = "machine-memory-tight"
DISK_SHORT = "machine-disk-short"
EVALUATIONS_LONG = "machine-evaluations-long"
CHECKPOINTS_RARE = "machine-checkpoints-rare"
GPU_UNUSED = "machine-gpu-unused"

_STARVED_SHARE = 0.2  # of a step's time that reading may cost
_EVALUATION_SHARE = 0.3  # of a run's time that its evaluations may take
_LONGEST_UNSAVED = 3600.0  # seconds of work that an interruption may cost


class Measured(NamedTuple):
    """All that is known of a machine and a run.

    Attributes:
      run: None where the run did not fit into the memory.
      memory: at several batch sizes, on the worst case; those that fitted.
      line: through `memory`; None where it does not grow with the batch, or was measured at fewer than two sizes.
      largest_batch: that fits; 0: unknown.
      is_verified: whether a step was done with it, or the line alone says so.
      free: before anything was measured.
      free_disk: bytes where checkpoints go.
      largest: the largest images.
      shuffled_bytes: of records that training holds in its shuffle buffer, which the worst case does not fill.
      has_unused_gpu: whether there is one that TensorFlow does not see.
    """

    run: RunFigures | None
    memory: tuple[MemoryFigures, ...]
    line: LinearMemory | None
    largest_batch: int
    is_verified: bool
    free: Memory
    free_disk: int
    largest: Largest
    shuffled_bytes: int
    has_unused_gpu: bool

    def needed(self, batch_size: int) -> Memory:
        """The most that the run holds at its batch size; 0 where that was not measured."""
        worst = next((each for each in self.memory if each.batch_size == batch_size), None)
        if worst is None:
            return Memory(0)
        host = worst.host_bytes + self.shuffled_bytes
        return Memory(max(host, self.run.host_bytes if self.run else 0), worst.device_bytes)


def findings_of(config: PipelineConfig, measured: Measured, budget_hours: float | None) -> list[Finding]:
    """All findings, in no order.

    Args:
      config: of the run.
      measured: see `Measured`.
      budget_hours: that the run may take; None: any.
    """
    findings = list(_of_memory(config, measured))
    if measured.has_unused_gpu:
        findings.append(_gpu_unused())
    if measured.run is not None:
        findings += _of_disk(measured.run, measured.free_disk)
        findings += _of_time(config, measured.run, budget_hours)
        findings += _of_input(measured.run)
    return findings


def _of_memory(config: PipelineConfig, measured: Measured) -> Iterator[Finding]:
    batch_size = config.proto.train_config.batch_size
    replicas = measured.run.replicas if measured.run else 1
    needed, free = measured.needed(batch_size), measured.free
    fits = bool(needed.host) and measured.run is not None
    pairs = [("memory", needed.host, free.host), ("GPU memory", needed.device, free.device)]
    over = [(what, need, have) for what, need, have in pairs if have and need > SAFE_SHARE * have]
    if fits and not over:
        return
    remedy = "Use a smaller input, or a smaller network: not even one image fits."
    if 0 < measured.largest_batch < batch_size:
        remedy = smaller_parts(config, measured.largest_batch, replicas)
    why = "The largest images, full of boxes and at their largest scale, come together sooner or later."
    if not fits:
        held = f"{size(free.device or free.host)} {'of GPU memory ' if free.device else ''}were free"
        title = f"a batch of {batch_size} does not fit into the memory: {held}"
        yield Finding("machine", MEMORY_SHORT, Severity.ERROR, title, why, remedy, cost=cost.USELESS)
        return
    for what, need, have in over:
        title = f"a batch of {batch_size} needs {size(need)} of {what}, and {size(have)} are free"
        if need > have:
            yield Finding("machine", MEMORY_SHORT, Severity.ERROR, title, why, remedy, cost=cost.USELESS)
        else:
            why = "Another program, or a image larger than those of the data, ends the run."
            yield Finding("machine", MEMORY_TIGHT, Severity.WARNING, title, why, remedy, cost=cost.LIGHT)


def _of_disk(run: RunFigures, free: int) -> Iterator[Finding]:
    kept = min(run.plan.checkpoints_kept, run.plan.num_checkpoints) or run.plan.num_checkpoints
    needed = (kept + 1) * run.checkpoint.num_bytes  # a new one is written before the oldest goes
    if free and needed > free:
        title = f"checkpoints need {size(needed)} of disk, and {size(free)} are free"
        why = (
            f"{kept} checkpoints of {size(run.checkpoint.num_bytes)} are kept: the run will stop when the disk is full."
        )
        fitting = max(free // run.checkpoint.num_bytes - 1, 1)
        remedy = f"Free some space, or keep fewer:\ntrain_config {{ max_checkpoints_to_keep: {fitting} }}"
        yield Finding("machine", DISK_SHORT, Severity.ERROR, title, why, remedy, cost=cost.USELESS)


def _of_time(config: PipelineConfig, run: RunFigures, budget_hours: float | None) -> Iterator[Finding]:
    time, plan = predict(run), run.plan
    if budget_hours is not None and time.total > 3600 * budget_hours:
        yield _over_budget(config, run, time, 3600 * budget_hours)
    if time.evaluations > _EVALUATION_SHARE * time.total:
        share = time.evaluations / time.total
        title = f"{plan.num_evaluations} evaluations take {duration(time.evaluations)}, {percent(share)} of the run"
        why = (
            f"One takes {duration(time.evaluations / plan.num_evaluations)}, as long as {_steps_like(run, time)} steps."
        )
        remedy = (
            "Evaluate less often, or every n-th image:\n"
            f"eval_config {{ interval_steps: {4 * plan.evaluation_interval} }}\n"
            "eval_input_reader { sample_1_of_n_examples: 4 }"
        )
        yield Finding(
            "machine", EVALUATIONS_LONG, Severity.WARNING, title, why, remedy, cost=price(cost.MEASUREMENT, 1 - share)
        )
    unsaved = min(plan.checkpoint_interval, plan.num_steps) * run.steps.mean
    if unsaved > _LONGEST_UNSAVED and time.total > _LONGEST_UNSAVED:
        interval = max(int(_LONGEST_UNSAVED / 2 / run.steps.mean), 1)
        title = f"a checkpoint every {duration(unsaved)} only"
        why = "An interrupted run goes on from its latest checkpoint: what came after it is done again."
        remedy = f"train_config {{ checkpoint_interval_steps: {interval} }}"
        if not config.proto.eval_config.interval_steps and plan.eval_batches:
            remedy += f"\neval_config {{ interval_steps: {plan.evaluation_interval} }}"
        yield Finding("machine", CHECKPOINTS_RARE, Severity.NOTE, title, why, remedy)


def _over_budget(config: PipelineConfig, run: RunFigures, time: RunTime, budget: float) -> Finding:
    title = f"the run takes {duration(time.total)}, and {duration(budget)} are given"
    needed = (run.plan.num_steps - 1) * run.plan.batch_size / max(budget - time.total + time.training, 1e-9)
    why = (
        f"{run.plan.num_steps:,} steps of {run.plan.batch_size} images at {rate(run):.1f} images/s take "
        f"{duration(time.training)}, evaluations {duration(time.evaluations)}, "
        f"checkpoints {duration(time.checkpoints)}."
    )
    remedy = f"A machine {time.total / budget:.1f} times as fast would do."
    if time.total - time.training < budget:
        remedy = f"A machine that trains on {needed:.1f} images/s would do."
    steps = steps_within(run, budget)
    if steps:
        remedy += f" On this one {steps:,} steps fit:\n{fewer_steps(config, steps)}"
    else:
        remedy += " Not even one step and its evaluation fit."
    return Finding(
        "machine", OVER_BUDGET, Severity.ERROR, title, why, remedy, cost=price(cost.DATA, time.total / budget)
    )


def _of_input(run: RunFigures) -> Iterator[Finding]:
    steps = run.steps
    if steps.input_share <= _STARVED_SHARE:
        return
    batch_size = run.plan.batch_size
    speeds = f"{batch_size / steps.reading:.0f} images/s are read, {batch_size / steps.computing:.0f} computed on"
    title = f"reading costs {percent(steps.input_share)} of the time of a step: {speeds}"
    if steps.waiting_share > _STARVED_SHARE:
        why = f"The network waits for its batch during {percent(steps.waiting_share)} of a step."
    else:
        why = "The network does not wait, but decoding and augmenting take cores that it computes on."
    remedy = (
        "Store images no larger than augmentation needs (the input's side times the largest scale), as JPEG; leave "
        "out augmentations that resample a image once more; use more cores. What a shorter step would gain is "
        f"{duration((run.plan.num_steps - 1) * max(steps.mean - steps.computing, 0.0))} over the run."
    )
    yield Finding(
        "machine", INPUT_STARVED, Severity.WARNING, title, why, remedy, cost=price(cost.SETTING, 1 - steps.input_share)
    )


def _gpu_unused() -> Finding:
    return Finding(
        "machine",
        GPU_UNUSED,
        Severity.WARNING,
        "there is a GPU, and TensorFlow does not see it",
        "Training on the CPU takes tens of times as long.",
        'pip install "tensorflow[and-cuda]" of the version that is installed; unset CUDA_VISIBLE_DEVICES.',
        cost=cost.HEAVY,
    )


def rate(run: RunFigures) -> float:
    """Pictures per second, of steps."""
    return run.plan.batch_size / run.steps.mean


def _steps_like(run: RunFigures, time: RunTime) -> str:
    return f"{time.evaluations / run.plan.num_evaluations / run.steps.mean:,.0f}"
