# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One step of training: its losses, its draws and its end."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orbit
import pytest
import tensorflow as tf

from efficientdet.data.input_share import InputShare
from efficientdet.errors import DataError, TrainingError
from efficientdet.losses import DetectionLoss, FocalLoss, Loss, SmoothL1Loss
from efficientdet.training.checkpoint_writing import Retention
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.step_fault import StepFault
from efficientdet.training.trainer import DataEndedError, TrainerSettings
from efficientdet.types import Batch, Losses, Predictions, Targets

from . import stubs


def test_the_losses_are_those_of_the_batch_before_the_update() -> None:
    model = stubs.TinyModel(noise=0.0)
    batch = stubs.make_batch(0)
    predictions = model(batch.inputs, training=True)
    loss = stubs.SquaredLoss()
    matched = float(np.sum(batch.targets.box_weights))
    localization, classification = loss(predictions, batch.targets, tf.constant(matched))
    regularization = 0.01 * float(tf.reduce_sum(model.stem.kernel**2))
    losses = stubs.make_trainer(model=model).train_step()
    expected = Losses(localization, classification, regularization, localization + classification + regularization)
    np.testing.assert_allclose(losses, expected, rtol=1e-6)


def test_regularization_can_be_left_out() -> None:
    losses = stubs.make_trainer(settings=TrainerSettings(regularize=False)).train_step()
    assert losses.regularization == 0.0
    assert losses.total == losses.localization + losses.classification


def test_a_batch_without_matches_is_divided_by_one() -> None:
    batch = stubs.make_batch(0)
    background = batch.targets._replace(
        classes=np.full_like(batch.targets.classes, -1), box_weights=np.zeros_like(batch.targets.box_weights)
    )
    trainer = stubs.make_trainer(dataset_fn=stubs.always(batch._replace(targets=background)))
    losses = trainer.train_step()
    assert losses.localization == 0.0
    assert 0.0 < losses.classification < math.inf


def test_training_lowers_the_loss_and_moves_statistics() -> None:
    trainer = stubs.make_trainer(dataset_fn=stubs.always(stubs.make_batch(0)))
    mean = trainer.model.norm.moving_mean.numpy()
    losses = [trainer.train_step().total for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]
    assert not np.array_equal(mean, trainer.model.norm.moving_mean.numpy())


def test_steps_are_counted_and_draws_depend_on_seed_and_step() -> None:
    same_batch = stubs.always(stubs.make_batch(0))
    first, same, other = (stubs.make_trainer(seed=seed, dataset_fn=same_batch) for seed in (1, 1, 2**32 - 1))
    losses = [trainer.train_step().total for trainer in (first, same, other)]
    assert losses[0] == losses[1] != losses[2]
    assert first.step == 1
    # Weights held at their start, the next step's draws still differ.
    no_rate = stubs.optimizers.momentum(stubs.schedules.Constant(0.0), momentum=0.9)
    still = stubs.make_trainer(optimizer=no_rate, seed=1, dataset_fn=same_batch)
    assert still.train_step().total == losses[0]
    assert still.train_step().total != losses[0]


def test_the_learning_rate_is_that_of_the_latest_update() -> None:
    schedule = stubs.schedules.ManualStep((1, 2), (0.1, 0.2, 0.3), warmup=False)
    trainer = stubs.make_trainer(optimizer=stubs.optimizers.momentum(schedule, momentum=0.9))
    rates = []
    for _ in range(3):
        trainer.train_step()
        rates.append(trainer.learning_rate)
    assert rates == pytest.approx([0.1, 0.2, 0.3])


def test_a_step_is_traced_once() -> None:
    trainer = stubs.make_trainer(settings=TrainerSettings(stubs.optimizers.Clipping(norm=1.0), average_decay=0.99))
    for _ in range(3):
        trainer.train_step()
    assert trainer._step.compiled.experimental_get_tracing_count() == 1


def test_a_loss_that_is_not_finite_stops_the_training_at_its_step() -> None:
    trainer = stubs.make_trainer(poisoned_step=3)
    trainer.train_step()
    trainer.train_step()
    with pytest.raises(TrainingError, match=r"step 3 \(localization nan, classification nan, regularization 0\.0"):
        trainer.train_step()


