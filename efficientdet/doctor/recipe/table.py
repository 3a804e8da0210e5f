# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The published recipe and the config side by side, and the verdict in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from efficientdet.doctor.findings import Finding, Severity, Table
from efficientdet.doctor.quantities import Factor
from efficientdet.doctor.recipe.comparison import Comparison
from efficientdet.doctor.recipe.model import show

_NAMED = 5  # findings in a verdict

Row = tuple[str | int | float, ...]


def recipe_table(comparison: Comparison) -> Table:
    """Setting, published value, this config's, factor between them (where both are numbers)."""
    recipe = comparison.recipe
    note = f"{recipe.name}: {recipe.precision}. Source: {recipe.source}."
    if not comparison.reproduces:
        note += (
            " This config is for other data, or starts from a detector: what counts for it is epochs and rate, not the "
        )
        note += "published number of images."
    rows = (*_training_rows(comparison), *_model_rows(comparison)) if comparison.trains else (*_model_rows(comparison),)
    return Table(f"Recipe beside {recipe.name}", ("setting", "published", "this config", "factor"), rows, note)


def _training_rows(comparison: Comparison) -> Iterator[Row]:
    ours, theirs, recipe = comparison.training, comparison.recipe.training, comparison.recipe
    counted = comparison.train_images
    yield _row("training images", recipe.data.num_images, counted.number if counted else "unknown")
    yield _row("global batch", theirs.batch_size, ours.batch_size)
    yield _row("steps", theirs.num_steps, ours.num_steps)
    yield _row("images processed", recipe.images, comparison.images_processed)
    yield _row(
        "epochs",
        round(recipe.epochs, 1),
        round(comparison.images_processed / counted.number, 1) if counted and counted.number else "unknown",
    )
    yield _row("optimizer", theirs.optimizer, ours.optimizer or "none")
    yield _row("greatest rate", theirs.rate.peak, ours.rate.peak)
    yield _row(
        "rate per image of a batch", _short(recipe.rate_per_image), _short(ours.rate.peak / max(ours.batch_size, 1))
    )
    yield _row("warm-up, steps", theirs.rate.warmup_steps, ours.rate.warmup_steps)
    yield _row("schedule, steps", theirs.rate.decay_steps or "none", ours.rate.decay_steps or "none")
    yield _row("momentum", theirs.momentum, ours.momentum)
    yield _row("clipping by norm", theirs.clip_norm or "none", ours.clip_norm or "none")
    yield _row("decay of averages", theirs.average_decay or "none", ours.average_decay or "none")
    yield _row("mirrored", "yes" if theirs.flip else "no", "yes" if ours.flip else "no")
    yield _row("scale jitter", show(theirs.scales), show(ours.scales))
    yield _row("starts from", "classification", comparison.restore_type or "random weights")


def _model_rows(comparison: Comparison) -> Iterator[Row]:
    ours, theirs = comparison.model, comparison.recipe.model
    yield _row("classes", theirs.num_classes, ours.num_classes)
    yield _row("input, pixels", theirs.image_size, ours.image_size)
    yield _row("resizer", theirs.resizer, ours.resizer)
    yield _row("pyramid filters / iterations / head layers", show(theirs.pyramid), show(ours.pyramid))
    yield _row("anchor scale", theirs.anchor_scale or "none", ours.anchor_scale or "none")
    yield _row("box coder", show(theirs.box_scales), show(ours.box_scales))
    yield _row("Huber delta", theirs.huber_delta, ours.huber_delta)
    yield _row("loss weights, classes / boxes", show(theirs.loss_weights), show(ours.loss_weights))
    yield _row("l2", theirs.l2, ours.l2)
    yield _row("decay of batch norm", theirs.norm_decay or "none", ours.norm_decay or "none")
    yield _row("score threshold", theirs.score_threshold, ours.score_threshold)
    yield _row(
        "suppression", _suppression(theirs.nms_iou, theirs.soft_sigma), _suppression(ours.nms_iou, ours.soft_sigma)
    )
    yield _row("detections per class / in all", show(theirs.max_detections), show(ours.max_detections))


def _row(name: str, theirs: str | int | float, ours: str | int | float) -> Row:
    if isinstance(theirs, str) or isinstance(ours, str):
        factor: str | float = "" if theirs == ours else "differs"
    elif theirs:
        factor = Factor(_short(ours / theirs))
    else:
        factor = Factor(1.0) if theirs == ours else "differs"
    return name, theirs, ours, factor


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def _suppression(overlap: float, sigma: float) -> str:
    return f"soft, sigma {sigma:g}" if sigma > 0 else f"hard, IoU {overlap:g}"


def verdict(comparison: Comparison, findings: Sequence[Finding]) -> str:
    """The outcome in words: no AP is predicted.

    Args:
      comparison: what was looked at.
      findings: worst first.
    """
    recipe = comparison.recipe
    costly = [finding.title for finding in findings if finding.severity >= Severity.WARNING]
    if comparison.reproduces:
        if costly:
            return f"Will not reach the published {recipe.precision} ({recipe.name}): {_listing(costly)}."
        return f"The published recipe of {recipe.name}, {recipe.precision}."
    if errors := [finding.title for finding in findings if finding.severity == Severity.ERROR]:
        return f"Will fail, or measure nothing: {_listing(errors)}."
    if costly:
        return f"Falls short of what this data would give: {_listing(costly)}."
    return "Nothing in the recipe speaks against it."


def _listing(titles: Sequence[str]) -> str:
    named = list(islice(titles, _NAMED))
    more = f"; and {len(titles) - len(named)} more" if len(titles) > len(named) else ""
    return "; ".join(named) + more
