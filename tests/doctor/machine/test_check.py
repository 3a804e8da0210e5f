# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from efficientdet.config import PipelineConfig
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.data.record_encoding import encode_example, frame_record
from efficientdet.doctor import machine
from efficientdet.doctor.machine import check_machine, run_figures
from efficientdet.doctor.machine.child import Job, OnProgress, OutOfMemoryError
from efficientdet.doctor.machine.memory import Memory
from efficientdet.doctor.machine.verdicts import MEMORY_SHORT, OVER_BUDGET
from efficientdet.errors import DataError
from tests.doctor.machine.figures import GB, RUN, bccd_config
from tests.end_to_end import tiny


def _config(folder: Path) -> PipelineConfig:
    record = encode_example(encoded=b"", image_format="jpeg", size=(30, 20), filename="a.jpg", source_id="1", boxes=[])
    (folder / "train.record").write_bytes(b"".join(frame_record(record)))
    write_label_map([Label(1, "cat", "")], folder / "label_map.pbtxt")
    return bccd_config(tiny.data_override(folder))


class _Machine:
    """Runs jobs as a machine would on which so many pictures of a batch fit."""

    def __init__(self, largest: int, seconds: float = 0.5) -> None:
        self.tasks: list[tuple[str, int]] = []
        self._largest = largest
        self._steps = RUN.steps._replace(seconds=(seconds, seconds))

    def __call__(self, job: Job, on_progress: OnProgress) -> Mapping[str, Any]:
        batch_size = job.config.proto.train_config.batch_size
        self.tasks.append((job.task, batch_size))
        on_progress("step 1", 1.0)
        if batch_size > self._largest:
            raise OutOfMemoryError("no")
        if job.task == "memory":
            assert (Path(job.folder) / "largest.record").stat().st_size > 0
            figures: dict[str, Any] = {"batch_size": batch_size, "host_bytes": (1 + batch_size) * GB, "device_bytes": 0}
            return figures
        return json.loads(json.dumps(RUN._replace(steps=self._steps)._asdict()))


@pytest.fixture(autouse=True)
def _free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "free_memory", lambda: Memory(20 * GB))


def _space(part: Any) -> dict[str, Any]:
    return {row[0]: row[1] for row in part.tables[-1].rows}


def test_figures_survive_json() -> None:
    assert run_figures(json.loads(json.dumps(RUN._asdict()))) == RUN


def test_a_batch_that_fits_and_the_largest_one(tmp_path: Path) -> None:
    runs = _Machine(largest=17)
    part = check_machine(_config(tmp_path), model_dir=tmp_path / "not" / "there", run=runs)
    # 18 GB may be used: 17 pictures after the first gigabyte, which is tried as well.
    assert runs.tasks == [("run", 8), ("memory", 8), ("memory", 4), ("memory", 17)]
    assert part.findings == ()
    assert ("largest batch that fits", 17, "tried") in part.tables[-1].rows
    assert _space(part)["largest image"] == "30 x 20"


def test_what_fits_is_an_estimate_where_it_was_not_to_be_had(tmp_path: Path) -> None:
    part = check_machine(_config(tmp_path), run=_Machine(largest=16))
    assert ("largest batch that fits", 17, "estimate, from a line through the measured ones") in part.tables[-1].rows


def test_a_batch_that_does_not_fit_is_halved_until_one_does(tmp_path: Path) -> None:
    runs = _Machine(largest=3)
    part = check_machine(_config(tmp_path), run=runs)
    assert runs.tasks[:5] == [("run", 8), ("memory", 8), ("memory", 4), ("memory", 2), ("memory", 1)]
    assert [finding.code for finding in part.findings] == [MEMORY_SHORT]
    assert "does not fit" in part.verdict


def test_nothing_fits(tmp_path: Path) -> None:
    part = check_machine(_config(tmp_path), run=_Machine(largest=0))
    assert "not even one image" in part.findings[0].remedy


def test_the_budget_is_in_hours(tmp_path: Path) -> None:
    part = check_machine(_config(tmp_path), budget_hours=1.0, run=_Machine(largest=17, seconds=60.0))
    assert part.findings[0].code == OVER_BUDGET


def test_files_that_are_not_there(tmp_path: Path) -> None:
    config = _config(tmp_path)
    (tmp_path / "train.record").unlink()
    with pytest.raises(DataError, match=r"override\[1\].*matches no file"):
        check_machine(config, run=_Machine(largest=1))


@pytest.mark.slow
def test_a_real_run_of_a_tiny_network(tmp_path: Path) -> None:
    from efficientdet.config import load_config

    tiny.draw_records(tmp_path)
    config = load_config(tiny.CONFIG, [tiny.SIZE, tiny.data_override(tmp_path)])
    before = sorted(path.name for path in tmp_path.rglob("*"))
    started = time.monotonic()
    part = check_machine(config, seconds=1.0, model_dir=tmp_path)
    assert time.monotonic() - started > 1.0
    figures = {row[0]: row[1] for table in part.tables for row in table.rows}
    assert figures["training images"] == 6
    assert figures["memory of the run, batch 2"] > 0.3
    assert 0 < figures["step"] < 10
    assert figures["evaluations"] >= 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == before  # nothing was written beside the data
