# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Trains the tiny model in several ways and keeps what comes out: alone, or as one of the workers of TF_CONFIG.

Usage: python -m tests.training.worker_program FOLDER STEPS
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import efficientdet  # noqa: F401  (sets TensorFlow's environment before anything imports TensorFlow)
from efficientdet.errors import UsageError
from efficientdet.modeling.normalizations import BatchNormalization
from efficientdet.training import distribution, workers
from efficientdet.training.checkpoint_writing import Retention
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.optimizers import Clipping
from efficientdet.training.trainer import Trainer, TrainerSettings
from tests.evaluation import telegraph
from tests.training import stubs

_SETTINGS = TrainerSettings(Clipping(norm=0.5), average_decay=0.9, watch_gradients=True)
_BATCH_SIZE = 8


def _trainer(strategy: tf.distribute.Strategy, settings: TrainerSettings, **options: bool) -> Trainer:
    with strategy.scope():
        model = stubs.TinyModel(noise=0.0, synchronized=options.get("synchronized", False))
        model.norm.trainable = options.get("normalized", False)
    return stubs.make_trainer(
        model=model, strategy=strategy, settings=settings, seed=3, steps=60, batch_size=_BATCH_SIZE
    )


def _state(trainer: Trainer) -> list[np.ndarray]:
    """All variables, moving statistics by what a checkpoint holds of them, and the averages."""
    trainer.statistics.synchronize()
    values = [variable.numpy() for variable in (*trainer.model.variables, *trainer.optimizer.variables())]
    with trainer.averaged_weights():
        return [*values, *(variable.numpy() for variable in trainer.model.trainable_variables)]


def _resumed(strategy: tf.distribute.Strategy, folder: Path) -> dict[str, Any]:
    """A run with moving statistics of each replica's own that is saved, goes on, and is resumed: both ends."""

    def start() -> tuple[Trainer, TrainingCheckpoints]:
        trainer = _trainer(strategy, _SETTINGS, normalized=True)
        checkpoints = TrainingCheckpoints(
            folder,
            model=trainer.model,
            optimizer=trainer.optimizer,
            retention=Retention(2),
            workers=workers.workers_of(strategy),
        )
        checkpoints.restore_latest()
        return trainer, checkpoints

    trainer, checkpoints = start()
    trainer.train(3)
    trainer.statistics.synchronize()
    checkpoints.save()
    trainer.train(3)
    again, _ = start()
    assert again.step == 3
    again.train(3)
    return {"straight": _state(trainer), "resumed": _state(again)}


def _words(strategy: tf.distribute.Strategy, folder: Path) -> None:
    """What workers tell each other."""
    own = workers.workers_of(strategy)
    said = [worker.decode() for worker in workers.gather(strategy, f"I am {own.index}".encode() * (own.index + 1))]
    assert said == [f"I am {index}" * (index + 1) for index in range(own.count)]
    assert workers.gather(strategy, b"") == [b""] * own.count
    last = own.index == own.count - 1
    assert (workers.agree(strategy, last), workers.agree(strategy, False)) == (True, False)
    workers.require_alike(strategy, "the config", "x")
    if own.count > 1:
        with pytest.raises(UsageError, match="the config differs between the workers"):
            workers.require_alike(strategy, "the config", "y" if last else "x")


def _evaluated(strategy: tf.distribute.Strategy, folder: Path) -> dict[str, Any]:
    """An evaluation whose network reads a moving statistic: workers read it as often as they have batches."""
    with strategy.scope():
        weight = BatchNormalization().add_weight(
            name="weight",
            shape=[],
            initializer=tf.constant_initializer(2.0),
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.MEAN,
        )
    model = telegraph.Telegraph()
    model.weight = weight
    team = workers.Team(strategy)
    evaluator = telegraph.build(
        folder,
        model=model,
        dataset_fn=lambda: telegraph.pictures(1).shard(team.count, team.index),
        keywords={"peers": team},
        write_detections=True,
    )
    evaluation = evaluator.evaluate(40)
    return {"losses": np.array(evaluation.losses), "metrics": np.array(list(evaluation.metrics.values()))}


def main(folder: Path, steps: int) -> None:
    """Writes `worker-<index>.npz` into a folder."""
    distribution.settle_for_cpu()
    strategy = distribution.choose_strategy()
    index = workers.workers_of(strategy).index
    _words(strategy, folder)
    results: dict[str, Any] = {}
    for name, parts, options in (
        ("frozen", 1, {}),
        ("parts", 4 // strategy.num_replicas_in_sync, {}),
        ("synchronized", 1, {"normalized": True, "synchronized": True}),
    ):
        trainer = _trainer(strategy, _SETTINGS._replace(parts=parts), **options)
        results[f"{name}.losses"] = np.array([trainer.train_step() for _ in range(steps)])
        results |= {f"{name}.{number}": value for number, value in enumerate(_state(trainer))}
    for name, values in _resumed(strategy, folder / "run").items():
        results |= {f"{name}.{number}": value for number, value in enumerate(values)}
    results |= {f"evaluated.{name}": value for name, value in _evaluated(strategy, folder / f"eval-{index}").items()}
    np.savez(folder / f"worker-{index}.npz", **results)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
