# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What it means that a few images could be learnt by heart, or could not. No TensorFlow, nothing is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from efficientdet.doctor import cost
from efficientdet.doctor.findings import Case, Finding, Severity
from efficientdet.doctor.overfit.outcomes import FOUND, MISPLACED, MISSED, UNANNOTATED, WRONG_CLASS
from efficientdet.doctor.quantities import duration

LABELS = "overfit-labels"
BOXES = "overfit-boxes"
LOSS_STUCK = "overfit-loss-stuck"
DIVERGED = "overfit-diverged"
CEILING = "overfit-ceiling"
SLOW = "overfit-slow"
NO_TRANSFER = "overfit-no-transfer"

Outcome = Literal["learnt", "diverged", "stuck", "slow", "labels", "boxes"]

_STUCK_SHARE = 0.7  # of the first loss: one that stays above has not fallen
_STILL_FALLING = 0.15  # of the loss, lost over the last quarter of the steps
_STILL_RISING = 0.03  # of AP50, gained over the last quarter of the steps
# AP50 on other images, all classes taken for one, below which next to nothing is found. On BCCD sound boxes gave .44,
# those of the next image .02, and x and y exchanged in half of the images .06 (one run each).
_NO_TRANSFER = 0.1
_HOPELESS_CEILING = 0.5  # AP50 that no network can pass


class Course(NamedTuple):
    """How the learning went.

    Attributes:
      rate: of learning.
      losses: of each step; infinite from where they were not finite any more.
      scores: (step, AP50), ascending.
      seconds: in all.
      max_steps: that were allowed.
    """

    rate: float
    losses: tuple[float, ...]
    scores: tuple[tuple[int, float], ...]
    seconds: float
    max_steps: int

    @property
    def first_loss(self) -> float:
        """The mean of the first steps."""
        return _mean(self.losses[:5])

    @property
    def last_loss(self) -> float:
        """The mean of the last steps."""
        return _mean(self.losses[-5:])

    @property
    def last_score(self) -> float:
        """AP50 at the end; 0 where it was never measured."""
        return self.scores[-1][1] if self.scores else 0.0


def outcome_of(course: Course, target: float, boxes: Mapping[str, int]) -> Outcome:
    """What the learning came to.

    Args:
      course: of the learning.
      target: AP50 to be reached.
      boxes: how many came out how, see `outcomes`.
    """
    if course.last_score >= target:
        return "learnt"
    if not math.isfinite(course.last_loss):
        return "diverged"
    if course.last_loss > _STUCK_SHARE * course.first_loss:
        return "stuck"
    if len(course.losses) >= course.max_steps and _is_improving(course):
        return "slow"
    others = boxes[MISPLACED] + boxes[MISSED] + boxes[UNANNOTATED]
    return "labels" if boxes[WRONG_CLASS] > others else "boxes"


