# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What was decided on the way of a training, in its checkpoints."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from efficientdet.training.run_state import RECENT_LOSSES, BestEvaluation, RunState


def _state() -> RunState:
    state = RunState()
    state.evaluated_step = 40
    state.best = BestEvaluation("AP", 0.1 + 0.2, 30)  # which no short decimal is
    state.stopping_best = BestEvaluation("Loss/total_loss", 1e-7, 20)
    state.stale_evaluations = 2
    state.recent_losses.extend([1 / 3, 2e300])
    state.schedule_start_step = 10
    return state


def test_a_checkpoint_gives_every_digit_back(tmp_path: Path) -> None:
    prefix = tf.train.Checkpoint(run_state=_state()).write(str(tmp_path / "ckpt"))
    restored = RunState()
    tf.train.Checkpoint(run_state=restored).read(prefix).assert_consumed()
    assert restored.serialize() == _state().serialize()
    assert restored.best == BestEvaluation("AP", 0.1 + 0.2, 30)
    assert list(restored.recent_losses) == [1 / 3, 2e300]


def test_restoring_leaves_nothing_of_what_came_after(tmp_path: Path) -> None:
    prefix = tf.train.Checkpoint(run_state=RunState()).write(str(tmp_path / "ckpt"))
    later = _state()
    tf.train.Checkpoint(run_state=later).read(prefix)
    assert later.serialize() == RunState().serialize()


def test_a_state_of_an_earlier_version_is_filled_up() -> None:
    state = RunState()
    state.deserialize('{"evaluated_step": 3}')
    assert (state.evaluated_step, state.best, list(state.recent_losses)) == (3, None, [])


def test_only_the_latest_losses_are_kept() -> None:
    state = RunState()
    state.recent_losses.extend(range(RECENT_LOSSES + 2))
    again = RunState()
    again.deserialize(state.serialize())
    again.recent_losses.append(-1)
    assert (again.recent_losses[0], len(again.recent_losses)) == (3, RECENT_LOSSES)


def test_patience_begins_anew_with_a_new_schedule() -> None:
    state = _state()
    state.begin_schedule(10)
    assert state.stale_evaluations == 2
    before = state.serialize()
    state.begin_schedule(50)
    assert (state.stale_evaluations, state.schedule_start_step) == (0, 50)
    state.deserialize(before)  # of a checkpoint to which the run goes back
    assert (state.stale_evaluations, state.schedule_start_step) == (0, 50)
