# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of `train_config` does to one step and to a run."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.builders.input import build_preprocessor, build_train_input
from efficientdet.builders.optimizer import build_optimizer
from efficientdet.builders.targets import build_target_assigner
from efficientdet.builders.trainer import build_trainer
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.errors import ConfigError
from efficientdet.experiment import Experiment
from efficientdet.training.trainer import Trainer
from efficientdet.types import Losses, Predictions, Targets
from tests.end_to_end.tiny import CONFIG, SIZE, data_override, draw_records
from tests.fields.rows import config, field, parameters, train
from tests.training import stubs


class _Model(keras.Model):
    """Two weights of 1 and a bias of 0 that are their own predictions."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable([[1.0, 1.0]])
        self.bias = tf.Variable([0.0])

    def call(self, inputs: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None) -> Predictions:
        return Predictions(self.kernel, self.bias + tf.random.stateless_uniform([1], seed))

    def regularization_loss(self) -> tf.Tensor:
        return tf.reduce_sum(self.kernel)


class _Loss:
    """Its gradients are 3 and 4 for the kernel, and 2 for the bias."""

    def __call__(
        self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return 2.0 * tf.reduce_sum(predictions.box_codes), tf.reduce_sum([3.0, 4.0] * predictions.class_logits)

    def num_matched(self, targets: Targets) -> tf.Tensor:
        return tf.ones([])

    def normalizer(self, num_matched: tf.Tensor) -> tf.Tensor:
        return num_matched


_STEP = """
seed: 1 add_regularization_loss: false gradient_clipping_by_norm: 0 gradient_clipping_by_tensor_norm: 0
optimizer {
  use_moving_average: true
  momentum_optimizer { momentum_optimizer_value: 0 learning_rate { constant_learning_rate { learning_rate: 1 } } }
}
"""


def _trainer(loss: _Loss, *texts: str) -> Trainer:
    """Of `_Model`, at a rate of 1."""
    built, model = config(CONFIG, *train(_STEP, *texts)), _Model()
    data: Any = SimpleNamespace(
        train_dataset=lambda start, share: tf.data.Dataset.from_tensors(stubs.make_batch(start)), exclude=None
    )
    return build_trainer(
        built,
        model=model,  # type: ignore[arg-type]
        optimizer=build_optimizer(built, model),
        loss=loss,  # type: ignore[arg-type]
        data=data,
        strategy=tf.distribute.get_strategy(),
    )


@functools.cache
def _stepped(*texts: str) -> tuple[Trainer, Losses]:
    """A trainer of `_Model` after one step at a rate of 1, and the losses of the step."""
    trainer = _trainer(_Loss(), *texts)
    return trainer, trainer.train_step()


_MULTIPLIED = 'learning_rate_multipliers { variables: "kernel" multiplier: 0.25 }'
_NORM = 29**0.5  # of 3, 4 and 2
# Field, what is changed, what the step takes off the kernel's two weights and the bias; usually 3, 4 and 2.
_STEP_ROWS: list[tuple[Any, ...]] = [
    (field("TrainConfig.gradient_clipping_by_value"), "gradient_clipping_by_value: 2.5", [2.5, 2.5, 2]),
    (field("TrainConfig.gradient_clipping_by_tensor_norm"), "gradient_clipping_by_tensor_norm: 2.5", [1.5, 2, 2]),
    (field("TrainConfig.gradient_clipping_by_norm"), "gradient_clipping_by_norm: 1", [3 / _NORM, 4 / _NORM, 2 / _NORM]),
    (field("TrainConfig.bias_grad_multiplier"), "bias_grad_multiplier: 1.5", [3, 4, 3]),
    (field("TrainConfig.bias_grad_multiplier"), "bias_grad_multiplier: 0", [3, 4, 2]),
    # Before it is clipped, as in TFOD.
    (field("TrainConfig.bias_grad_multiplier"), "bias_grad_multiplier: 4 gradient_clipping_by_value: 3", [3, 3, 3]),
    (field("TrainConfig.freeze_variables"), 'freeze_variables: "bias"', [3, 4, 0]),
    (field("TrainConfig.freeze_variables"), 'freeze_variables: ".*nel"', [0, 0, 2]),
    (field("TrainConfig.update_trainable_variables"), 'update_trainable_variables: "bias"', [0, 0, 2]),
    # What was chosen first is taken away again.
    (field("TrainConfig.update_trainable_variables"),
     'update_trainable_variables: "[kb]" freeze_variables: "b"', [3, 4, 0]),
    (field("LearningRateMultiplier.multiplier"), _MULTIPLIED, [0.75, 1, 2]),
    (field("LearningRateMultiplier.variables"),
     'learning_rate_multipliers { variables: "b" multiplier: 0.25 }', [3, 4, 0.5]),
    # The first one counts.
    (field("LearningRateMultiplier.variables"),
     f'{_MULTIPLIED} learning_rate_multipliers {{ variables: ".*" multiplier: 2 }}', [0.75, 1, 4]),
    (field("TrainConfig.add_regularization_loss"), "add_regularization_loss: true", [4, 5, 2]),
    # This loss is the same for each of the four parts, and regularisation counts once.
    (field("TrainConfig.gradient_accumulation_steps"),
     "batch_size: 4 gradient_accumulation_steps: 4 add_regularization_loss: true", [13, 17, 8]),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "after"), parameters(_STEP_ROWS))
def test_a_field_of_one_step(changed: str, after: list[float]) -> None:
    for texts, expected in (((), [3, 4, 2]), ((changed,), after)):
        model = _stepped(*texts)[0].model
        np.testing.assert_allclose([*(1 - model.kernel.numpy()[0]), -model.bias.numpy()[0]], expected, rtol=1e-6)


@field("FaultHandling.watch_gradients")
def test_the_norm_of_the_gradients_is_looked_at() -> None:
    assert _stepped()[0].gradient_norm == pytest.approx(_NORM)
    assert _stepped("fault_handling { watch_gradients: false }")[0].gradient_norm is None


@field("TrainConfig.loss_normalizer_scope")
@pytest.mark.parametrize(
    ("changed", "share"),
    [
        ("", 1 / 8),  # 2 matches of this replica's and 6 of the other's
        ("loss_normalizer_scope: REPLICA", 1 / 2 / 2),  # its own, and one of two shares
    ],
)
def test_the_scope_of_the_normalizer(changed: str, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    class Divided(_Loss):
        def __call__(
            self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            return tf.constant(5.0) / normalizer, tf.reduce_sum(predictions.class_logits) / normalizer

        def num_matched(self, targets: Targets) -> tf.Tensor:
            return tf.constant(2.0)

    trainer = _trainer(Divided(), changed)
    context = SimpleNamespace(
        num_replicas_in_sync=2, replica_id_in_sync_group=0, all_reduce=lambda operation, value: value + 6.0
    )
    monkeypatch.setattr(tf.distribute, "get_replica_context", lambda: context)
    losses, _ = trainer._probe._backward.of_batch(*stubs.make_batch(0)[::5])
    np.testing.assert_allclose(losses[:2], [5 * share, 2 * share])


@field("TrainConfig.precision")
def test_losses_are_scaled_for_float16() -> None:
    assert _stepped()[0].loss_scale is None
    assert float(_stepped("precision: FLOAT16")[0].loss_scale.scale) == 2.0**15


# The first weight goes from 1 to -2. Its average keeps (1 + 1) / (10 + 1) of 1 in the first step, or less.
@pytest.mark.parametrize(
    ("changed", "after"),
    parameters(
        [
            (field("Optimizer.moving_average_decay"), "moving_average_decay: 0.1", 0.1 - 1.8),
            (field("Optimizer.use_moving_average"), "use_moving_average: false", -2.0),
        ]
    ),
)
def test_a_field_of_the_moving_average(changed: str, after: float) -> None:
    for texts, expected in (((), 2 / 11 - 2 * 9 / 11), ((f"optimizer {{ {changed} }}",), after)):
        trainer, _ = _stepped(*texts)
        with trainer.averaged_weights():
            assert float(trainer.model.kernel[0, 0]) == pytest.approx(expected, rel=1e-5)


@field("TrainConfig.seed")
def test_the_seed_decides_what_is_drawn() -> None:
    losses = [float(_stepped(text)[1].localization) for text in ("seed: 1", "seed: 1 num_steps: 7", "seed: 2")]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (
            'freeze_variables: "bias" freeze_variables: "FeatureExtractor"',
            r'\]:\d: train_config\.freeze_variables\[1\] \("FeatureExtractor"\) matches no trainable variable; '
            "there are kernel/, bias/$",
        ),
        (
            'update_trainable_variables: "ernel"',
            r'must match from the start of a path: with "\.\*" before it, it would',
        ),
        ('freeze_variables: "kernel" freeze_variables: "bias"', "must leave a variable to train"),
        ('learning_rate_multipliers { variables: "x" }', r"multipliers\[0\]\.variables \(\"x\"\) matches no trainable"),
        (
            f'{_MULTIPLIED} learning_rate_multipliers {{ variables: "ker" }}',
            r"multipliers\[1\]\.variables \(\"ker\"\) matches only what earlier multipliers match",
        ),
    ],
)
def test_expressions_that_do_nothing(text: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        _stepped(text)


@field("TrainConfig.fine_tune_checkpoint_version")
def test_a_checkpoint_of_version_1_is_not_read() -> None:
    start = 'fine_tune_checkpoint: "/x" fine_tune_checkpoint_type: "full"'
    config(CONFIG, *train(start, "fine_tune_checkpoint_version: V2"))
    with pytest.raises(ConfigError, match=r"fine_tune_checkpoint_version \(V1\) must be V2"):
        config(CONFIG, *train(start, "fine_tune_checkpoint_version: V1"))


@field("TrainConfig.batch_size", "TrainConfig.max_number_of_boxes")
def test_the_size_of_a_batch(tmp_path: Path) -> None:
    records = data_override(draw_records(tmp_path, num_train=4, num_val=1))
    one_box = np.array([[0.0, 0.0, 1.0, 1.0]], np.float32)
    for text, expected in (("", (2, 100)), ("batch_size: 3 max_number_of_boxes: 7", (3, 7))):
        texts = train(f"seed: 1 data_augmentation_options {{ random_horizontal_flip {{}} }} {text}")
        built = config(CONFIG, SIZE, records, *texts)
        data = build_train_input(built, build_preprocessor(built), build_target_assigner(built, one_box))
        assert tuple(data.train_dataset(0).element_spec.ground_truth.boxes.shape[:2]) == expected


_ONE_CLASS = "model { ssd { num_classes: 1 } }"
# Field, what is changed, the checkpoints that a run leaves.
_RUN_ROWS = [
    (field("TrainConfig.num_steps", "TrainConfig.checkpoint_interval_steps"), "", {5}),
    (field("TrainConfig.num_steps"), "num_steps: 4", {4}),
    (field("TrainConfig.checkpoint_interval_steps"), "checkpoint_interval_steps: 2", {2, 4, 5}),
    (field("TrainConfig.max_checkpoints_to_keep"), "checkpoint_interval_steps: 2 max_checkpoints_to_keep: 2", {4, 5}),
    (
        field("TrainConfig.keep_checkpoint_every_n_steps"),
        "checkpoint_interval_steps: 1 max_checkpoints_to_keep: 1 keep_checkpoint_every_n_steps: 2",
        {2, 4, 5},
    ),
]


@pytest.mark.parametrize(("changed", "expected"), parameters(_RUN_ROWS))
def test_a_field_of_the_run(changed: str, expected: set[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_label_map([Label(1, "circle")], tmp_path / "labels.pbtxt")
    labels = f'train_input_reader {{ label_map_path: "{tmp_path}/labels.pbtxt" }}'
    data = SimpleNamespace(
        num_records=4, exclude_known=lambda faults: None, check_unchanged=lambda: None, let_through=lambda check: None
    )
    monkeypatch.setattr(Experiment, "build_train_input", lambda self: data)
    monkeypatch.setattr(Experiment, "build_trainer", lambda self, *args, **kwargs: stubs.make_trainer())
    texts = train("seed: 1 num_steps: 5 checkpoint_interval_steps: 9 diagnostics_interval_steps: 0", changed)
    built = config(CONFIG, labels, _ONE_CLASS, "eval_input_reader: []", *texts)
    Experiment(built.copy(), model_dir=tmp_path / "run", record_summaries=False).train()
    assert {int(path.stem[5:]) for path in (tmp_path / "run").glob("*.index")} == expected
