# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What of a model is trained, and how much."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.training import optimizers, schedules
from efficientdet.training.trainer import Trainer, TrainerSettings
from efficientdet.training.variable_rules import VariableRules, is_bias, matching, trainable_by_path

from . import stubs

_PATHS = [
    "stem/kernel", "stem/bias", "norm/gamma", "norm/beta",
    "class_head/kernel", "class_head/bias", "box_head/kernel", "box_head/bias",
]  # fmt: skip


def _trainer(optimizer: optimizers.Optimizer | None = None, **rules: object) -> Trainer:
    model = stubs.TinyModel()
    settings = TrainerSettings(average_decay=0.9)
    variables = trainable_by_path(model)
    return stubs.make_trainer(
        model=model,
        optimizer=optimizer or optimizers.momentum(schedules.Constant(0.1), momentum=0.5),
        settings=settings,
        rules=VariableRules(variables, **rules),  # type: ignore[arg-type]
    )


def _values(trainer: Trainer) -> dict[str, np.ndarray]:
    return {path: variable.numpy() for path, variable in trainable_by_path(trainer.model).items()}


def test_trainable_variables_are_named_by_path_in_the_models_order() -> None:
    model = stubs.TinyModel()
    variables = trainable_by_path(model)
    assert list(variables) == _PATHS
    for variable, expected in zip(variables.values(), model.trainable_variables, strict=True):
        assert variable is expected


def test_expressions_match_from_the_start() -> None:
    assert matching(_PATHS, "stem/") == ["stem/kernel", "stem/bias"]
    assert matching(_PATHS, "head") == []
    assert matching(_PATHS, ".*head/bias") == ["class_head/bias", "box_head/bias"]
    assert [path for path in _PATHS if is_bias(path)] == ["stem/bias", "class_head/bias", "box_head/bias"]


@pytest.mark.parametrize("optimizer", ["momentum", "adamw", "rmsprop"])
def test_frozen_weights_keep_every_bit_and_the_others_change(optimizer: str) -> None:
    rate = schedules.Constant(0.1)
    made = {
        "momentum": optimizers.momentum(rate, momentum=0.9),
        "adamw": optimizers.AdamW(rate, weight_decay=0.5),
        "rmsprop": optimizers.rmsprop(rate, decay=0.9, decay_meaning="squared_gradients", momentum=0.9, epsilon=1.0),
    }
    frozen = {"stem/kernel", "stem/bias", "norm/gamma", "box_head/kernel"}
    trainer = _trainer(made[optimizer], frozen=frozen)
    before, statistics = _values(trainer), trainer.model.norm.moving_mean.numpy()
    losses = trainer.train(3)
    for path, value in _values(trainer).items():
        assert np.array_equal(before[path], value) == (path in frozen), path
    assert losses["Loss/regularization_loss"] == pytest.approx(0.01 * float(np.sum(before["stem/kernel"] ** 2)))
    assert not np.array_equal(trainer.model.norm.moving_mean.numpy(), statistics)
    with trainer.averaged_weights():
        for path in frozen:
            np.testing.assert_array_equal(_values(trainer)[path], before[path])


def test_slots_exist_for_frozen_variables_too() -> None:
    trainer = _trainer(frozen=_PATHS[1:])
    before = len(trainer.optimizer.variables())
    trainer.train(1)
    for variable in trainer.model.trainable_variables:
        assert trainer.optimizer.get_slot(variable, "momentum").shape == variable.shape
        assert trainer.optimizer.get_slot(variable, "average").shape == variable.shape
    assert len(trainer.optimizer.variables()) == before


def test_a_frozen_gradient_does_not_count_for_the_global_norm() -> None:
    def change(*frozen: str) -> float:
        model = stubs.TinyModel(noise=0.0)
        rules = VariableRules(trainable_by_path(model), frozen=frozen)
        optimizer = optimizers.momentum(schedules.Constant(1.0), momentum=0.0)
        settings = TrainerSettings(optimizers.Clipping(norm=0.01))
        trainer = stubs.make_trainer(model=model, optimizer=optimizer, settings=settings, rules=rules)
        before = _values(trainer)
        trainer.train(1)
        return float(sum(np.sum((before[path] - value) ** 2) for path, value in _values(trainer).items()) ** 0.5)

    # Whatever is trained moves by the norm of its clipped gradient.
    assert change() == pytest.approx(0.01, rel=1e-3)
    assert change(*_PATHS[:6]) == pytest.approx(0.01, rel=1e-3)


