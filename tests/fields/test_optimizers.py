# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of `train_config.optimizer` does to the learning rate, or to a weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.builders.optimizer import build_optimizer, build_schedule
from efficientdet.errors import ConfigError
from tests.end_to_end.tiny import CONFIG
from tests.fields.rows import config, field, parameters, train

_CONSTANT = "constant_learning_rate"
_EXPONENTIAL = "exponential_decay_learning_rate"
_MANUAL = "manual_step_learning_rate"
_COSINE = "cosine_decay_learning_rate"
_POLYNOMIAL = "polynomial_decay_learning_rate"
_RESTARTS = "cosine_restarts_learning_rate"
_RATES = {
    _CONSTANT: "learning_rate: 0.25",
    # 8, halved after each second step.
    _EXPONENTIAL: "initial_learning_rate: 8 decay_steps: 2 decay_factor: 0.5",
    _MANUAL: "initial_learning_rate: 1 schedule { step: 2 learning_rate: 3 } schedule { step: 4 learning_rate: 0.5 }",
    # From .2 to 1 in 2 steps, 2 more of 1, half a cosine of 8.
    _COSINE: "learning_rate_base: 1 total_steps: 12 warmup_learning_rate: 0.2 warmup_steps: 2 hold_base_rate_steps: 2",
    # 2 * (1 - step / 8)^2 behind a line of 2 steps.
    _POLYNOMIAL: "learning_rate_base: 2 total_steps: 8 power: 2 warmup_learning_rate: 0.5 warmup_steps: 2",
    # Behind a line of 2 steps, periods from step 2 to 4 to 8 to 16, which start at .5 + .5 * (1, .5, .25).
    _RESTARTS: "learning_rate_base: 1 first_period_steps: 2 period_factor: 2 rate_factor: 0.5 end_rate_factor: 0.5 "
    "warmup_learning_rate: 0.2 warmup_steps: 2",
}
# Field, schedule, what is set in either case, what is changed, the step, the rates before and after.
_RATE_ROWS: list[tuple[Any, ...]] = [
    (field("ConstantLearningRate.learning_rate"), _CONSTANT, "", "learning_rate: 0.5", 3, 0.25, 0.5),
    (field("ExponentialDecayLearningRate.initial_learning_rate"),
     _EXPONENTIAL, "", "initial_learning_rate: 4", 3, 4, 2),
    (field("ExponentialDecayLearningRate.decay_steps"), _EXPONENTIAL, "", "decay_steps: 1", 3, 4, 1),
    (field("ExponentialDecayLearningRate.decay_factor"), _EXPONENTIAL, "", "decay_factor: 0.25", 3, 4, 2),
    (field("ExponentialDecayLearningRate.staircase"), _EXPONENTIAL, "", "staircase: false", 3, 4, 8 / 8**0.5),
    (field("ExponentialDecayLearningRate.burnin_steps"), _EXPONENTIAL, "", "burnin_steps: 2", 3, 4, 8),
    (field("ExponentialDecayLearningRate.burnin_learning_rate"),
     _EXPONENTIAL, "burnin_steps: 4", "burnin_learning_rate: 3", 3, 8, 3),
    (field("ExponentialDecayLearningRate.min_learning_rate"), _EXPONENTIAL, "", "min_learning_rate: 5", 3, 4, 5),
    (field("ManualStepLearningRate.initial_learning_rate"), _MANUAL, "", "initial_learning_rate: 2", 1, 1, 2),
    (field("ManualStepLearningRate.warmup"), _MANUAL, "", "warmup: true", 1, 1, 2),
    (field("ManualStepLearningRate.LearningRateSchedule.step"),
     _MANUAL, "", "schedule { step: 1 learning_rate: 3 }", 1, 1, 3),
    (field("ManualStepLearningRate.LearningRateSchedule.learning_rate"),
     _MANUAL, "", "schedule { step: 2 learning_rate: 7 }", 2, 3, 7),
    (field("CosineDecayLearningRate.learning_rate_base"), _COSINE, "", "learning_rate_base: 2", 8, 0.5, 1),
    (field("CosineDecayLearningRate.total_steps"), _COSINE, "", "total_steps: 8", 8, 0.5, 0),
    (field("CosineDecayLearningRate.warmup_learning_rate"), _COSINE, "", "warmup_learning_rate: 0.4", 0, 0.2, 0.4),
    (field("CosineDecayLearningRate.warmup_steps"), _COSINE, "", "warmup_steps: 4", 2, 1, 0.6),
    (field("CosineDecayLearningRate.hold_base_rate_steps"), _COSINE, "", "hold_base_rate_steps: 6", 8, 0.5, 1),
    (field("CosineDecayLearningRate.phase"), _COSINE, "", "phase: FROM_START", 8, 0.5, 0),
    (field("PolynomialDecayLearningRate.learning_rate_base"), _POLYNOMIAL, "", "learning_rate_base: 4", 4, 0.5, 1),
    (field("PolynomialDecayLearningRate.total_steps"), _POLYNOMIAL, "", "total_steps: 16", 4, 0.5, 1.125),
    (field("PolynomialDecayLearningRate.power"), _POLYNOMIAL, "", "power: 1", 4, 0.5, 1),
    (field("PolynomialDecayLearningRate.warmup_learning_rate"), _POLYNOMIAL, "", "warmup_learning_rate: 1", 0, 0.5, 1),
    (field("PolynomialDecayLearningRate.warmup_steps"), _POLYNOMIAL, "", "warmup_steps: 4", 2, 1.125, 1.25),
    (field("CosineRestartsLearningRate.learning_rate_base"), _RESTARTS, "", "learning_rate_base: 2", 3, 0.75, 1.5),
    # A quarter into the period instead of half.
    (field("CosineRestartsLearningRate.first_period_steps"),
     _RESTARTS, "", "first_period_steps: 4", 3, 0.75, 0.75 + 0.25 * 0.5**0.5),
    # Half into the second period instead of a quarter.
    (field("CosineRestartsLearningRate.period_factor"),
     _RESTARTS, "", "period_factor: 1", 5, 0.625 + 0.125 * 0.5**0.5, 0.625),
    (field("CosineRestartsLearningRate.rate_factor"), _RESTARTS, "", "rate_factor: 1", 4, 0.75, 1),
    (field("CosineRestartsLearningRate.end_rate_factor"), _RESTARTS, "", "end_rate_factor: 0", 4, 0.75, 0.5),
    (field("CosineRestartsLearningRate.warmup_learning_rate"), _RESTARTS, "", "warmup_learning_rate: 0.4", 0, 0.2, 0.4),
    (field("CosineRestartsLearningRate.warmup_steps"), _RESTARTS, "", "warmup_steps: 0", 1, 0.6, 0.75),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "usual", "changed", "step", "before", "after"), parameters(_RATE_ROWS))
