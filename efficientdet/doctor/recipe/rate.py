# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How fast is learnt: the rate for the batch, its warm-up, its clipping."""

from __future__ import annotations

import math
from collections.abc import Iterator

from efficientdet.doctor import cost
from efficientdet.doctor.cost import price
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.quantities import times
from efficientdet.doctor.recipe.comparison import Comparison
from efficientdet.protos import optimizer_pb2

SAFE_WITH_CLIPPING = 0.01
"""Rate over batch size, by momentum, that has trained with gradients clipped to a norm of 10.

.08 at batch 8 trained and .08 at batch 4 gave NaN (google/automl#437, a D2); ours: .04 at batch 4, .05 at batch 8
(Lite0, pipelines/).
"""
SAFE_WITHOUT_CLIPPING = 0.0025
"""The same without clipping.

NaN: .08 at batch 1 and 4 (tensorflow/models#9151), .08 at batch 2 (tensorflow/models#10530). .01 at batch 2, .005 an
image, stayed finite, and ended at AP 14 instead of 45 (#10530). Half of that is left as a margin; even the linear
rule's .0025 at batch 4 was reported to converge only after a division by ten (#9151).
"""
_REPORTED_NAN = 0.02  # the lowest of the reports above, with clipping and without
_ROUNDING = 1.001
_FACTOR = 2.0  # from the linear rule, that is still the published recipe
_LOW_FROM_BACKBONE = 10.0
_LOW_FROM_DETECTOR = 100.0  # google/automl#272 advises a quarter or an eighth
# Rates of Adam do not grow with the batch: .001 trains (pipelines/, zylo117/Yet-Another-EfficientDet-Pytorch#656), 1e-5
# was too low for new heads there, and 10 times .001 is out of what is reported.
_ADAM_RANGE = (5e-5, 0.005)
_ADAM_RANGE_FROM_DETECTOR = (5e-6, 0.005)
_LONG_WARMUP = {"reproduce": 0.2, "fine_tune": 0.5}  # share of the run
_LARGE_BATCH = 512
_WARMUP_OF_LARGE_BATCH = 0.05  # share of the run; NVIDIA's has .083 at batch 832


def check_rate(comparison: Comparison) -> Iterator[Finding]:
    """Yields what is to be said of optimizer and learning rate."""
    training = comparison.training
    if not training.optimizer or not training.rate.kind:
        return
    if training.optimizer == "momentum":
        yield from _linear_rule(comparison)
    elif training.optimizer in ("adam", "adamw"):
        yield from _adam(comparison)
    yield from _vanishing(comparison)
    yield from _warmup(comparison)
    yield from _clipping(comparison)
    if comparison.reproduces and training.optimizer != comparison.recipe.training.optimizer:
        yield comparison.finding(
            "optimizer",
            Severity.WARNING,
            f"optimizer {training.optimizer}, published with {comparison.recipe.training.optimizer}",
            path=comparison.optimizer_path,
            why="The published rate, its schedule and the regularization belong to the published optimizer.",
            remedy="train_config { optimizer { momentum_optimizer { ... } } }",
            cost=cost.LIGHT,
        )


def linear_factor(comparison: Comparison) -> float:
    """The rate over that which the linear rule gives for the batch size."""
    return comparison.training.rate.peak / comparison.training.batch_size / comparison.recipe.rate_per_image


def _linear_rule(comparison: Comparison) -> Iterator[Finding]:
    training, recipe = comparison.training, comparison.recipe
    factor, rate = linear_factor(comparison), training.rate.peak
    wanted = float(f"{recipe.rate_per_image * training.batch_size:.3g}")
    rule = f"{recipe.name} has {recipe.training.rate.peak:g} at batch {recipe.training.batch_size}: {wanted:g} at "
    rule += f"batch {training.batch_size}."
    title = f"rate {rate:g} at batch {training.batch_size} is {times(factor)} the linear rule"
    safe = SAFE_WITH_CLIPPING if training.clip_norm else SAFE_WITHOUT_CLIPPING
    is_unsafe = rate / training.batch_size > safe * _ROUNDING
    if factor > _FACTOR * _ROUNDING and (comparison.reproduces or is_unsafe):
        known = "with" if training.clip_norm else "without"
        yield comparison.finding(
            "rate-high",
            Severity.WARNING,
            title,
            path=comparison.rate_path,
            why=f"{rule} {known.capitalize()} clipping, rates up to {safe:g} an image of the batch are known to train "
            f"(here {rate / training.batch_size:.2g}), and NaN is reported from {_REPORTED_NAN:g} on.",
            remedy=f"learning_rate_base: {wanted:g}"
            + ("" if training.clip_norm else ", or clip: gradient_clipping_by_norm: 10"),
            cost=price(cost.RATE, factor),
        )
        return
    least = _FACTOR
    if not comparison.reproduces:
        least = _LOW_FROM_DETECTOR if comparison.starts_from_detector else _LOW_FROM_BACKBONE
    if 0 < factor < 1 / (least * _ROUNDING):
        yield comparison.finding(
            "rate-low",
            Severity.WARNING,
            title,
            path=comparison.rate_path,
            why=f"{rule} With less, new heads hardly move in the same number of steps.",
            remedy=f"learning_rate_base: {wanted:g}",
            cost=price(cost.RATE, factor),
        )


