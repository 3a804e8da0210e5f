# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What fits into memory, in words and as an override. No TensorFlow."""

from __future__ import annotations

from typing import NamedTuple

from efficientdet.config import PipelineConfig
from efficientdet.doctor.machine.batch_advice import PUBLISHED_BATCH, norm_advice
from efficientdet.doctor.machine.memory import SAFE_SHARE
from efficientdet.doctor.machine.verdicts import rate
from efficientdet.doctor.quantities import percent, size
from efficientdet.doctor.report.plain_text import counted
from efficientdet.tuning.batch_search import BatchFit
from efficientdet.tuning.override_text import override_text


class BatchReport(NamedTuple):
    """What is said of a search."""

    lines: tuple[str, ...]
    config: PipelineConfig  # that fits
    override: str  # that makes it; "" where the config fits as it is


def fitting_config(config: PipelineConfig, fit: BatchFit) -> PipelineConfig:
    """The config with as many parts as it takes; without a batch that can be shared, one that fits at once."""
    copy = config.copy()
    train = copy.proto.train_config
    train.batch_size = fit.global_batch if fit.parts else fit.per_replica * fit.replicas
    if train.gradient_accumulation_steps != max(fit.parts, 1):
        train.gradient_accumulation_steps = max(fit.parts, 1)
    return copy


def report_of(given: PipelineConfig, wanted: PipelineConfig, fit: BatchFit) -> BatchReport:
    """Puts an outcome into words.

    Args:
      given: the config as it was read.
      wanted: with the global batch that is wanted, and a rate for it.
      fit: what was found.
    """
    config = fitting_config(wanted, fit)
    override = override_text(given, config)
    return BatchReport(tuple(_lines(config, fit, is_changed=bool(override))), config, override)


def _lines(config: PipelineConfig, fit: BatchFit, *, is_changed: bool) -> list[str]:
    more = ", the most that was asked for" if fit.is_most else ""
    on = " on each replica" if fit.replicas > 1 else ""
    have = f"{size(fit.free.device)} of GPU memory" if fit.free.device else f"{size(fit.free.host)} of memory"
    lines = [f"at a time fit: {counted(fit.per_replica, 'image')}{on}, into {percent(SAFE_SHARE)} of {have}{more}"]
    each = fit.per_replica
    if not fit.parts:
        lines.append(
            f"a batch of {fit.global_batch} cannot be shared by {fit.replicas} replicas: {each * fit.replicas} can"
        )
    else:
        each = fit.global_batch // (fit.parts * fit.replicas)
        how = f"in {fit.parts} parts of {each}{on}, one after the other" if fit.parts > 1 else "at once"
        lines.append(f"the global batch of {fit.global_batch} is computed {how}")
    if fit.run is not None:
        lines.append(f"it was run so: {rate(fit.run):.1f} images/s on {fit.run.device}; it holds {size(fit.held)}")
    if fit.parts > 1:
        lines += norm_advice(config, each)
    if fit.global_batch != PUBLISHED_BATCH:
        lines.append(
            f"the published recipes have a global batch of {PUBLISHED_BATCH}: --global_batch {PUBLISHED_BATCH}"
        )
    if not is_changed:
        lines.append("the config fits as it is")
    return lines
