# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One global batch gives one update, however it is computed: on one replica, on two, or in parts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]

# A process of its own, because the logical devices of a process are settled when TensorFlow first runs an op.
_RUNS = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
import efficientdet
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from efficientdet.modeling import layers
from efficientdet.modeling.hyperparams import BatchNormSettings
from efficientdet.training.optimizers import Clipping
from efficientdet.training.trainer import TrainerSettings
from efficientdet.types import Losses
from training import stubs

ONE = tf.distribute.get_strategy()
TWO = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
NORM = TrainerSettings(Clipping(norm=0.5), average_decay=0.9, watch_gradients=True)
STEPS = {steps}


def trained(strategy, settings, *, normalized=False, synchronized=False, order=range(8), steps=STEPS, **options):
    with strategy.scope():
        model = stubs.TinyModel(noise=0.0, synchronized=synchronized)
        model.norm.trainable = normalized
    rows = list(order)

    def batches(start, share):
        dataset = stubs.make_dataset(start, steps=STEPS, batch_size=8)
        ordered = dataset.map(lambda batch: tf.nest.map_structure(lambda t: tf.gather(t, rows), batch))
        return stubs.replica_batches(ordered, share)

    trainer = stubs.make_trainer(model=model, strategy=strategy, settings=settings, dataset_fn=batches, **options)
    losses = np.array([trainer.train_step() for _ in range(steps)])
    state = [v.numpy() for v in (*model.variables, *trainer.optimizer.variables())]
    with trainer.averaged_weights():
        state += [v.numpy() for v in model.trainable_variables]
    return trainer, losses, state


def compare(name, one, other):
    np.testing.assert_allclose(one[1], other[1], rtol=1e-5, err_msg=name)
    for first, second in zip(one[2], other[2], strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6, err_msg=name)
    weights = [np.max(np.abs(a - b) / (np.abs(b) + 1e-3)) for a, b in zip(one[2], other[2])]
    print(name, "losses", np.max(np.abs(one[1] / other[1] - 1)), "weights", max(weights))


one = trained(ONE, NORM)
if {is_full}:
    compare("two replicas", trained(TWO, NORM), one)
    compare("two parts", trained(ONE, NORM._replace(parts=2)), one)
compare("two replicas in two parts", trained(TWO, NORM._replace(parts=2, scale_losses=True)), one)

if {is_full}:
    # Statistics of synchronized batch norm are those of both replicas; of parts, those of a part of both.
    synchronized = dict(normalized=True, synchronized=True)
    compare("synchronized", trained(TWO, NORM, **synchronized), trained(ONE, NORM, **synchronized))
    parted = NORM._replace(parts=2)
    compare(
        "synchronized in parts",
        trained(TWO, parted, **synchronized),
        trained(ONE, parted, **synchronized, order=[0, 1, 4, 5, 2, 3, 6, 7]),
    )



def statistics(strategy, pictures):
    # Of a layer that has normalised [B, 2, 2, 3] twice, and what it made of them.
    with strategy.scope():
        layer = layers.normalization(3, name="norm", settings=BatchNormSettings(momentum=0.5, synchronized=True))

    @tf.function(autograph=False)
    def replica(number):
        rows = len(pictures) // strategy.num_replicas_in_sync
        return layer(pictures[number * rows : (number + 1) * rows], training=True)

    numbers = tf.range(strategy.num_replicas_in_sync)
    values = strategy.experimental_distribute_values_from_function(
        lambda context: numbers[context.replica_id_in_sync_group]
    )
    for _ in range(2):
        y = strategy.run(replica, args=(values,))
    parts = [part.numpy() for part in strategy.experimental_local_results(y)]
    return np.concatenate(parts), layer.moving_mean.numpy(), layer.moving_variance.numpy()


# The moving variance is that of a sample of 16 values, 16 / 15 of the batch's.
pictures = 3.0 + tf.random.stateless_normal([4, 2, 2, 3], [1, 2])
for first, second in zip(statistics(TWO, pictures), statistics(ONE, pictures), strict=True):
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-5)

# Each replica divides by its own matches, and the shares are averaged.
start, loss, batch = stubs.TinyModel(noise=0.0), stubs.SquaredLoss(), stubs.make_batch(0, 8)
halves = []
for rows in (slice(0, 4), slice(4, 8)):
    targets = tf.nest.map_structure(lambda t: tf.constant(t[rows]), batch.targets)
    halves.append(loss(start(batch.inputs[rows]), targets, loss.num_matched(targets)))
own = trained(TWO, TrainerSettings(normalizer_scope="replica"), steps=1)[1][0]
np.testing.assert_allclose(own[:2], np.mean(halves, axis=0), rtol=1e-5)
assert abs(one[1][0, 0] / own[0] - 1) > 1e-3


# An overflow leaves the weights of both replicas, and a look leaves no trace.
class Steep(stubs.SquaredLoss):
    def __call__(self, predictions, targets, normalizer):
        return 1e36 * tf.reduce_sum(predictions.box_codes) ** 2 * 0.0, 1e34 * tf.reduce_sum(predictions.class_logits)


scaled = TrainerSettings(scale_losses=True, average_decay=0.9, adjustable_rate=True)
trainer, _, after = trained(TWO, scaled, steps=1, loss=Steep())
assert (trainer.step, float(trainer.loss_scale.scale.numpy())) == (1, 2.0**14)
for kept, before in zip(after, stubs.TinyModel().variables):
    np.testing.assert_array_equal(kept, before.numpy())
trainer.rate_factor = 0.5
assert trainer.rate_factor == 0.5

trainer, losses, before = trained(TWO, NORM, normalized=True, steps=1)
look = tf.function(lambda inputs, targets: TWO.run(trainer.replica_gradients, args=(inputs, targets)), autograph=False)
batch = trainer.last_global_batch
seen, gradients = look(batch.inputs, batch.targets)
for one_, other in zip(before, [v.numpy() for v in (*trainer.model.variables, *trainer.optimizer.variables())]):
    np.testing.assert_array_equal(one_, other)
first, second = (TWO.experimental_local_results(g) for g in (seen.total, gradients[0]))
assert first[0] == first[1] and np.array_equal(*second)
print("all are equal")
"""


@pytest.mark.parametrize(
    ("steps", "is_full"), [(3, False), pytest.param(20, True, marks=pytest.mark.slow)], ids=["quick", "full"]
)
def test_one_global_batch_gives_one_update(steps: int, is_full: bool) -> None:
    script = _RUNS.format(root=str(_ROOT), tests=str(_ROOT / "tests"), steps=steps, is_full=is_full)
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "all are equal" in process.stdout, process.stderr[-3000:]
