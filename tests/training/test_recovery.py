# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Steps that cannot stand, and how a run comes back from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.errors import TrainingError
from efficientdet.training.checkpoint_writing import Retention
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.incidents import Action, Incidents
from efficientdet.training.loop import Intervals, run_training
from efficientdet.training.recovery import Fault, FaultPolicy, FaultReport, Recovery, UnusableStepError
from efficientdet.training.run_state import BestEvaluation, RunState
from efficientdet.training.steering import Steering
from efficientdet.training.trainer import Trainer, TrainerSettings
from efficientdet.types import Losses

from . import runs, stubs


def _report(fault: Fault) -> FaultReport:
    return FaultReport(("picture",), ("a cause", "another"), f"incidents/step-{fault.step}")


def _trainer(action: Action, **data: Any) -> Trainer:
    settings = TrainerSettings(adjustable_rate=action == "lower_rate", watch_gradients=True)
    return stubs.make_trainer(settings=settings, **data)


def _run(trainer: Trainer, directory: Path, policy: FaultPolicy, num_steps: int = 8) -> RunState:
    state = RunState()
    recovery = Recovery(policy, Incidents(directory), state, _report)
    checkpoints = TrainingCheckpoints(
        directory,
        model=trainer.model,
        optimizer=trainer.optimizer,
        retention=Retention(9),
        extras={"run_state": state},
    )
    checkpoints.restore_latest()
    run_training(
        trainer,
        checkpoints,
        num_steps=num_steps,
        intervals=Intervals(3, 0),
        steering=Steering(state, recovery=recovery),
    )
    return state


def test_a_run_that_goes_back_knows_what_was_judged_there(tmp_path: Path) -> None:
    trainer, records = _trainer("skip_batch", poisoned_step=6), {4: {"AP": 0.9}}
    steering = runs.steer(recorded=records.get)
    recovery = Recovery(FaultPolicy("skip_batch"), Incidents(tmp_path), steering.state, _report)
    steering = steering._replace(recovery=recovery)
    evaluate = runs.Noting({4: 0.9, 8: 0.5})
    runs.run(trainer, tmp_path, 8, intervals=Intervals(4, 4), evaluate_fn=evaluate, steering=steering)
    assert evaluate.steps == [4, 8]
    assert steering.state.best == BestEvaluation("AP", 0.9, 4)
    assert runs.saved_steps(tmp_path / "best") == [4]


def test_a_run_that_cannot_go_back_says_why_and_from_what(tmp_path: Path) -> None:
    trainer = _trainer("skip_batch", poisoned_step=5)

    def damage() -> None:
        for file in tmp_path.glob("ckpt-*.index"):
            file.write_bytes(b"")

    runs.stop_at(trainer, 4, damage)
    with pytest.raises(TrainingError, match=r"not finite at step 5 .* cannot go back: none of the 2 checkpoints"):
        _run(trainer, tmp_path, FaultPolicy("skip_batch"))
    assert [incident["action"] for incident in _incidents(tmp_path)] == ["stop"]


def _assert_same(one: Trainer, other: Trainer) -> None:
    for weight, expected in zip(stubs.weights(one), stubs.weights(other), strict=True):
        np.testing.assert_array_equal(weight, expected)


def _incidents(directory: Path) -> list[dict[str, Any]]:
    return json.loads((directory / "incidents.json").read_text())["incidents"]


def test_a_fault_ends_a_run_and_says_where_to_look(tmp_path: Path) -> None:
    for _ in range(2):  # the second start meets it again
        with pytest.raises(TrainingError, match=r"not finite at step 5 .* incidents/step-5\. .* a cause; another$"):
            _run(_trainer("stop", poisoned_step=5), tmp_path, FaultPolicy("stop"))
    (incident,) = _incidents(tmp_path)
    assert incident.items() >= {"step": 5, "batch": 4, "kind": "loss", "action": "stop", "restored_step": None}.items()
    assert incident["losses"]["Loss/total_loss"] is None
    assert incident["source_ids"] == ["picture"]


@pytest.mark.parametrize("poisoned", [2, 5])  # before and after the first checkpoint
def test_a_batch_is_skipped_as_if_it_had_never_been_there(tmp_path: Path, poisoned: int) -> None:
    trainer = _trainer("skip_batch", poisoned_step=poisoned)
    _run(trainer, tmp_path / "run", FaultPolicy("skip_batch"))
    without = _trainer("skip_batch")
    without.skip(poisoned - 1)
    _run(without, tmp_path / "without", FaultPolicy("skip_batch"))
    _assert_same(trainer, without)
    (incident,) = _incidents(tmp_path / "run")
    assert (incident["batch"], incident["restored_step"]) == (poisoned - 1, poisoned // 3 * 3)


def test_a_later_start_skips_it_as_well(tmp_path: Path) -> None:
    whole, first, second = (_trainer("skip_batch", poisoned_step=5) for _ in range(3))
    _run(whole, tmp_path / "whole", FaultPolicy("skip_batch"))
    _run(first, tmp_path / "cut", FaultPolicy("skip_batch"), num_steps=5)
    for file in (tmp_path / "cut").glob("ckpt-5*"):  # as after a kill: back to step 3
        file.unlink()
    _run(second, tmp_path / "cut", FaultPolicy("skip_batch"))
    _assert_same(second, whole)
    assert len(_incidents(tmp_path / "cut")) == 1


def _jumps(at: int) -> Any:
    """Batches of which one has targets far off."""

    def dataset(start: int, share: object) -> Any:
        batches = [stubs.make_batch(number) for number in range(start, 30)]
        if at >= start:
            targets = batches[at - start].targets
            far = targets._replace(box_codes=targets.box_codes + 1000)
            batches[at - start] = batches[at - start]._replace(targets=far)
        return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(lambda *leaves: np.stack(leaves), *batches))

    return dataset


