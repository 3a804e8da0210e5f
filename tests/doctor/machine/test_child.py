# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pytest

from efficientdet.doctor.machine import child
from efficientdet.doctor.machine.child import Job, OutOfMemoryError, run_job
from efficientdet.errors import DataError, EfficientDetError
from tests.doctor.machine.figures import bccd_config


@pytest.fixture(autouse=True)
def _fake_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_WORKER", "tests.doctor.machine.fake_worker")


def _job(folder: Path, what: str) -> Job:
    return Job("run", dataclasses.replace(bccd_config(), path=what), str(folder), 1.5)


def test_a_job_survives_its_way_through_a_file(tmp_path: Path) -> None:
    job = Job("memory", bccd_config(), str(tmp_path), 2.5)
    copy = Job.from_text(job.as_text())
    assert copy.config.proto == job.config.proto
    assert copy.config.where("train_config.batch_size") == job.config.where("train_config.batch_size")
    assert (copy.task, copy.folder, copy.seconds) == ("memory", str(tmp_path), 2.5)


def test_figures_progress_and_warnings_come_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[tuple[str, float | None]] = []
    with caplog.at_level(logging.WARNING, logger="efficientdet"):
        figures = run_job(_job(tmp_path, "figures"), lambda detail, seconds: seen.append((detail, seconds)))
    assert figures == {"host_bytes": 5}
    assert seen == [("half", 2.0)]
    assert caplog.messages == ["mind this"]


@pytest.mark.parametrize(
    ("what", "kind", "text"),
    [
        ("error", DataError, "a.record: record 3: no picture"),
        ("odd error", EfficientDetError, "No space left on device"),
        ("allocation", OutOfMemoryError, "OOM when allocating"),
        ("killed", OutOfMemoryError, "the system ended it"),
        ("bad_alloc", OutOfMemoryError, "the system ended it"),
        ("broken", RuntimeError, "a mistake of ours"),
        ("segfault", RuntimeError, "exit code -11"),
    ],
)
def test_what_went_wrong_in_the_child_is_raised_here(
    tmp_path: Path, what: str, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        run_job(_job(tmp_path, what))


def test_a_crash_at_another_batch_size_is_for_want_of_memory(tmp_path: Path) -> None:
    with pytest.raises(OutOfMemoryError, match="the system ended it"):
        run_job(_job(tmp_path, "segfault")._replace(task="memory"))


def test_a_child_is_ended_before_it_takes_the_last_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(child, "free_memory_of_host", lambda: 1)
    with pytest.raises(OutOfMemoryError, match="last memory"):
        run_job(_job(tmp_path, "figures"))