def _adam(comparison: Comparison) -> Iterator[Finding]:
    training = comparison.training
    low, high = _ADAM_RANGE_FROM_DETECTOR if comparison.starts_from_detector else _ADAM_RANGE
    rate = training.rate.peak
    if low <= rate <= high:
        return
    is_high = rate > high
    yield comparison.finding(
        "rate-high" if is_high else "rate-low",
        Severity.WARNING,
        f"rate {rate:g} for {training.optimizer}, of which {low:g} to {high:g} are known to train",
        path=comparison.rate_path,
        why="Adam takes steps of the size of the rate whatever the gradients: too many of it diverge, too few do not "
        "arrive.",
        remedy="A rate of 0.001 to start with.",
        cost=price(cost.RATE, rate / (high if is_high else low)),
    )


def _vanishing(comparison: Comparison) -> Iterator[Finding]:
    """RMSProp's decay as TFOD takes it under TensorFlow 2: a decay of the rate itself."""
    settings = comparison.proto.train_config.optimizer.rms_prop_optimizer
    is_of_rate = settings.decay_meaning == optimizer_pb2.RMSPropOptimizer.LEARNING_RATE
    left = 1 / (1 + settings.decay * comparison.training.num_steps)
    if comparison.training.optimizer == "rms_prop" and is_of_rate and left < 0.1:
        yield comparison.finding(
            "rate-vanishes",
            Severity.WARNING,
            f"RMSProp's decay of {settings.decay:g} divides the rate: {times(left)} of it is left at the end",
            path=f"{comparison.optimizer_path}.decay",
            why="So TFOD hands it to Keras under TensorFlow 2; in recipes of TensorFlow 1 it was the memory of squared "
            "gradients. After ten steps the rate is a tenth.",
            remedy="rms_prop_optimizer { decay_meaning: SQUARED_GRADIENTS }",
            cost=cost.HEAVY,
        )


def _warmup(comparison: Comparison) -> Iterator[Finding]:
    training, theirs = comparison.training, comparison.recipe.training
    steps, rate = training.num_steps, training.rate
    path = f"{comparison.optimizer_path}.learning_rate.{rate.kind}_learning_rate.warmup_steps"
    share = rate.warmup_steps / max(steps, 1)
    if share > _LONG_WARMUP[comparison.aim]:
        usual = max(round(0.05 * steps), 1)
        reached = "" if share < 1 else ": the rate never reaches its peak"
        yield comparison.finding(
            "warmup",
            Severity.WARNING,
            f"{rate.warmup_steps:,} of {steps:,} steps are warm-up{reached}",
            path=path,
            why="A warm-up is for the first steps, while random heads give large gradients; the rate is low throughout "
            "it.",
            remedy=f"warmup_steps: {usual}",
            cost=price(cost.SETTING, share / 0.05),
        )
    is_large = training.batch_size >= _LARGE_BATCH and share < _WARMUP_OF_LARGE_BATCH
    if comparison.reproduces and is_large and training.batch_size > theirs.batch_size:
        yield comparison.finding(
            "warmup-large-batch",
            Severity.WARNING,
            f"batch {training.batch_size} with a warm-up of {share:.1%} of the run".replace("%", " %"),
            path=path,
            why="Beyond a few hundred images a batch the linear rule ends in NaN without a long warm-up "
            "(google/automl#932, rwightman/efficientdet-pytorch#60); NVIDIA's recipe for 832 takes 25 epochs of it.",
            remedy=f"warmup_steps: {math.ceil(0.083 * steps)}, and clip: gradient_clipping_by_norm: 10",
            cost=cost.MIDDLING,
        )
    yield from _cold_start(comparison)


def _cold_start(comparison: Comparison) -> Iterator[Finding]:
    """A run that begins with its full rate where the published one does not."""
    training, theirs, rate = comparison.training, comparison.recipe.training, comparison.training.rate
    is_cold = not rate.warmup_steps and training.optimizer == theirs.optimizer and theirs.rate.warmup_steps > 0
    if is_cold and linear_factor(comparison) >= 1:
        yield comparison.finding(
            "warmup-missing",
            Severity.WARNING if comparison.reproduces else Severity.NOTE,
            f"no warm-up: the first step is taken at {rate.peak:g}",
            path=comparison.rate_path,
            why="Random heads give large gradients, which at the full rate can throw away what the backbone knows.",
            remedy=f"A cosine_decay_learning_rate with warmup_steps: {max(training.num_steps // 100, 1)}.",
            cost=cost.LIGHT,
        )


def _clipping(comparison: Comparison) -> Iterator[Finding]:
    training, theirs = comparison.training, comparison.recipe.training
    train = comparison.proto.train_config
    if training.clip_norm or train.gradient_clipping_by_tensor_norm or train.gradient_clipping_by_value:
        return
    misses = comparison.reproduces and theirs.clip_norm > 0
    if not misses and linear_factor(comparison) <= 1:
        return
    yield comparison.finding(
        "clipping",
        Severity.WARNING if misses else Severity.NOTE,
        "gradients are not clipped" + (f", published with a norm of {theirs.clip_norm:g}" if misses else ""),
        path="train_config.gradient_clipping_by_norm",
        why="Nothing catches the spike of one odd batch; with a hot rate that is how losses become NaN.",
        remedy="train_config { gradient_clipping_by_norm: 10 }",
        cost=cost.LIGHT,
    )
