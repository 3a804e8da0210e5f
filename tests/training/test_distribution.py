# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The strategy of this machine, and two replicas against one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf

from efficientdet.data.input_share import InputShare
from efficientdet.errors import WorkerLostError
from efficientdet.training.distribution import choose_strategy, distributed
from efficientdet.training.workers import Workers, agree, gather, loss_of_worker_told, require_alike, workers_of

_ROOT = Path(__file__).resolve().parents[2]

# A process of its own, because the logical devices of a process are settled when TensorFlow first runs an op.
_TWO_REPLICAS = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
import efficientdet
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads, WeightSharedHeadSettings
from efficientdet.training.checkpoint_writing import Retention
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training import optimizers, schedules
from efficientdet.training.variable_rules import VariableRules, trainable_by_path
from efficientdet.training.trainer import TrainerSettings
from training import stubs


def run(strategy, directory):
    with strategy.scope():
        model = stubs.TinyModel(normalized=False, noise=0.0)
        optimizer = optimizers.AdamW(schedules.Constant(0.05), weight_decay=0.5, epsilon=0.1)
        optimizer.exclude_from_weight_decay([model.box_head.kernel])
    variables = trainable_by_path(model)
    factors = {{"class_head/kernel": 0.25, "box_head/kernel": 0.5}}
    rules = VariableRules(variables, frozen={{"stem/kernel"}}, bias_gradient_factor=2.0, update_factors=factors)
    settings = TrainerSettings(optimizers.Clipping(1.0, 1.5, 2.0), average_decay=0.9)
    trainer = stubs.make_trainer(
        model=model, optimizer=optimizer, strategy=strategy, settings=settings, rules=rules
    )
    checkpoints = TrainingCheckpoints(
        directory, model=trainer.model, optimizer=trainer.optimizer, retention=Retention(1)
    )
    checkpoints.restore_latest()
    losses = [trainer.train_step() for _ in range(3)]
    checkpoints.save()
    trained = [v.numpy() for v in trainer.model.variables]
    with trainer.averaged_weights():
        averaged = [v.numpy() for v in trainer.model.variables]
    for before, after in zip(trained, trainer.model.variables):
        np.testing.assert_array_equal(before, after.numpy())
    assert trainer.last_batch.inputs.shape[0] == 4 // strategy.num_replicas_in_sync
    return np.array(losses), trained, averaged, stubs.weights(trainer)


one = run(tf.distribute.get_strategy(), {directory!r} + "/one")
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
two = run(strategy, {directory!r} + "/two")
for first, second in zip(tf.nest.flatten(one), tf.nest.flatten(two)):
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
np.testing.assert_array_equal(two[1][0], stubs.TinyModel(normalized=False).stem.kernel.numpy(), "it is frozen")
assert not np.allclose(two[1][2], two[2][2]), "the averages are the weights themselves"
# A run of two replicas resumes, and its checkpoint fits one device.
again = run(strategy, {directory!r} + "/two")
single = run(tf.distribute.get_strategy(), {directory!r} + "/one")
for first, second in zip(tf.nest.flatten(again), tf.nest.flatten(single)):
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-5)


def heads_gradients(strategy):
    # Of heads whose convolutions are shared by two levels; every replica sees the same pyramid.
    with strategy.scope():
        heads = WeightSharedHeads(
            4, num_levels=2, num_slots=2, num_anchors=1, settings=WeightSharedHeadSettings(depth=4, num_layers=1)
        )
    variables = heads.trainable_variables

    def replica():
        pyramid = [tf.random.stateless_normal([2, side, side, 4], [side, 1]) for side in (4, 2)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            loss = sum(tf.reduce_sum(tf.sin(predictions)) for predictions in heads(pyramid))
        return tf.distribute.get_replica_context().all_reduce("MEAN", tape.gradient(loss, variables))

    gradients = tf.function(lambda: strategy.run(replica), autograph=False)()
    return [strategy.experimental_local_results(gradient)[-1] for gradient in gradients]


one, two = heads_gradients(tf.distribute.get_strategy()), heads_gradients(strategy)
assert len(one) == 2 * (2 * 3 + 2 * 2)
for first, second in zip(one, two):
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-5)