def test_a_field_of_a_schedule(kind: str, usual: str, changed: str, step: int, before: float, after: float) -> None:
    for text, expected in (("", before), (changed, after)):
        built = config(CONFIG, *train(*(_rate_text(kind, part) for part in (_RATES[kind], usual, text))))
        rate = build_schedule(built, "train_config.optimizer.adam_optimizer.learning_rate")(step)
        assert float(rate) == pytest.approx(expected, abs=1e-6)


def _rate_text(kind: str, text: str) -> str:
    return f"optimizer {{ adam_optimizer {{ learning_rate {{ {kind} {{ {text} }} }} }} }}"


_MOMENTUM, _ADAM, _ADAMW, _RMSPROP = "momentum_optimizer", "adam_optimizer", "adamw_optimizer", "rms_prop_optimizer"
_OPTIMIZERS = {
    _MOMENTUM: "momentum_optimizer_value: 0.5",
    _ADAM: "",
    _ADAMW: "beta_1: 0.5 beta_2: 0.75 weight_decay: 0",
    _RMSPROP: "decay: 0.5 momentum_optimizer_value: 0.9 epsilon: 0.6 decay_meaning: LEARNING_RATE",
}
# What Adam's first step divides by for a gradient of 1, and a second beta of .75 and .999: the root of 1 - beta.
_HALF, _SMALL = 0.5, 0.001**0.5
# Field, optimizer, what is set in either case, what is changed, gradients, what is left of a weight of 1 before and
# after. The rate is 0.1.
_UPDATE_ROWS: list[tuple[Any, ...]] = [
    # -.1, then .5 * -.1 - .1; without momentum twice -.1; looking ahead -.15, then .5 * -.15 - .1.
    (field("MomentumOptimizer.momentum_optimizer_value"),
     _MOMENTUM, "", "momentum_optimizer_value: 0", (1, 1), 0.75, 0.8),
    (field("MomentumOptimizer.nesterov"), _MOMENTUM, "", "nesterov: true", (1, 1), 0.75, 0.675),
    # An epsilon as large as what it is added to.
    (field("AdamOptimizer.epsilon"), _ADAM, "", f"epsilon: {_SMALL}", (1,), 0.9, 0.95),
    (field("AdamWOptimizer.epsilon"), _ADAMW, "", f"epsilon: {_HALF}", (1,), 0.9, 0.95),
    # After gradients of 1 and 3 the mean is 1.75 / (1 - .5^2) = 7 / 3, or 3, and the mean square is
    # 2.4375 / (1 - .75^2) = 39 / 7, or 9.
    (field("AdamWOptimizer.beta_1"),
     _ADAMW, "", "beta_1: 0", (1, 3), 0.9 - 0.7 / 3 / (39 / 7) ** 0.5, 0.9 - 0.3 / (39 / 7) ** 0.5),
    (field("AdamWOptimizer.beta_2"), _ADAMW, "", "beta_2: 0", (1, 3), 0.9 - 0.7 / 3 / (39 / 7) ** 0.5, 0.9 - 0.7 / 9),
    (field("AdamWOptimizer.weight_decay"), _ADAMW, "", "weight_decay: 0.5", (1,), 0.9, 0.85),
    (field("AdamWOptimizer.exclude_from_decay"),
     _ADAMW, "weight_decay: 0.5", 'exclude_from_decay: "kern"', (1,), 0.85, 0.9),
    # Mean square .1 * 4, so .1 * 2 / sqrt(.4 + .6) = .2; then .9 * .2 + .1 / 1.5 * 2 / sqrt(.36 + .4 + .6).
    (field("RMSPropOptimizer.epsilon"), _RMSPROP, "", "epsilon: 1.6", (2,), 0.8, 1 - 0.2 / 2**0.5),
    (field("RMSPropOptimizer.decay"),
     _RMSPROP, "", "decay: 0", (2, 2), 0.62 - 0.2 / 1.5 / 1.36**0.5, 0.62 - 0.2 / 1.36**0.5),
    (field("RMSPropOptimizer.momentum_optimizer_value"),
     _RMSPROP, "", "momentum_optimizer_value: 0.5", (2, 2), 0.62 - 0.2 / 1.5 / 1.36**0.5, 0.7 - 0.2 / 1.5 / 1.36**0.5),
    # Mean square .5 * 1 + .5 * 4.
    (field("RMSPropOptimizer.decay_meaning"),
     _RMSPROP, "", "decay_meaning: SQUARED_GRADIENTS", (2,), 0.8, 1 - 0.2 / 3.1**0.5),
]  # fmt: skip


