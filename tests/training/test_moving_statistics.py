# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Moving statistics of one replica; those of several are in `test_distribution` and `test_workers`."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

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
    strategy = SimpleNamespace(num_replicas_in_sync=2)  # fails if it is asked to run anything
    MovingStatistics(strategy, stubs.TinyModel(normalized=False)).synchronize()  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match="run"):
        MovingStatistics(strategy, stubs.TinyModel()).synchronize()  # type: ignore[arg-type]
