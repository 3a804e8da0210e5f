# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the log of a training opens with."""

from __future__ import annotations

from efficientdet.training import optimizers, schedules
from efficientdet.training.plan import TrainingPlan
from efficientdet.training.variable_rules import VariableRules, trainable_by_path

from . import stubs

_PLAN = TrainingPlan(
    network="toy",
    input_size=(32, 64),
    num_anchors=9,
    num_classes=2,
    num_images=10,
    num_steps=5,
    batch_size=4,
    seed=3,
    average_decay=None,
    evaluates_averages=False,
    kernels="fast kernels: silu",
)


def test_a_plan_in_words() -> None:
    rate = schedules.CosineDecay(0.5, total_steps=5, warmup_learning_rate=0.1, warmup_steps=2, hold_base_rate_steps=0)
    trainer = stubs.make_trainer(optimizer=optimizers.momentum(rate, momentum=0.9))
    network, data, learning_rate, weights = _PLAN.lines(trainer)
    assert network == "toy at 32x64: 0.0 M trainable parameters, 9 anchors, 2 classes; fast kernels: silu"
    assert data == "10 training images, 5 steps of 4: 2.0 epochs; seed 3"
    assert learning_rate.startswith("learning rate: 0.1 at the first step, at most 0.5, ")
    assert weights == "weights: trained; evaluated and exported: the trained ones"
    averaged = _PLAN._replace(average_decay=0.99, evaluates_averages=True)
    assert averaged.lines(trainer)[3] == (
        "weights: trained, and averaged with decay 0.99; evaluated and exported: "
        "the averages (eval_config.use_moving_averages)"
    )


def test_a_plan_names_what_is_frozen() -> None:
    model = stubs.TinyModel()
    variables = trainable_by_path(model)
    trainer = stubs.make_trainer(model=model, rules=VariableRules(variables, frozen={"stem/kernel", "stem/bias"}))
    assert _PLAN.lines(trainer)[4].startswith("frozen: 2 of 8 trainable variables, 112 of 3,240 parameters; ")


def test_a_run_of_one_step_without_pictures() -> None:
    lines = _PLAN._replace(num_images=0, num_steps=1).lines(stubs.make_trainer())
    assert lines[1] == "0 training images, 1 steps of 4: 4.0 epochs; seed 3"