def test_everything_frozen_is_an_error() -> None:
    with pytest.raises(ValueError, match="all 8 trainable variables are frozen"):
        _trainer(frozen=_PATHS)


def test_gradients_of_biases_are_multiplied() -> None:
    variables = {name: tf.Variable([0.0]) for name in ("a/kernel", "a/bias", "norm/beta", "bias/kernel")}
    rules = VariableRules(variables, bias_gradient_factor=2.0)
    weighed = rules.weighed([tf.constant([3.0])] * 4, list(variables.values()))
    assert [float(gradient.numpy()[0]) for gradient in weighed] == [3.0, 6.0, 3.0, 3.0]


def test_one_step_of_a_bias_is_as_much_longer() -> None:
    plain, doubled = _trainer(), _trainer(bias_gradient_factor=2.0)
    start = _values(plain)
    for trainer in (plain, doubled):
        trainer.train(1)
    for path, value in _values(doubled).items():
        factor = 2.0 if is_bias(path) else 1.0
        np.testing.assert_allclose(value - start[path], factor * (_values(plain)[path] - start[path]), atol=1e-6)


def test_updates_are_scaled_for_every_optimizer() -> None:
    # Adam's steps do not depend on the size of gradients: only the update itself can be scaled.
    factors = {"stem/kernel": 0.25, "norm/gamma": 2.0, "box_head/bias": 0.0}
    for make in (
        lambda: optimizers.momentum(schedules.Constant(0.1), momentum=0.5),
        lambda: optimizers.adam(schedules.Constant(0.1), epsilon=1e-8),
        lambda: optimizers.AdamW(schedules.Constant(0.1), weight_decay=0.5),
    ):
        plain, scaled = _trainer(make()), _trainer(make(), update_factors=factors)
        start = _values(plain)
        for trainer in (plain, scaled):
            trainer.train(1)
        for path, value in _values(scaled).items():
            step = _values(plain)[path] - start[path]
            np.testing.assert_allclose(value - start[path], factors.get(path, 1.0) * step, atol=1e-6)
        np.testing.assert_array_equal(_values(scaled)["box_head/bias"], start["box_head/bias"])


def test_a_momentum_step_with_a_factor_is_one_of_that_rate() -> None:
    # Two steps by hand: v = -.1 * g and w = .25 v; then v = .5 v - .1 g' and again a quarter of it.
    variable = tf.Variable([1.0])
    optimizer = optimizers.momentum(schedules.Constant(0.1), momentum=0.5)
    optimizers.create_slots(optimizer, [variable])
    rules = VariableRules({"a": variable}, update_factors={"a": 0.25})
    weights = []
    for gradient in (1.0, 2.0):
        strategy = tf.distribute.get_strategy()
        with rules.scaled_updates(strategy):
            strategy.run(optimizers.update, args=(optimizer, [tf.constant([gradient])], rules))
        weights.append(float(variable.numpy()[0]))
    assert weights == pytest.approx([1 - 0.025, 1 - 0.025 - 0.25 * 0.25])


def test_rules_in_words() -> None:
    assert _trainer().rules.lines() == []
    # Of 4 * 27 + 4 + 4 + 4 + 64 * 16 + 16 + 64 * 32 + 32 = 3,240 parameters.
    lines = _trainer(
        frozen={"class_head/kernel", "box_head/kernel"},
        bias_gradient_factor=2.0,
        update_factors={"stem/kernel": 0.1, "stem/bias": 0.1, "norm/beta": 1.0},
    ).rules.lines()
    assert lines == [
        "frozen: 2 of 8 trainable variables, 3,072 of 3,240 parameters; statistics of batch normalisation move all the "
        "same, where freeze_batchnorm does not keep them",
        "gradients of 3 biases are multiplied by 2",
        "learning rate times 0.1: 2 variables, 112 parameters",
    ]
