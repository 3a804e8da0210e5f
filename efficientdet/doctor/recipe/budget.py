# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How long is trained: images, epochs, the end of the schedule, evaluations on the way."""

from __future__ import annotations

import math
from collections.abc import Iterator

from efficientdet.doctor import cost
from efficientdet.doctor.cost import price, severity
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.quantities import percent
from efficientdet.doctor.recipe.comparison import Comparison

_ENOUGH = 0.8  # of the published images
_FEW_EPOCHS = 5
_MANY_EPOCHS = 1_000
_MANY_IMAGES = 500_000  # of a large data set a few epochs go far
_FEW_IMAGES = 2_000  # processed, where the size of the data set is not known
_USUAL_EPOCHS = 50  # google/automl's fine-tuning on Pascal VOC (README)
_SLACK = 1.1  # of the schedule's length


def check_budget(comparison: Comparison) -> Iterator[Finding]:
    """Yields what is to be said of the length of a training."""
    if not comparison.training.num_steps:
        return
    yield from _images(comparison) if comparison.reproduces else _epochs(comparison)
    yield from _schedule_end(comparison)
    yield from _input_end(comparison)
    yield from _evaluations(comparison)


def _images(comparison: Comparison) -> Iterator[Finding]:
    recipe, batch = comparison.recipe, comparison.training.batch_size
    share = comparison.images_processed / recipe.images
    if share >= _ENOUGH:
        return
    steps = math.ceil(recipe.images / batch)
    epochs = share * recipe.epochs
    yield comparison.finding(
        "images-processed",
        severity(share),
        f"{percent(share)} of the published images are processed",
        path="train_config.num_steps",
        why=f"{_millions(comparison.images_processed)} images ({comparison.training.num_steps:,} steps of {batch}: "
        f"{epochs:.3g} epochs of {recipe.data.name}) instead of {_millions(recipe.images)} ({recipe.epochs:.0f} "
        "epochs). Steps are published for a batch: a smaller one needs as many more. Of D0 on COCO, 1.4 M images gave "
        "AP 3 (zylo117/Yet-Another-EfficientDet-Pytorch#217), 14 M 32.2 and 25 M 33.6 "
        "(rwightman/efficientdet-pytorch#73).",
        remedy=f"train_config {{ num_steps: {steps} }}, the schedule's total_steps as well; or a larger batch_size",
        cost=price(cost.DATA, share),
    )


def _millions(images: int) -> str:
    return f"{images / 1e6:.3g} M" if images >= 1e5 else f"{images:,}"


def _epochs(comparison: Comparison) -> Iterator[Finding]:
    """Of own data, what counts is how often each image is seen."""
    processed, counted = comparison.images_processed, comparison.train_images
    if counted is None:
        if processed < _FEW_IMAGES:
            title = f"{processed:,} images are processed"
            yield _too_short(comparison, title, _FEW_IMAGES / max(processed, 1), _FEW_IMAGES)
        return
    epochs = processed / max(counted.number, 1)
    about = "" if counted.is_exact else "about "
    title = f"{about}{epochs:.3g} {'epoch' if round(epochs, 2) == 1 else 'epochs'} of {counted.number:,} images"
    if epochs < _FEW_EPOCHS and processed < _MANY_IMAGES:
        yield _too_short(comparison, title, _USUAL_EPOCHS / max(epochs, 1e-3), _USUAL_EPOCHS * counted.number)
    if epochs > _MANY_EPOCHS:
        yield comparison.finding(
            "epochs-many",
            Severity.NOTE,
            title,
            path="train_config.num_steps",
            why="Each image is seen so often that it is learnt by heart, unless augmentation makes it another one.",
            remedy=f"train_config {{ num_steps: {_steps(comparison, _USUAL_EPOCHS * counted.number)} }} may do",
        )