@field("TrainConfig.schedule_start_step")
@pytest.mark.parametrize(
    ("kind", "usual", "rates"),
    [
        (_MOMENTUM, "", (3, 1, 1, 3)),
        # Divided by 1 + .5 * step, which begins anew as well.
        (_RMSPROP, "decay: 0.5", (1.5, 1, 1 / 1.5, 1.5)),
    ],
)
def test_a_schedule_begins_anew(kind: str, usual: str, rates: tuple[float, ...]) -> None:
    text = f"learning_rate {{ {_MANUAL} {{ {_RATES[_MANUAL]} }} }}"
    overrides = train(*(f"optimizer {{ {kind} {{ {part} }} }}" for part in (text, _OPTIMIZERS[kind], usual)))
    found = [
        float(build_optimizer(config(CONFIG, *overrides, *more), _Model()).learning_rate(step))
        for more, step in (((), 2), (train("schedule_start_step: 10"), 10), (train("schedule_start_step: 10"), 11),
                           (train("schedule_start_step: 10"), 12))
    ]  # fmt: skip
    assert found == pytest.approx(rates)


class _Model(keras.Model):
    """Two weights of 1, and a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable([[1.0, 1.0]])
        self.bias = tf.Variable([0.0])


@pytest.mark.parametrize(("kind", "usual", "changed", "gradients", "before", "after"), parameters(_UPDATE_ROWS))
def test_a_field_of_an_optimizer(
    kind: str, usual: str, changed: str, gradients: tuple[float, ...], before: float, after: float
) -> None:
    rate = "learning_rate { constant_learning_rate { learning_rate: 0.1 } }"
    for text, expected in (("", before), (changed, after)):
        parts = (rate, _OPTIMIZERS[kind], usual, text)
        overrides = train(*(f"optimizer {{ {kind} {{ {part} }} }}" for part in parts))
        model = _Model()
        optimizer = build_optimizer(config(CONFIG, *overrides), model)
        for gradient in gradients:
            optimizer.apply_gradients([(tf.constant([[gradient, gradient]], tf.float32), model.kernel)])
        np.testing.assert_allclose(model.kernel.numpy(), [[expected, expected]], rtol=1e-5)


def test_weight_decay_that_nothing_is_excluded_from() -> None:
    texts = "optimizer { adamw_optimizer { learning_rate { constant_learning_rate {} } exclude_from_decay: 'none/' } }"
    rule = (
        r"--override\[0\]:1: .*adamw_optimizer\.exclude_from_decay\[0\] \(\"none/\"\) matches no trainable variable; "
    )
    with pytest.raises(ConfigError, match=rule + "there are kernel/, bias/"):
        build_optimizer(config(CONFIG, *train(texts)), _Model())
