# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Moving statistics of one replica; those of several are in `test_distribution` and `test_workers`."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from efficientdet.training.moving_statistics import MovingStatistics
from tests.training import stubs


def test_one_replica_has_nothing_to_synchronize() -> None:
    trainer = stubs.make_trainer()
    trainer.train_step()
    before = [variable.numpy() for variable in trainer.model.variables]
    trainer.statistics.synchronize()
    for variable, value in zip(trainer.model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_a_model_without_statistics_has_nothing_to_synchronize() -> None:
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        model = stubs.TinyModel(normalized=False)
    MovingStatistics(strategy, model).synchronize()
