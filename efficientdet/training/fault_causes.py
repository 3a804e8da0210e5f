# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Why a step may have failed: what is odd about its batch, its learning rate and the losses before it, in words."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from efficientdet.types import Batch

_LISTED = 3  # pictures by name
_SMALL_SIDE = 1.0  # pixels of the network's input; the code of a smaller box is a large negative logarithm
_OUTSIDE = 1e-3  # of the picture's side, beyond which a box is outside and not just rounded
_LATEST = 5  # losses that are compared with those before them
_GROWTH = 2.0  # times, from which losses are said to have grown
_AFTER_PEAK = 100  # steps
_SAMPLES = 64  # steps at which the rate is looked at


class Circumstances(NamedTuple):
    """What is known of a step besides its batch."""

    step: int  # from 1
    rate: Callable[[int], float]  # the learning rate of the update that follows a step
    recent_losses: Sequence[float]  # of the steps before it, oldest first
    is_float16: bool = False  # whether activations are computed so


def likely_causes(batch: Batch | None, circumstances: Circumstances) -> list[str]:
    """Says what may have made a step fail, the likeliest first.

    Args:
      batch: of the step, arrays or eager tensors; None where it could not be had.
      circumstances: of the step.
    """
    causes = [] if batch is None else [*_pixels(batch), *_boxes(batch)]
    causes += [*_overflow(circumstances), *_growth(circumstances), *_rate(circumstances)]
    return causes or ["nothing is odd about the batch, and the losses before it were as usual"]


def _pixels(batch: Batch) -> Iterator[str]:
    finite = np.isfinite(np.asarray(batch.inputs)).all(axis=(1, 2, 3))
    if not finite.all():
        yield f"pixels that are no numbers, in {_pictures(batch, ~finite)}"


def _boxes(batch: Batch) -> Iterator[str]:
    """Boxes that train, and should not."""
    truth, size = batch.ground_truth, np.asarray(batch.inputs.shape[1:3])
    boxes = np.asarray(truth.boxes, np.float64)
    counts = (np.arange(boxes.shape[1]) < np.asarray(truth.count)[:, None]) & (np.asarray(truth.weights) > 0)
    finite = np.isfinite(boxes).all(axis=2)
    sides = (boxes[..., 2:] - boxes[..., :2]) * size
    outside = (boxes < -_OUTSIDE) | (boxes > 1 + _OUTSIDE)
    codes = np.isfinite(np.asarray(batch.targets.box_codes)).all(axis=2) | (np.asarray(batch.targets.box_weights) <= 0)
    faults = {
        "a box whose coordinates are no numbers": (counts & ~finite).any(axis=1),
        "a box without extent": (counts & finite & (sides <= 0).any(axis=2)).any(axis=1),
        "a box that lies outside its picture": (counts & finite & outside.any(axis=2)).any(axis=1),
        "anchors whose target is no number": (~codes).any(axis=1),
        f"a box less than {_SMALL_SIDE:g} pixel wide or high": (
            counts & finite & (sides > 0).all(axis=2) & (sides < _SMALL_SIDE).any(axis=2)
        ).any(axis=1),
    }
    for what, rows in faults.items():
        if rows.any():
            yield f"{what}, in {_pictures(batch, rows)}"


def _overflow(circumstances: Circumstances) -> Iterator[str]:
    if circumstances.is_float16:
        yield "an activation beyond 65,504, where float16 ends: precision BFLOAT16 has the range of FLOAT32"


def _growth(circumstances: Circumstances) -> Iterator[str]:
    losses = list(circumstances.recent_losses)
    before, latest = losses[:-_LATEST], losses[-_LATEST:]
    if len(before) < _LATEST:
        return
    usual, now = statistics.median(before), statistics.median(latest)
    if now > _GROWTH * usual:
        yield (
            f"the loss was growing before: {now:.3g} in the last {_LATEST} steps, {usual:.3g} before them. That is the "
            "learning rate rather than this batch"
        )


def _rate(circumstances: Circumstances) -> Iterator[str]:
    """The rate at the end of a warm-up, and at the very first steps without one."""
    last = max(circumstances.step - 1, 0)
    steps = sorted({round(share * last / (_SAMPLES - 1)) for share in range(_SAMPLES)})
    rates = [circumstances.rate(step) for step in steps]
    peak = max(rates)
    reached = steps[rates.index(peak)]
    if rates[0] < peak and last - reached <= _AFTER_PEAK:
        yield (
            f"the learning rate had just risen to {peak:.3g}, from {rates[0]:.3g} at the first step: it is too high, "
            "or the warm-up too short"
        )
    elif rates[0] >= peak and last <= _AFTER_PEAK:
        yield f"the learning rate is {rates[-1]:.3g} from the first steps on, without a warm-up"


def _pictures(batch: Batch, rows: np.ndarray) -> str:
    names = [source_id.decode("utf-8", "replace") for source_id in np.asarray(batch.source_ids)[rows]]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
