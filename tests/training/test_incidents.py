# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""incidents.json, over the starts of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from efficientdet.data.checks import RecordFault
from efficientdet.errors import TrainingError
from efficientdet.training.incidents import Action, Incident, Incidents

_RECORD = RecordFault("a.record", 3, "x", "its checksum is wrong")


def _incident(action: Action, *, step: int = 8, batch: int = 7, **more: object) -> Incident:
    losses = {"Loss/total_loss": None, "Loss/classification_loss": 0.1 + 0.2}
    return Incident(step, batch, "loss", losses, ("a", "b"), ("a box",), f"incidents/step-{step}", action, **more)  # type: ignore[arg-type]


def test_a_later_start_knows_all_of_it(tmp_path: Path) -> None:
    incidents = Incidents(tmp_path)
    incidents.add(_incident("skip_batch", restored_step=4))
    incidents.add(_incident("lower_rate", step=11, batch=11, restored_step=8, rate_factor=0.5))
    incidents.exclude([_RECORD])
    later = Incidents(tmp_path)
    assert later.incidents == incidents.incidents
    assert len(later.recoveries) == 2
    assert later.skipped_batches == {7}
    assert later.excluded_records == (_RECORD,)


def test_one_process_goes_on_from_what_another_has_recorded() -> None:
    chief, other = (Incidents("nowhere", writes=False) for _ in range(2))
    chief.add(_incident("skip_batch", restored_step=4))
    chief.exclude([_RECORD])
    other.add(_incident("stop"))
    other.take_over(chief.content())
    assert (other.incidents, other.excluded_records) == (chief.incidents, chief.excluded_records)


def test_a_factor_of_the_rate_counts_from_the_step_it_was_restored_at() -> None:
    incidents = Incidents("nowhere", writes=False)
    incidents.add(_incident("lower_rate", restored_step=4, rate_factor=0.5))
    incidents.add(_incident("lower_rate", restored_step=8, rate_factor=0.25))
    assert [incidents.rate_factor(step) for step in (0, 3, 4, 7, 8, 99)] == [1, 1, 0.5, 0.5, 0.125, 0.125]


def test_an_end_that_comes_again_is_recorded_once(tmp_path: Path) -> None:
    incidents = Incidents(tmp_path)
    incidents.add(_incident("stop"))
    Incidents(tmp_path).add(_incident("stop"))
    assert len(Incidents(tmp_path).incidents) == 1
    assert Incidents(tmp_path).recoveries == ()


def test_a_record_is_excluded_once(tmp_path: Path) -> None:
    incidents = Incidents(tmp_path)
    for _ in range(2):
        incidents.exclude([_RECORD])
    assert len(incidents.excluded_records) == 1


def test_those_who_only_keep_in_step_write_nothing(tmp_path: Path) -> None:
    incidents = Incidents(tmp_path, writes=False)
    incidents.add(_incident("skip_batch"))
    assert incidents.skipped_batches == {7}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["", "{}", '{"incidents": [{"step": 1}], "excluded_records": []}', "[1", "[]", "[" * 100_000], ids=range(6)
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "incidents.json").write_text(text)
    with pytest.raises(TrainingError, match=r"incidents\.json is damaged"):
        Incidents(tmp_path)


_ENTRY = {
    "step": 8, "batch": 7, "kind": "loss", "losses": {"Loss/total_loss": None}, "source_ids": ["a"], "causes": [],
    "folder": "", "action": "lower_rate", "restored_step": 4, "rate_factor": 0.5,
}  # fmt: skip


@pytest.mark.parametrize(
    ("part", "changes", "text"),
    [
        ("incidents", {"batch": "7"}, r"incidents\[1\]\.batch is '7', must be a whole number from 0"),
        ("incidents", {"batch": -1}, r"incidents\[1\]\.batch is -1"),
        ("incidents", {"action": "zap"}, r"incidents\[1\]\.action is 'zap', must be one of stop, skip_batch, lower_r"),
        ("incidents", {"action": ["stop"]}, r"incidents\[1\]\.action"),
        ("incidents", {"rate_factor": "x"}, r"incidents\[1\]\.rate_factor is 'x', must be a number above 0"),
        ("incidents", {"rate_factor": float("inf")}, r"incidents\[1\]\.rate_factor is inf"),
        ("incidents", {"restored_step": "a"}, r"incidents\[1\]\.restored_step is 'a'"),
        ("incidents", {"losses": {"a": "b"}}, r"incidents\[1\]\.losses"),
        ("incidents", {"causes": "ab"}, r"incidents\[1\]\.causes"),
        ("excluded_records", {"record": 1.0}, r"excluded_records\[1\]\.record is 1\.0"),
        ("excluded_records", {"file": None}, r"excluded_records\[1\]\.file is None, must be a text"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, part: str, changes: dict[str, object], text: str) -> None:
    good = {"incidents": _ENTRY, "excluded_records": _RECORD._asdict()}
    content = {name: [entry, entry | changes if name == part else entry] for name, entry in good.items()}
    (tmp_path / "incidents.json").write_text(json.dumps(content))
    with pytest.raises(TrainingError, match=r"incidents\.json is damaged \(" + text):
        Incidents(tmp_path)


def test_a_new_run_does_not_inherit_and_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Incidents(tmp_path).add(_incident("skip_batch", restored_step=4))
    before = (tmp_path / "incidents.json").read_text()
    assert not Incidents(tmp_path, writes=False, resumes=False).incidents
    assert not Incidents(tmp_path, resumes=False).incidents
    (aside,) = tmp_path.iterdir()
    assert aside.read_text() == before
    assert f"renamed to {aside.name}" in caplog.text


def test_what_is_done_otherwise_is_told() -> None:
    incidents = Incidents("nowhere", writes=False)
    assert incidents.summary(9) == ""
    incidents.add(_incident("skip_batch", batch=11, restored_step=4))
    incidents.add(_incident("skip_batch", batch=7, restored_step=4))
    incidents.add(_incident("lower_rate", restored_step=8, rate_factor=0.5))
    incidents.exclude([_RECORD])
    left_out = "batches 7, 11 are left out; 1 unreadable records are left out"
    assert incidents.summary(7) == left_out
    assert incidents.summary(8) == f"{left_out}; the learning rate is 0.5 times that of the schedule"