def _too_short(comparison: Comparison, title: str, factor: float, images: int) -> Finding:
    return comparison.finding(
        "epochs",
        Severity.WARNING,
        title,
        path="train_config.num_steps",
        why="The heads start from random values and have hardly moved by then: scores stay low, AP near 0. Fine-tuning "
        f"usually takes some {_USUAL_EPOCHS} epochs.",
        remedy=f"train_config {{ num_steps: {_steps(comparison, images)} }}, the schedule's total_steps as well",
        cost=price(cost.DATA, factor),
    )


def _steps(comparison: Comparison, images: int) -> int:
    return math.ceil(images / comparison.training.batch_size)


def _schedule_end(comparison: Comparison) -> Iterator[Finding]:
    """A rate that is to reach its end elsewhere than training does."""
    rate, steps = comparison.training.rate, comparison.training.num_steps
    theirs = comparison.recipe.training
    usual = theirs.rate.decay_steps / theirs.num_steps if comparison.reproduces and theirs.rate.decay_steps else 1.0
    ratio = rate.decay_steps / steps
    if not ratio or any(1 / _SLACK <= ratio / fine <= _SLACK for fine in (1.0, usual)):
        return
    path = f"{comparison.optimizer_path}.learning_rate.{rate.kind}_learning_rate.total_steps"
    wanted = round(usual * steps)
    if rate.decay_steps > steps:
        left = 0.5 * (1 + math.cos(math.pi * steps / rate.decay_steps))
        title = f"the rate is still {percent(left)} of its peak when training ends"
        why = (
            f"It decays over {rate.decay_steps:,} steps, and training has {steps:,}. Most of the precision comes late, "
        )
        why += "while the rate falls."
        dear = cost.HEAVY * left
    else:
        title = f"the rate is 0 for the last {steps - rate.decay_steps:,} of {steps:,} steps"
        why = "Nothing is learnt after the schedule's end."
        dear = price(cost.SETTING, rate.decay_steps / steps)
    remedy = f"total_steps: {wanted}"
    yield comparison.finding("schedule-length", Severity.WARNING, title, path=path, why=why, remedy=remedy, cost=dear)


def _input_end(comparison: Comparison) -> Iterator[Finding]:
    """`num_epochs` of the training's reader ends the run, whatever num_steps says."""
    epochs, counted = comparison.proto.train_input_reader.num_epochs, comparison.train_images
    if not epochs or counted is None:
        return
    steps = epochs * counted.number // comparison.training.batch_size
    if steps < _ENOUGH * comparison.training.num_steps:
        yield comparison.finding(
            "input-ends",
            Severity.WARNING,
            f"the data ends after {steps:,} of {comparison.training.num_steps:,} steps",
            path="train_input_reader.num_epochs",
            why=f"{counted.number:,} images are read {epochs} times, and no more; the rate has not decayed by then.",
            remedy="train_input_reader { num_epochs: 0 }",
            cost=price(cost.DATA, max(steps, 1) / comparison.training.num_steps),
        )


def _evaluations(comparison: Comparison) -> Iterator[Finding]:
    proto, steps = comparison.proto, comparison.training.num_steps
    if not proto.eval_input_reader:
        yield comparison.finding(
            "never-evaluated",
            Severity.NOTE,
            "nothing is evaluated: there is no eval_input_reader",
            path="eval_input_reader",
            why="A training that goes wrong shows in the evaluation first.",
            remedy="eval_input_reader { label_map_path: ... tf_record_input_reader { input_path: ... } }",
        )
        return
    interval = proto.eval_config.interval_steps or proto.train_config.checkpoint_interval_steps
    if interval > steps:
        yield comparison.finding(
            "evaluated-once",
            Severity.NOTE,
            f"only the last step is evaluated: every {interval:,} steps of {steps:,}",
            path="eval_config.interval_steps"
            if proto.eval_config.interval_steps
            else "train_config.checkpoint_interval_steps",
            why="A training that goes wrong shows at its end only.",
            remedy=f"eval_config {{ interval_steps: {max(steps // 5, 1)} }}",
        )
