# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Looks into the network: figures worked out by hand, and a training that stays as it was, bit by bit."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling.activation_capture import observed
from efficientdet.training import optimizers, schedules
from efficientdet.training.diagnostics import Diagnostics
from efficientdet.training.event_file import EventFile
from efficientdet.training.look import Look
from efficientdet.training.network_pass import Level
from efficientdet.training.outcome import StepOutcome
from efficientdet.training.trainer import Trainer
from efficientdet.types import Predictions, Targets

from . import stubs
from .events import read_events

_LEVELS = (Level("stride 8", 6), Level("stride 16", 2))


class _Model(keras.Model):
    """Weights that are their own predictions, and units of which one in four fires, one is silent, two saturate."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable([[1.0, 2.0, 2.0]])
        self.bias = tf.Variable([0.0])
        self._activation = observed(tf.nn.relu6, "heads/level_0")

    def call(self, inputs: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None) -> Predictions:
        ramp = tf.reshape(tf.range(16.0), [1, 4, 4, 1]) / 4 - 2  # -2 to 1.75: half of it fires, without its 0
        self._activation(tf.concat([ramp, ramp - 9, ramp + 9, ramp + 8], axis=-1))
        return Predictions(self.kernel, self.bias)

    def regularization_loss(self) -> tf.Tensor:
        return tf.zeros([])


class _Loss:
    """Its gradients are 3, 4 and 0 for the kernel, and 2 for the bias."""

    def __call__(
        self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return 2.0 * tf.reduce_sum(predictions.box_codes), tf.reduce_sum([3.0, 4.0, 0.0] * predictions.class_logits)

    def num_matched(self, targets: Targets) -> tf.Tensor:
        return tf.ones([])

    def normalizer(self, num_matched: tf.Tensor) -> tf.Tensor:
        return num_matched


def _outcome(trainer: Trainer, *, is_last: bool = False) -> StepOutcome:
    losses = trainer.train_step()
    return StepOutcome(trainer.step, losses, 0.5, 0.1, trainer.gradient_norm, is_last)


def _diagnostics(looks: list[Look], interval: int = 2, **options: Any) -> Diagnostics:
    return Diagnostics(
        interval,
        block_of=lambda path: path.split("/", maxsplit=1)[0],
        levels=_LEVELS,
        on_look=looks.append,
        **options,
    )


def _looks(trainer: Trainer, steps: int, **options: Any) -> list[Look]:
    looks: list[Look] = []
    diagnostics = _diagnostics(looks, **options)
    for _ in range(steps):
        diagnostics.on_step(trainer, _outcome(trainer))
    diagnostics.close()
    return looks


def _simple_trainer() -> Trainer:
    return stubs.make_trainer(
        model=_Model(),
        optimizer=optimizers.momentum(schedules.Constant(0.1), momentum=0.0),
        loss=_Loss(),
    )


class _Seen(NamedTuple):
    look: Look
    values: dict[str, dict[int, np.ndarray]]  # in TensorBoard


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> _Seen:
    """What there is to see after the second of three steps."""
    folder = tmp_path_factory.mktemp("train")
    (look,) = _looks(_simple_trainer(), 3, events=EventFile(folder), every_gradient=True)
    return _Seen(look, read_events(folder))


def test_norms_ratios_and_units_of_a_network_that_fits_on_paper(seen: _Seen) -> None:
    look = seen.look
    assert (look.step, look.learning_rate) == (2, pytest.approx(0.1))
    assert look.gradient_norms == pytest.approx({"kernel": 5.0, "bias": 2.0})
    # Before the second step the kernel was (0.7, 1.6, 2), and the bias -0.2; the step took 0.5 and 0.2 off them.
    squares = 0.7**2 + 1.6**2 + 2**2
    assert look.block_update_ratios == pytest.approx({"kernel": 0.5 / squares**0.5, "bias": 1.0})
    assert look.update_ratio == pytest.approx(((0.25 + 0.04) / (squares + 0.04)) ** 0.5)
    units = look.units["heads/level_0"]
    assert (units.number, units.least_positions) == (4, 16)
    # Always 0, and twice always 6; the first unit is 0 in nine of 16 places, the second in all.
    assert units.dead_share == 0.75
    assert units.sparsity == pytest.approx((9 / 16 + 1 + 0 + 0) / 4)


def test_positives_are_counted_by_level(seen: _Seen) -> None:
    matched = stubs.make_batch(1).targets.box_weights > 0
    by_level = {"stride 8": matched[:, :6].sum() / 4, "stride 16": matched[:, 6:].sum() / 4}
    assert seen.look.positives == pytest.approx(by_level)


def test_units_have_tags_by_place(seen: _Seen) -> None:
    assert float(seen.values["activations/dead_share/heads/level_0"][2]) == 0.75
    assert float(seen.values["activations/sparsity/heads/level_0"][2]) == pytest.approx(25 / 64)


def test_gradients_of_variables_have_the_tags_of_the_object_detection_api(seen: _Seen) -> None:
    assert float(seen.values["gradient_norm/kernel"][2]) == pytest.approx(5)
    assert float(seen.values["gradient_norm/bias"][2]) == pytest.approx(2)
    # Rows of left edge, right edge, count; the three gradients are 0, 3 and 4.
    histogram = seen.values["gradients/kernel"][2]
    assert (histogram[0, 0], histogram[-1, 1], histogram[:, 2].sum()) == (0, 4, 3)


def test_a_step_that_float16_leaves_out_is_no_update_of_nothing() -> None:
    trainer = _simple_trainer()
    looks: list[Look] = []
    diagnostics = _diagnostics(looks)
    for norm in (1.0, math.inf):
        diagnostics.on_step(trainer, _outcome(trainer)._replace(gradient_norm=norm))
    assert [(look.step, look.update_ratio) for look in looks] == [(2, None)]


def test_updates_are_unknown_where_nobody_saw_the_weights_before() -> None:
    trainer = _simple_trainer()
    trainer.train_step()
    (look,) = _looks(trainer, 2)  # a process that begins with the second step
    assert (look.step, look.update_ratio, look.block_update_ratios) == (2, None, {})


def test_looks_leave_the_training_as_it_was_and_have_tags_by_block(tmp_path: Path) -> None:
    plain, watched = stubs.make_trainer(), stubs.make_trainer()
    for _ in range(3):
        plain.train_step()
    assert len(_looks(watched, 3, interval=1, events=EventFile(tmp_path))) == 3
    for expected, found in zip(stubs.weights(plain), stubs.weights(watched), strict=True):
        np.testing.assert_array_equal(expected, found)
    blocks = ("stem", "norm", "class_head", "box_head")
    assert read_events(tmp_path).keys() == {
        *(f"{group}/{block}" for group in ("gradients", "updates") for block in blocks),
        *(f"weights/{block}" for block in blocks if block != "norm"),
        "updates/all weights",
        "batch_norm_gamma/norm",
        "batch_norm_log10_variance/norm",
        *(f"input/positives/{level}" for level in ("stride 8", "stride 16", "all")),
    }


# A process of its own, because the logical devices of a process are settled when TensorFlow first runs an op.
_TWO_REPLICAS = """
import sys
sys.path[:0] = [{root!r}]
import efficientdet
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.training import stubs, test_diagnostics as here