@pytest.mark.field("FaultHandling.max_loss_jump")
def test_a_loss_that_jumps_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"loss of step 12 .* jumps to .*median of the 11 steps before"):
        _run(_trainer("stop", dataset_fn=_jumps(11)), tmp_path / "run", FaultPolicy(), num_steps=13)
    allowed = _trainer("stop", dataset_fn=_jumps(11))
    _run(allowed, tmp_path / "allowed", FaultPolicy(max_loss_jump=0), num_steps=13)
    assert allowed.step == 13


def _watched(losses: list[float], limit: float) -> int | None:
    """The step, from 1, at which a loss jumped."""
    recovery = Recovery(FaultPolicy(max_loss_jump=limit), Incidents("nowhere", writes=False), RunState(), _report)
    for step, loss in enumerate(losses, 1):
        try:
            recovery.watch(step, step - 1, Losses(loss, 0.0, 0.0, loss))
        except UnusableStepError as fault:
            return fault.batch_number + 1
    return None


def test_a_jump_is_measured_against_the_median() -> None:
    usual = [1.0] * 11
    assert _watched([*usual, 10.0], limit=10) is None
    assert _watched([*usual, 10.1], limit=10) == 12
    assert _watched([*usual, 10.1], limit=0) is None
    mixed = [0.01] * 6 + [3.0] * 5  # median 0.01: pictures without objects
    assert _watched([*mixed, 30.0], limit=100) is None
    assert _watched([*mixed, 30.1], limit=100) == 12
    assert _watched([*mixed, 6.0], limit=2) is None
    assert _watched([*mixed, 6.1], limit=2) == 12  # whoever allows less than ten times means it
    assert _watched([1.0] * 9 + [1e6], limit=10) is None  # too few to say what is usual
    assert _watched([0.0] * 20 + [1.0], limit=10) is None  # nothing is a multiple of 0


@pytest.mark.field("FaultHandling.rate_factor")
def test_the_rate_is_lowered_from_the_restored_step_on(tmp_path: Path) -> None:
    trainer = _trainer("lower_rate", dataset_fn=_jumps(13))
    with pytest.raises(TrainingError, match=r"The 2 recoveries of fault_handling\.max_recoveries are spent"):
        _run(trainer, tmp_path, FaultPolicy("lower_rate", max_recoveries=2, rate_factor=0.25), num_steps=16)
    assert trainer.rate_factor == 0.0625
    assert [(one["action"], one["restored_step"]) for one in _incidents(tmp_path)] == [
        ("lower_rate", 12), ("lower_rate", 12), ("stop", None),
    ]  # fmt: skip


def test_a_later_start_lowers_the_rate_at_the_same_step(tmp_path: Path) -> None:
    whole, first, second = (_trainer("lower_rate", poisoned_step=5) for _ in range(3))
    policy = FaultPolicy("lower_rate", rate_factor=0.5, max_recoveries=1)
    incidents = Incidents(tmp_path)
    for trainer, directory, steps in ((whole, "whole", 8), (first, "cut", 4), (second, "cut", 8)):
        with pytest.MonkeyPatch.context() as patch:
            if trainer is second:  # the checkpoints from which the rate was lowered are lost
                for file in (tmp_path / "cut").glob("ckpt-[34]*"):
                    file.unlink()
            patch.setattr(trainer, "_dataset_fn", lambda start, share: stubs.make_dataset(start))
            (tmp_path / directory).mkdir(exist_ok=True)
            lowered = {
                "step": 5,
                "batch": 4,
                "kind": "loss",
                "losses": {},
                "source_ids": [],
                "causes": [],
                "folder": "",
            }
            lowered |= {"action": "lower_rate", "restored_step": 3, "rate_factor": 0.5}
            content = {"incidents": [lowered], "excluded_records": []}
            (tmp_path / directory / "incidents.json").write_text(json.dumps(content))
            _run(trainer, tmp_path / directory, policy, num_steps=steps)
    assert whole.rate_factor == 0.5
    assert not incidents.incidents
    _assert_same(second, whole)


@pytest.mark.field("FaultHandling.max_recoveries")
def test_recoveries_are_counted_over_all_starts(tmp_path: Path) -> None:
    policy = FaultPolicy("skip_batch", max_recoveries=1)
    _run(_trainer("skip_batch", poisoned_step=5), tmp_path, policy, num_steps=6)
    with pytest.raises(TrainingError, match="not finite at step 7"):
        _run(_trainer("skip_batch", poisoned_step=8), tmp_path, policy)  # the 8th batch, since one is left out


def test_weights_that_are_no_numbers_are_a_fault_of_their_step(tmp_path: Path) -> None:
    trainer = _trainer("skip_batch")
    train_step = trainer.train_step

    def spoil() -> Losses:
        losses = train_step()
        if trainer.batch_number(trainer.step - 1) == 5:
            trainer.model.stem.bias.assign([np.nan] * 4)
        return losses

    trainer.train_step = spoil  # type: ignore[method-assign]
    _run(trainer, tmp_path, FaultPolicy("skip_batch"))
    (incident,) = _incidents(tmp_path)
    assert incident.items() >= {"step": 6, "batch": 5, "kind": "weights", "restored_step": 3}.items()
    assert trainer.step == 8
