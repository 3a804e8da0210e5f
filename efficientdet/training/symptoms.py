# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""By which figures a training that goes wrong is told from one that goes well, and what to do about it.

Each function says one thing, or nothing. Thresholds leave room for any healthy run: a line that comes for nothing is
worse than one that comes late.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from efficientdet.training.look import Look, Units

# A step changes a healthy network by 1e-4 to 1e-2 of its weights' norm, and in proportion less where the rate is low;
# float32 holds no change below 6e-8.
_LEAST_UPDATE = 1e-6
_LOW_UPDATE, _HIGH_UPDATE = 1e-5, 1e-2  # not sick by themselves, but a cause to name where nothing is learnt
_GREATEST_UPDATE = 0.1  # ten steps make another network of it
JUDGED_RATE = 0.1  # of the schedule's highest: at the ends of schedules, weights may stand still
# Half of a layer's channels silent are a capacity that is paid for and not there; networks trained well have a few per
# cent of them.
_DEAD_SHARE = 0.5
_POSITIONS = 256  # that a channel was seen at, at least: at the coarsest levels it may be silent by chance
# Of the loss in the second epoch: what learns at all loses more than noise does. One of its parts may be as low as it
# gets from the start, and still goes up and down by more than a hundredth.
_FLAT, _FLAT_PART = 0.97, 0.99
_SURE = 2.0  # standard errors
_ROSE = 10.0  # times its lowest: batches differ by less, and so does the bump at the end of a warm-up
_EXPLODED = 100.0  # times the usual norm of gradients
_DIVERGED = 1.25  # times the lowest loss of validation
_SHARED = 0.01  # of the evaluation's records: what a few doubles leave of a metric is right to two places
_STARVED = 0.25  # of the time: a quarter of the machine stands idle
_LEAST_WAIT = 0.01  # seconds of a step: less is the handing over of batches


class Symptom(NamedTuple):
    """Something that does not look right."""

    name: str
    figure: float  # how bad it is: the higher, the worse
    text: str  # what is seen, with its figures, and what to do


class Mean(NamedTuple):
    """The mean of some steps' losses."""

    value: float
    error: float = 0.0  # its standard error, as if steps were drawn independently: rather too much than too little


class EpochLosses(NamedTuple):
    """What an epoch's steps lost on average."""

    both: Mean
    boxes: Mean
    classes: Mean


class EvaluationPoint(NamedTuple):
    """An evaluation, and the training before it."""

    step: int
    validation_loss: float  # of boxes and classes
    training_loss: float  # likewise, the mean over the steps since the evaluation before
    metric: float | None  # the first one
    metric_name: str


def weights_not_moving(look: Look, peak_rate: float) -> Symptom | None:
    """Updates that change nothing: of all weights, or of a block."""
    if look.update_ratio is None or look.learning_rate < JUDGED_RATE * peak_rate:
        return None
    if look.update_ratio < _LEAST_UPDATE:
        return Symptom(
            "weights_not_moving",
            _LEAST_UPDATE / max(look.update_ratio, 1e-12),
            f"the weights hardly move: a step changes them by {look.update_ratio:.1e} of their size, at a learning "
            f"rate of {look.learning_rate:g} (1e-4 to 1e-2 is usual). Raise it; look at learning_rate_multipliers "
            "and at gradient clipping, which make updates small too",
        )
    still = [block for block, ratio in look.block_update_ratios.items() if ratio == 0]
    if not still:
        return None
    return Symptom(
        "weights_not_moving",
        len(still),
        f"the weights of {_listed(still)} do not move at all, though they are not frozen: their gradients have norm "
        f"{max(look.gradient_norms[block] for block in still):.1e}. Look at learning_rate_multipliers; where there are "
        "no gradients, at what lies between the weights and the loss",
    )


def updates_too_large(look: Look) -> Symptom | None:
    """Updates that replace the network instead of training it."""
    if look.update_ratio is None or look.update_ratio <= _GREATEST_UPDATE:
        return None
    return Symptom(
        "updates_too_large",
        look.update_ratio,
        f"a step changes the weights by {look.update_ratio:.2g} of their size, at a learning rate of "
        f"{look.learning_rate:g} (1e-4 to 1e-2 is usual). Lower the learning rate; efficientdet lr-find finds one",
    )


def units_dying(units: Mapping[str, Units]) -> Symptom | None:
    """Channels that are silent, or saturated, wherever one looks."""
    seen = {place: found for place, found in units.items() if found.least_positions >= _POSITIONS}
    if not seen:
        return None
    place, worst = max(seen.items(), key=lambda item: item[1].dead_share)
    if worst.dead_share < _DEAD_SHARE:
        return None
    others = sum(found.dead_share >= _DEAD_SHARE for found in seen.values()) - 1
    return Symptom(
        "units_dying",
        worst.dead_share,
        f"{worst.dead_share:.0%} of the {worst.number} units of {place} never fire"
        f"{f', and as many in {others} other places' if others else ''}: no picture of the batch moves them, and no "
        "gradient goes through them. Lower the learning rate, or lengthen the warm-up; look at what the weights start "
        "from",
    )