def test_a_gradient_that_is_not_finite_under_finite_losses_is_caught_at_the_next_save_or_step(tmp_path: Path) -> None:
    class RootLoss(stubs.SquaredLoss):
        def __call__(
            self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            # The root of 0 is 0, and its slope infinite.
            return tf.sqrt(0.0 * tf.reduce_sum(predictions.box_codes**2)), tf.zeros([])

    trainer = stubs.make_trainer(loss=RootLoss())
    checkpoints = TrainingCheckpoints(
        tmp_path, model=trainer.model, optimizer=trainer.optimizer, retention=Retention(2)
    )
    checkpoints.save()
    assert all(math.isfinite(loss) for loss in trainer.train_step())
    with pytest.raises(TrainingError, match=r"model/\S+ is not finite after step 1"):
        checkpoints.save()
    assert sorted(path.name for path in tmp_path.glob("*.index")) == ["ckpt-0.index"]
    with pytest.raises(TrainingError, match="the loss is not finite at step 2"):
        trainer.train_step()


def test_a_gradient_that_is_not_finite_is_a_fault_of_its_step_where_it_is_watched() -> None:
    class RootLoss(stubs.SquaredLoss):
        def __call__(
            self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            return tf.sqrt(0.0 * tf.reduce_sum(predictions.box_codes**2)), tf.zeros([])

    trainer = stubs.make_trainer(loss=RootLoss(), settings=TrainerSettings(watch_gradients=True))
    with pytest.raises(StepFault, match=r"the gradients of the losses \(norm nan\) are not finite at step 1") as fault:
        trainer.train_step()
    assert (fault.value.kind, fault.value.step, fault.value.batch_number) == ("gradient", 1, 0)
    assert fault.value.losses.localization == 0.0


def test_a_fault_names_its_batch_and_where_to_look() -> None:
    trainer = stubs.make_trainer(poisoned_step=4)
    trainer.skip(0)
    trainer.train(2)
    with pytest.raises(StepFault, match=r"step 3 \(.*; batch 3\).* Both losses are at fault") as fault:
        trainer.train_step()
    assert (fault.value.kind, fault.value.step, fault.value.batch_number) == ("loss", 3, 3)
    assert math.isnan(fault.value.losses.total)


def test_batches_that_are_left_out_are_no_steps_batch() -> None:
    trainer = stubs.make_trainer()
    for number in (0, 3, 4):
        trainer.skip(number)
    assert [trainer.batch_number(step) for step in range(5)] == [1, 2, 5, 6, 7]
    assert trainer.skipped == {0, 3, 4}
    seen = []
    for _ in range(4):
        trainer.train_step()
        seen.append(trainer.last_batch.inputs.numpy())
    for inputs, number in zip(seen, (1, 2, 5, 6), strict=True):
        np.testing.assert_array_equal(inputs, stubs.make_batch(number).inputs)


def test_a_batch_is_left_out_on_the_way() -> None:
    trainer = stubs.make_trainer()
    trainer.train(2)
    trainer.skip(2)
    trainer.train(1)
    np.testing.assert_array_equal(trainer.last_batch.inputs, stubs.make_batch(3).inputs)
    # As after a restore of step 1, of which batch 1 turns out to have been at fault.
    trainer.optimizer.iterations.assign(1)
    trainer.skip(1)
    trainer.train(1)
    np.testing.assert_array_equal(trainer.last_batch.inputs, stubs.make_batch(3).inputs)


def test_a_factor_on_the_rate_holds_from_the_next_step_on() -> None:
    class Slope(stubs.TinyModel):
        def regularization_loss(self) -> tf.Tensor:
            return tf.reduce_sum(self.class_head.bias)  # its slope is 1

    class NoLoss(stubs.SquaredLoss):
        def __call__(
            self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            return tf.zeros([]), tf.zeros([])

    trainer = stubs.make_trainer(
        model=Slope(),
        loss=NoLoss(),
        optimizer=stubs.optimizers.momentum(stubs.schedules.Constant(1.0), momentum=0.0),
        settings=TrainerSettings(adjustable_rate=True),
    )
    biases, rates = [], []
    for factor in (1.0, 0.5, 0.25):
        trainer.rate_factor = factor
        trainer.train_step()
        biases.append(float(trainer.model.class_head.bias[0]))
        rates.append(trainer.learning_rate)
    assert biases == [-1.0, -1.5, -1.75]
    assert rates == [1.0, 0.5, 0.25]
    assert trainer.rate_factor == 0.25
    assert trainer._step.compiled.experimental_get_tracing_count() == 1


def test_a_factor_of_an_earlier_start_can_be_given_before_the_first_step() -> None:
    trainer = stubs.make_trainer()
    assert trainer.rate_factor == 1.0
    trainer.rate_factor = 0.5
    trainer.train_step()
    assert (trainer.learning_rate, trainer.rate_factor) == (pytest.approx(0.025), 0.5)
    fixed = stubs.make_trainer()
    fixed.train_step()
    with pytest.raises(ValueError, match=r"only with TrainerSettings\.adjustable_rate"):
        fixed.rate_factor = 0.5


def test_data_that_end_are_an_error() -> None:
    trainer = stubs.make_trainer(steps=2)
    trainer.train(2)
    with pytest.raises(DataEndedError, match="the training data ended before step 3"):
        trainer.train_step()


def test_averaged_weights_are_those_of_the_steps() -> None:
    trainer = stubs.make_trainer(settings=TrainerSettings(average_decay=0.99))
    kernel = trainer.model.stem.kernel
    expected = kernel.numpy()
    for updates in range(1, 4):
        trainer.train_step()
        decay = (1 + updates) / (10 + updates)
        expected = decay * expected + (1 - decay) * kernel.numpy()
    statistics = trainer.model.norm.moving_mean.numpy()
    with trainer.averaged_weights():
        np.testing.assert_allclose(kernel.numpy(), expected, rtol=1e-5)
        np.testing.assert_array_equal(trainer.model.norm.moving_mean.numpy(), statistics)


def test_without_an_average_the_weights_stand_for_themselves() -> None:
    trainer = stubs.make_trainer()
    before = stubs.weights(trainer)
    with trainer.averaged_weights():
        for one, other in zip(before, stubs.weights(trainer), strict=True):
            np.testing.assert_array_equal(one, other)


def test_an_evaluation_with_averages_leaves_no_trace() -> None:
    settings = TrainerSettings(average_decay=0.99)
    evaluated, straight = stubs.make_trainer(settings=settings), stubs.make_trainer(settings=settings)
    for trainer in (evaluated, straight):
        trainer.train(2)
        if trainer is evaluated:
            with trainer.averaged_weights():
                pass
        trainer.train(2)
    for one, other in zip(stubs.weights(evaluated), stubs.weights(straight), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_orbit_controller_can_drive_the_trainer(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = stubs.make_trainer()
    controller = orbit.Controller(global_step=trainer.optimizer.iterations, trainer=trainer, steps_per_loop=2)
    controller.train(5)
    assert trainer.step == 5
    assert "Loss/total_loss" in capsys.readouterr().out


def test_no_steps_give_no_losses() -> None:
    assert stubs.make_trainer().train(0) == {}


def test_the_detection_loss_is_a_loss_of_the_trainer() -> None:
    loss: Loss = DetectionLoss(FocalLoss(0.25, 1.5), SmoothL1Loss(1.0), 1.0, 1.0, True, True)
    trainer = stubs.make_trainer(loss=loss)
    assert math.isfinite(trainer.train_step().total)


def _broken_after(steps: int) -> tf.data.Dataset:
    batches = stubs.make_dataset(0, steps=8)
    return batches.enumerate().map(
        lambda index, batch: (tf.debugging.assert_less(index, tf.constant(steps, tf.int64), "bad record"), batch)[1]
    )


def test_waiting_for_a_batch_is_timed() -> None:
    trainer = stubs.make_trainer()
    trainer.train_step()
    batches = trainer._iterator

    def late() -> Iterator[Batch]:
        while True:
            time.sleep(0.05)
            yield next(batches)

    trainer._iterator = late()
    trainer.train_step()
    assert trainer.seconds_waited >= 0.05


def test_an_error_of_the_data_is_explained() -> None:
    explained: list[tuple[Exception, int]] = []

    def explain(error: Exception, number: int) -> Exception:
        explained.append((error, number))
        return DataError("x.record: record 2")

    trainer = stubs.make_trainer(on_input_error=explain, dataset_fn=lambda start, share: _broken_after(2))
    trainer.train(2)
    with pytest.raises(DataError, match=r"x\.record: record 2"):
        trainer.train_step()
    assert "bad record" in str(explained[0][0])
    assert explained[0][1] == 2


def test_a_batch_is_fetched_anew_where_its_error_was_mended() -> None:
    mended: list[int] = []

    def mend(error: Exception, number: int) -> None:
        mended.append(number)

    def batches(start: int, share: InputShare) -> tf.data.Dataset:
        return stubs.make_dataset(start) if mended else _broken_after(2)

    trainer = stubs.make_trainer(on_input_error=mend, dataset_fn=batches)
    trainer.train(3)
    assert mended == [2]
    np.testing.assert_array_equal(trainer.last_batch.inputs, stubs.make_batch(2).inputs)


@pytest.mark.parametrize(
    ("error", "raised", "text"),
    [
        (
            tf.errors.UnknownError,
            DataError,
            r"^batch 0 cannot be read: /nfs/a\.record; Stale file handle\. .* the disk",
        ),
        (tf.errors.UnavailableError, tf.errors.UnavailableError, "Collective ops is aborted"),  # a worker is lost
    ],
)
def test_a_disk_that_fails_is_told_in_a_sentence(
    error: type[tf.errors.OpError], raised: type[Exception], text: str
) -> None:
    message = "Collective ops is aborted" if raised is error else "/nfs/a.record; Stale file handle\n\t[[{{node x}}]]"

    def fail(start: int, share: InputShare) -> tf.data.Dataset:
        raise error(None, None, message)

    with pytest.raises(raised, match=text):
        stubs.make_trainer(dataset_fn=fail).train_step()


def test_an_error_of_the_step_is_not_blamed_on_the_data() -> None:
    trainer = stubs.make_trainer(on_input_error=lambda error, number: DataError("wrongly blamed"))

    def fail(inputs: tf.Tensor, targets: Targets) -> tf.Tensor:
        raise tf.errors.InvalidArgumentError(None, None, "in the step")

    trainer._step = fail
    with pytest.raises(tf.errors.InvalidArgumentError, match="in the step"):
        trainer.train_step()