# Each replica moves statistics of its own, until they are given one value, the mean.
trainer = stubs.make_trainer(strategy=strategy)
trainer.train_step()
moved = [v.numpy() for v in strategy.experimental_local_results(trainer.model.norm.moving_mean)]
assert not np.array_equal(*moved)
read = tf.function(lambda: trainer.model.norm.moving_mean + 0.0).get_concrete_function()
np.testing.assert_array_equal(read(), moved[0])
trainer.statistics.synchronize()
now = [v.numpy() for v in strategy.experimental_local_results(trainer.model.norm.moving_mean)]
np.testing.assert_array_equal(*now)
np.testing.assert_allclose(now[0], (moved[0] + moved[1]) / 2, rtol=1e-6)
np.testing.assert_array_equal(read(), now[0])
print("replicas agree")
"""


def test_two_replicas_train_as_one(tmp_path: Path) -> None:
    script = _TWO_REPLICAS.format(root=str(_ROOT), tests=str(_ROOT / "tests"), directory=str(tmp_path))
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "replicas agree" in process.stdout, process.stderr[-3000:]


def test_one_process_agrees_with_itself() -> None:
    alone = tf.distribute.get_strategy()
    assert workers_of(alone) == Workers(0, 1)
    assert workers_of(alone).is_chief
    assert not Workers(1, 2).is_chief
    assert (agree(alone, True), agree(alone, False)) == (True, False)
    assert gather(alone, b"x") == [b"x"]
    require_alike(alone, "the config", "x")


def test_the_share_of_one_replica_is_everything() -> None:
    shares = []
    dataset = tf.data.Dataset.range(3)
    assert distributed(tf.distribute.get_strategy(), lambda share: shares.append(share) or dataset) is dataset
    assert shares == [InputShare(0, 1, 1)]


def test_a_lost_worker_is_named() -> None:
    text = "Collective ops is aborted by: Error reported from /job:worker/task:3: no heartbeats"
    with pytest.raises(WorkerLostError, match="worker 3 is lost"), loss_of_worker_told():
        raise tf.errors.UnavailableError(None, None, text)
    with pytest.raises(tf.errors.UnavailableError, match="the disk"), loss_of_worker_told():
        raise tf.errors.UnavailableError(None, None, "the disk is away")


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="has a GPU")
def test_a_machine_without_gpus_needs_no_strategy() -> None:
    assert choose_strategy() is tf.distribute.get_strategy()


# A process of its own, because what is settled stays for all of a process. Three tensors added make an AddN where the
# arithmetic optimizer runs; convolution, bias and relu make one kernel where the remapper does.
_SETTLED = """
import efficientdet
import tensorflow as tf
from tensorflow.python.eager import context
from efficientdet.training.distribution import settle_for_cpu

if {settled}:
    settle_for_cpu()
x, kernel = tf.ones([1, 16, 16, 8]), tf.ones([3, 3, 8, 8])


@tf.function(autograph=False)
def function(x):
    y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), tf.ones([8])))
    return y + x + 2.0 * x


context.context().enable_graph_collection()
function(x)
graphs = context.context().export_run_metadata().partition_graphs
print("optimized:", *{{node.op for graph in graphs for node in graph.node}})
"""


@pytest.mark.parametrize("settled", [True, False])
def test_what_is_settled_for_cpus_joins_operations_and_adds_in_order(settled: bool) -> None:
    script = _SETTLED.format(settled=settled)
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=_ROOT, env=environment
    )
    assert process.stdout.startswith("optimized:"), process.stderr[-3000:]
    operations = process.stdout.split()
    assert any("FusedConv2D" in operation for operation in operations)
    assert ("AddN" in operations) != settled


def test_several_gpus_are_used_together(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = [SimpleNamespace(name=f"/device:GPU:{index}") for index in range(2)]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: gpus)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda names: ("mirrored", names))
    assert choose_strategy() == ("mirrored", ["/device:GPU:0", "/device:GPU:1"])
