# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Statistics that training gathers: those of batch normalisation, and moving averages of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

from efficientdet.doctor import cost
from efficientdet.doctor.cost import price
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.quantities import percent
from efficientdet.doctor.recipe.comparison import Comparison
from efficientdet.doctor.recipe.settings import keeps_averages
from efficientdet.protos import ssd_pb2

_ENOUGH = 16
"""Images whose statistics a batch normalisation takes as they come.

Below 16 its author has users of xuannianz/EfficientDet freeze them (#51 there); with 2 or 4, AP stayed near 0 (#16).
"""
_LEAST = {"reproduce": _ENOUGH, "fine_tune": 4}  # fine-tuned statistics start from good ones; 4 trains (pipelines/)
_MEMORIES = 5  # of the statistics, that a run has to last
_FOLLOWS_FROM = 9  # (1 + t) / (10 + t) reaches a decay d at about t = 9 / (1 - d)


def check_normalisation(comparison: Comparison) -> Iterator[Finding]:
    """Yields what is to be said of batch normalisation and of moving averages."""
    has_norms = comparison.model.norm_decay > 0 or bool(comparison.model.pyramid)  # EfficientNets always have them
    if comparison.trains and comparison.training.num_steps:
        if has_norms:
            yield from _batch(comparison)
        yield from _lag(comparison)
    yield from _averages(comparison)


def _batch(comparison: Comparison) -> Iterator[Finding]:
    ssd, batch = comparison.proto.model.ssd, comparison.training.batch_size
    frozen = ssd.freeze_batchnorm and ssd.freeze_batchnorm_scope == ssd_pb2.Ssd.WHOLE_MODEL
    if frozen or batch >= _LEAST[comparison.aim]:
        return
    if ssd.freeze_batchnorm:
        title = f"batch {batch}: the backbone's batch normalisation still sees {_images(batch)} at a time"
    else:
        title = f"batch {batch}: batch normalisation sees {_images(batch)} at a time"
    if comparison.starts_from_detector:
        remedy = "model { ssd { freeze_batchnorm: true freeze_batchnorm_scope: WHOLE_MODEL } }"
    else:
        remedy = (
            "A batch of 16 or more: a smaller input or model, or more GPUs with sync_batch_norm {} in both "
            "conv_hyperparams; or group_norm {} there with frozen statistics below. Gradients are not accumulated over "
            "steps here."
        )
    yield comparison.finding(
        "batch-norm-batch",
        Severity.WARNING,
        title,
        path="train_config.batch_size",
        why="On one device at most that many images decide mean and variance of every layer: each step sees another "
        "network than evaluation does. More steps do not make up for it.",
        remedy=remedy,
        cost=price(cost.NORMALISATION, _ENOUGH / batch),
    )


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _lag(comparison: Comparison) -> Iterator[Finding]:
    decay, steps = comparison.model.norm_decay, comparison.training.num_steps
    if comparison.proto.model.ssd.freeze_batchnorm or not 0 < decay < 1:
        return
    least = round(_MEMORIES / (1 - decay))
    if steps < least:
        suggested = math.floor(100 * (1 - _MEMORIES / steps)) / 100 if steps > _MEMORIES else 0.5
        yield comparison.finding(
            "batch-norm-lag",
            Severity.WARNING,
            f"batch normalisation remembers {1 / (1 - decay):.0f} steps of a run of {steps:,}",
            path=_decay_path(comparison),
            why="What evaluation uses are running means that trail the weights. A Lite0 after 250 steps at .99 scored "
            ".007, and .103 with the same weights and fresh statistics.",
            remedy=f"batch_norm {{ decay: {max(min(suggested, 0.97), 0.5):g} }} in both conv_hyperparams, or more "
            "steps",
            cost=price(cost.NORMALISATION, 2 * least / steps),
        )


def _decay_path(comparison: Comparison) -> str:
    """Of the slower of the two decays, as far as it is set."""
    head = comparison.proto.model.ssd.box_predictor.WhichOneof("box_predictor_oneof")
    return f"model.ssd.box_predictor.{head}.conv_hyperparams.batch_norm.decay"


def _averages(comparison: Comparison) -> Iterator[Finding]:
    """Averages that are evaluated and not kept, kept and not evaluated, or too slow for the run."""
    kept, evaluated = keeps_averages(comparison.proto), comparison.proto.eval_config.use_moving_averages
    steps, theirs = comparison.training.num_steps, comparison.recipe.training.average_decay
    if evaluated and not kept and comparison.trains:
        yield comparison.finding(
            "averages-missing",
            Severity.ERROR,
            "moving averages are evaluated, and training keeps none",
            path="eval_config.use_moving_averages",
            why="There is nothing to evaluate.",
            remedy="train_config { optimizer { use_moving_average: true } }, or eval_config { use_moving_averages: "
            "false }",
            cost=cost.USELESS,
        )
    elif comparison.reproduces and theirs and not (kept and evaluated) and steps:
        what = "are kept and not evaluated" if kept else "are not kept"
        yield comparison.finding(
            "averages-off",
            Severity.WARNING,
            f"moving averages {what}; the published figure is of averages with decay {theirs:g}",
            path="eval_config.use_moving_averages" if kept else "train_config.optimizer.use_moving_average",
            why="Averaged weights are those of a lower rate: without them the figure is lower, and moves from one "
            "evaluation to the next.",
            remedy=f"optimizer {{ use_moving_average: true moving_average_decay: {theirs:g} }} eval_config {{ "
            "use_moving_averages: true }",
            cost=cost.LIGHT,
        )
    if kept and evaluated:
        yield from _short_run(comparison)


def _short_run(comparison: Comparison) -> Iterator[Finding]:
    """Where a plain average would still be initial weights at the end of the run."""
    decay, steps = comparison.training.average_decay, comparison.training.num_steps
    if 0 < steps * (1 - decay) < 1:
        yield comparison.finding(
            "short-run-average",
            Severity.NOTE,
            f"averages of decay {decay:g} are evaluated after {steps:,} steps",
            path="train_config.optimizer.moving_average_decay",
            why=f"Elsewhere {percent(decay**steps)} of such an average would be initial weights, and AP 0 "
            f"(google/automl#68). Here the decay is at most (1 + t) / (10 + t) after t steps, until step "
            f"{_FOLLOWS_FROM / (1 - decay):,.0f}: the averages trail the weights by a ninth of the run.",
            remedy="Nothing; moving_average_decay: 0.998 says the same.",
        )