def looks(strategy, normalized, interval):
    with strategy.scope():
        model = stubs.TinyModel(normalized=normalized, noise=0)
    trainer = stubs.make_trainer(model=model, strategy=strategy)
    found = here._looks(trainer, 4, interval=interval)
    return found, [value.numpy() for variable in trainer.model.variables
                   for value in strategy.experimental_local_results(variable)]


one, _ = looks(tf.distribute.get_strategy(), False, 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
two, _ = looks(strategy, False, 2)
for first, second in zip(one, two, strict=True):
    assert first.gradient_norms.keys() == second.gradient_norms.keys()
    np.testing.assert_allclose(*(list(look.gradient_norms.values()) for look in (first, second)), rtol=1e-4)
    np.testing.assert_allclose(*(list(look.block_update_ratios.values()) for look in (first, second)), rtol=1e-4)
    assert first.positives == second.positives
# Each replica has moving statistics of its own, which a look leaves as they are.
for plain, watched in zip(looks(strategy, True, 9)[1], looks(strategy, True, 1)[1], strict=True):
    np.testing.assert_array_equal(plain, watched)
print("replicas agree")
"""


@pytest.mark.slow
def test_two_replicas_see_what_one_sees() -> None:
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.run(
        [sys.executable, "-c", _TWO_REPLICAS.format(root=root)], capture_output=True, text=True, check=False
    )
    assert "replicas agree" in process.stdout, process.stderr[-3000:]


def test_a_worker_that_writes_nothing_looks_all_the_same() -> None:
    trainer = _simple_trainer()
    calls = []
    replica_gradients = trainer.replica_gradients
    trainer.replica_gradients = lambda *args: calls.append(1) or replica_gradients(*args)  # type: ignore[method-assign,func-returns-value]
    diagnostics = Diagnostics(1, block_of=str, levels=_LEVELS)
    diagnostics.on_step(trainer, _outcome(trainer))
    diagnostics.close()
    assert calls