def _is_improving(course: Course) -> bool:
    quarter = max(len(course.losses) // 4, 1)
    before = _mean(course.losses[-quarter - 5 : -quarter])
    falls = course.last_loss < (1 - _STILL_FALLING) * before
    earlier = [score for step, score in course.scores if step <= len(course.losses) - quarter]
    return falls and bool(earlier) and course.last_score > earlier[-1] + _STILL_RISING


def ceiling_finding(ceiling: float, target: float) -> Finding | None:
    """That even a perfect network would not reach the target, where it is so.

    Args:
      ceiling: AP50 of a network that says exactly what it is told.
      target: AP50 to be reached.
    """
    if ceiling >= target:
        return None
    return Finding(
        "overfit",
        CEILING,
        Severity.ERROR if ceiling < _HOPELESS_CEILING else Severity.WARNING,
        f"a perfect network would reach AP50 {ceiling:.2f} on these images",
        "Its targets were put through the config's own post-processing, and boxes were lost: two share all their "
        "anchors, suppression takes neighbours of one class for one, or more are there than may be detected.",
        "Look for boxes annotated twice. Compare iou_threshold, max_detections_per_class and max_total_detections of "
        "post_processing { batch_non_max_suppression } and the anchors with the sizes and numbers of the boxes.",
        cost=cost.LIGHT,
    )


def transfer_finding(others: float, num_others: int) -> Finding | None:
    """That what was learnt by heart finds nothing elsewhere, where it is so.

    Wrong boxes that contradict nothing can be learnt by heart too; but they help in no other image. Nor do right ones
    where images have little in common, so that this is no more than a note.

    Args:
      others: AP50 on other images, all classes taken for one; -1 where they have no box.
      num_others: how many they are.
    """
    if not 0 <= others < _NO_TRANSFER:
        return None
    return Finding(
        "overfit",
        NO_TRANSFER,
        Severity.NOTE,
        f"what was learnt finds nothing in {num_others} other images: AP50 {others:.2f}, whatever the class",
        "Boxes that are wrong in a consistent way can be learnt by heart, and then help nowhere else. So it is, too, "
        "where images have little in common, or where the start weights know nothing yet.",
        "Look at the boxes of some images: x and y exchanged, boxes of another image, another size.",
    )


_FAILURES: dict[str, tuple[str, str, str, str]] = {
    "diverged": (
        DIVERGED,
        "the loss is not finite any more after {steps} steps at a rate of {rate:g}",
        "Optimisation fails before the data can tell anything: this rate is low, so that weights, losses or "
        "boxes hold numbers out of all proportion.",
        "Check fine_tune_checkpoint and its type, normalization, loss weights, and the box_coder's scales; look "
        "for boxes with hardly any area.",
    ),
    "stuck": (
        LOSS_STUCK,
        "the loss does not fall: {first:.3g} to {last:.3g} in {steps} steps",
        "Optimisation fails, whatever the boxes say: even wrong ones can be learnt by heart in part.",
        "Check fine_tune_checkpoint and its type, normalization (of the weights' own lineage), loss weights, and "
        "what freeze_batchnorm freezes.",
    ),
    "slow": (
        SLOW,
        "{reached}, but still rising",
        "Learning goes on: {losses}.",
        "Let it take more steps before judging the data; a training from these weights needs patience too.",
    ),
    "labels": (
        LABELS,
        "labels contradict each other: {wrong} of {total} boxes get another class; {reached}",
        "Optimisation works, {losses}, and the boxes are found, but not their classes: alike objects have "
        "different ones.",
        "Look at the classes of the images below: shuffled or shifted ids, a label map in another order, the "
        "same image annotated twice, two boxes of different classes on one object.",
    ),
    "boxes": (
        BOXES,
        "boxes cannot be learnt: {misplaced} of {total} are found in another place, {missed} not at "
        "all, and {unannotated} where no box is; {reached}",
        "Optimisation works, {losses}, but the images do not tell where these boxes are.",
        "Look at the boxes of the images below: x and y exchanged, another size than that of the image, boxes "
        "of another image; objects without a box; objects too small for the input or for any anchor.",
    ),
}  # fmt: skip
"""Code, title, why and remedy of each outcome that is a failure, to be filled in."""


def failure_finding(
    outcome: Outcome, course: Course, target: float, boxes: Mapping[str, int], cases: tuple[Case, ...]
) -> Finding | None:
    """What kept the images from being learnt; None where they were.

    Args:
      outcome: see `outcome_of`.
      course: of the learning.
      target: AP50 to be reached.
      boxes: how many came out how.
      cases: the images, worst first.
    """
    if outcome == "learnt":
        return None
    steps = len(course.losses)
    code, *texts = _FAILURES[outcome]
    title, why, remedy = (
        text.format(
            steps=steps,
            rate=course.rate,
            first=course.first_loss,
            last=course.last_loss,
            losses=f"the loss went from {course.first_loss:.3g} to {course.last_loss:.3g}",
            reached=f"AP50 is {course.last_score:.2f} after {steps} steps, not {target:.2f}",
            total=sum(boxes[kind] for kind in (FOUND, WRONG_CLASS, MISPLACED, MISSED)),
            wrong=boxes[WRONG_CLASS],
            misplaced=boxes[MISPLACED],
            missed=boxes[MISSED],
            unannotated=boxes[UNANNOTATED],
        )
        for text in texts
    )
    severity, dear = (Severity.WARNING, cost.LIGHT) if outcome == "slow" else (Severity.ERROR, cost.USELESS)
    return Finding("overfit", code, severity, title, why, remedy, max(len(cases), 1), cases, cost=dear)


def verdict_of(outcome: Outcome, course: Course, num_images: int, num_records: int) -> str:
    """The outcome in a sentence."""
    steps = len(course.losses)
    which = f"{num_images} of {num_records:,} training images"
    took = f"{steps} steps, {duration(course.seconds)}"
    if outcome == "learnt":
        return f"{which} were learnt by heart: AP50 {course.last_score:.2f} on the same images after {took}."
    cannot = f"{which} cannot be learnt by heart (AP50 {course.last_score:.2f} after {took})"
    return {
        "diverged": f"Optimisation fails: the loss is not finite on {which} ({took}).",
        "stuck": f"Optimisation fails: the loss does not fall on {which} ({took}).",
        "slow": f"{which} were not learnt by heart within {took}, but AP50 ({course.last_score:.2f}) still rises.",
        "labels": f"{cannot}: their labels are suspect.",
        "boxes": f"{cannot}: their boxes are suspect.",
    }[outcome]


def case_of(source_id: str, outcomes: list[str]) -> Case:
    """A image and what became of its boxes.

    Args:
      source_id: its name.
      outcomes: of each box, see `outcomes.outcomes_of`.
    """
    counts = [(kind, outcomes.count(kind)) for kind in (WRONG_CLASS, MISPLACED, MISSED, FOUND)]
    detail = ", ".join(f"{count} {kind}" for kind, count in counts if count)
    return Case(f"image {source_id!r}", f"{len([o for o in outcomes if o])} boxes: {detail or 'none counts'}")


def _mean(values: tuple[float, ...]) -> float:
    return sum(values) / len(values) if values else math.inf