def loss_flat(epochs: Sequence[EpochLosses], update_ratio: float | None, remarks: Sequence[str] = ()) -> Symptom | None:
    """No progress since the second epoch, of the loss or of one of its two parts.

    The more epochs there are, the more of them are taken together, a quarter at most: noise that hides whether a few
    make progress keeps this silent until then.

    Args:
      epochs: of steps that should make progress: the warm-up is over, and the rate not yet next to nothing.
      update_ratio: of the latest look.
      remarks: what is unusual about what is trained.
    """
    taken = (len(epochs) - 1) // 4  # together
    if not taken:
        return None
    both, boxes, classes = zip(*epochs, strict=True)
    curves = (
        ("the loss", both, _FLAT),
        ("the loss of the boxes", boxes, _FLAT_PART),
        ("the loss of the classes", classes, _FLAT_PART),
    )
    advice = "; ".join([*remarks, _advice_for_progress(update_ratio)])
    for what, curve, threshold in curves:
        first, *later = (_mean(curve[at : at + taken]) for at in range(1, len(curve) - taken + 1, taken))
        best = min(later)
        if best.value - threshold * first.value > _SURE * math.hypot(first.error, best.error):
            return Symptom(
                "loss_flat",
                best.value / first.value,
                f"{what} is flat since the second epoch: {first.value:.4g} then, {best.value:.4g} at best in the "
                f"{len(curve) - 1 - taken} epochs after it. {advice[0].upper()}{advice[1:]}",
            )
    return None


def _mean(epochs: Sequence[Mean]) -> Mean:
    values, errors = zip(*epochs, strict=True)
    return Mean(sum(values) / len(epochs), math.hypot(*errors) / len(epochs))


def _advice_for_progress(update_ratio: float | None) -> str:
    if update_ratio is None or _LOW_UPDATE <= update_ratio <= _HIGH_UPDATE:
        return "try another learning rate (efficientdet lr-find), and look at the data (efficientdet doctor)"
    remedy = "little: raise the learning rate" if update_ratio < _LOW_UPDATE else "much: lower the learning rate"
    return f"a step changes the weights by {update_ratio:.1g} of their size, which is {remedy}"


def loss_rising(recent: float, lowest: float) -> Symptom | None:
    """A loss on its way to infinity.

    Args:
      recent: the median of the last steps' total losses.
      lowest: such a median at its lowest.
    """
    if lowest <= 0 or recent <= _ROSE * lowest:
        return None
    return Symptom(
        "loss_rising",
        recent / lowest,
        f"the loss is {recent:.4g}, {recent / lowest:.0f} times as much as it was ({lowest:.4g}), and may not stay "
        "finite. Lower the learning rate, lengthen the warm-up, or set gradient_clipping_by_norm",
    )


def gradients_exploding(recent: float, usual: float) -> Symptom | None:
    """Gradients far above what they were.

    Args:
      recent: the median of the last steps' norms of all gradients.
      usual: the median of many steps before.
    """
    if usual <= 0 or recent <= _EXPLODED * usual:
        return None
    return Symptom(
        "gradients_exploding",
        recent / usual,
        f"the norm of the gradients is {recent:.3g}, {recent / usual:.0f} times the usual {usual:.3g}. Lower the "
        "learning rate, or set gradient_clipping_by_norm",
    )


def validation_diverging(points: Sequence[EvaluationPoint]) -> Symptom | None:
    """A loss of validation that rises for three evaluations, without a better metric, while that of training falls."""
    if len(points) < 4:
        return None
    *before, _, _, latest = points
    lowest = min(before, key=lambda point: point.validation_loss)
    last = points[-3:]
    rose = all(point.validation_loss > _DIVERGED * lowest.validation_loss for point in last)
    best = max((point.metric for point in before if point.metric is not None), default=None)
    is_better = best is not None and any(point.metric is not None and point.metric > best for point in last)
    if not rose or is_better or latest.training_loss >= lowest.training_loss:
        return None
    return Symptom(
        "validation_diverging",
        latest.validation_loss / lowest.validation_loss,
        f"validation gets worse while training goes on: its loss is {latest.validation_loss:.4g}, and was "
        f"{lowest.validation_loss:.4g} at step {lowest.step}, when training's was {lowest.training_loss:.4g} (now "
        f"{latest.training_loss:.4g}). The network learns its pictures by heart: use the checkpoint of the best "
        "evaluation, train less (early_stopping), augment more, or add pictures",
    )


def evaluation_data_seen(shared: int, records: int, point: EvaluationPoint) -> Symptom | None:
    """Evaluation on pictures that training has seen.

    Args:
      shared: records of the evaluation that are training records too.
      records: all records of the evaluation.
      point: the latest evaluation.
    """
    if shared <= _SHARED * records:
        return None
    metric = "" if point.metric is None else f", {point.metric_name} {point.metric:.3f},"
    relation = "no higher than" if point.validation_loss <= point.training_loss else "beside"
    return Symptom(
        "evaluation_data_seen",
        shared / records,
        f"{shared} of the {records} evaluation records are training records as well, byte for byte: a validation loss "
        f"of {point.validation_loss:.4g}{metric} {relation} {point.training_loss:.4g} in training, says nothing about "
        "new pictures. Evaluate on pictures that are not trained on (efficientdet import splits a data set)",
    )


def input_starving(waited: float, seconds: float, steps: int, first_step: int) -> Symptom | None:
    """Steps that wait for their pictures.

    Args:
      waited: seconds of waiting in some steps.
      seconds: that they took, the waiting included.
      steps: how many they were.
      first_step: of them.
    """
    share = waited / seconds if seconds else 0.0
    if share <= _STARVED or waited <= _LEAST_WAIT * steps:
        return None
    return Symptom(
        "input_starving",
        share,
        f"{share:.0%} of the time since step {first_step} went by waiting for pictures ({waited / steps:.2g} s of a "
        f"step's {seconds / steps:.2g} s). More processor cores, smaller picture files (near the network's input in "
        "size), lighter augmentation or efficientdet data-service help; so do records on a local disk",
    )


def _listed(names: Sequence[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} others" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
