# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from efficientdet.config import PipelineConfig
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.data.record_encoding import encode_example, frame_record
from efficientdet.doctor.machine.child import Job, OnProgress, OutOfMemoryError
from efficientdet.doctor.machine.memory import Memory
from efficientdet.errors import ConfigError, DataError
from efficientdet.tuning import batch_search
from efficientdet.tuning.batch_report import report_of
from efficientdet.tuning.batch_search import BatchFit, find_batch
from tests.doctor.machine.figures import GB, RUN, bccd_config
from tests.end_to_end import tiny


@pytest.fixture
def config(tmp_path: Path) -> PipelineConfig:
    record = encode_example(encoded=b"", image_format="jpeg", size=(30, 20), filename="a.jpg", source_id="1", boxes=[])
    (tmp_path / "train.record").write_bytes(b"".join(frame_record(record)))
    write_label_map([Label(1, "cat", "")], tmp_path / "label_map.pbtxt")
    return bccd_config(tiny.data_override(tmp_path))


class _Machine:
    """A machine on which steps take a gigabyte, and another one for each image at a time on a replica.

    Args:
      most: images at a time on a replica, of more than which the system ends a process.
      run_bytes: that the run holds with so many at a time.
      growth: of the memory of large batches over that of small ones.
    """

    def __init__(self, most: int = 1000, *, run_bytes: float = 0, replicas: int = 1, growth: float = 1.0) -> None:
        self.tried: list[tuple[str, int, int]] = []
        self._most, self._run_bytes, self._replicas, self._growth = most, run_bytes, replicas, growth

    def __call__(self, job: Job, on_progress: OnProgress) -> dict[str, Any]:
        train = job.config.proto.train_config
        parts = train.gradient_accumulation_steps
        self.tried.append((job.task, train.batch_size, parts))
        each = train.batch_size / parts / self._replicas
        assert each.is_integer()
        if each > self._most:
            raise OutOfMemoryError("no")
        held = GB + each**self._growth * GB
        if job.task == "memory":
            device = {"device_bytes": held if self._replicas > 1 else 0}
            return {"batch_size": train.batch_size, "host_bytes": held, **device, "replicas": self._replicas}
        run = RUN._replace(host_bytes=int(self._run_bytes * each) or held)
        return json.loads(json.dumps(run._asdict()))


def _free(monkeypatch: pytest.MonkeyPatch, host: float, devices: int = 0, device: int = 0) -> None:
    monkeypatch.setattr(batch_search, "free_memory", lambda: Memory(int(host * GB), device))
    monkeypatch.setattr(batch_search, "device_memory", lambda: [device] * devices)


def test_the_line_leads_to_the_largest_batch(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 20.001)  # 18 may be used: 17 images beside the first gigabyte
    machine = _Machine()
    fit = find_batch(config, run=machine)
    assert (fit.per_replica, fit.parts, fit.is_most) == (17, 1, False)
    # From 2 no further than four times as many at once; then what fits is run, and the config's own batch.
    tried = [1, 2, 8, 17]
    assert machine.tried == [*(("memory", batch, 1) for batch in tried), ("run", 17, 1), ("run", 8, 1)]


def test_a_batch_that_does_not_fit_is_computed_in_parts(
    config: PipelineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    _free(monkeypatch, 4.5)  # 4.05: three images
    machine = _Machine()
    fit = find_batch(config, run=machine)
    assert (fit.per_replica, fit.parts) == (3, 4)
    assert machine.tried[-3:] == [("run", 3, 1), ("memory", 8, 4), ("run", 8, 4)]
    report = report_of(config, config, fit)
    assert report.override == "train_config { gradient_accumulation_steps: 4 }"
    assert "the global batch of 8 is computed in 4 parts of 2, one after the other" in report.lines
    assert report.config.proto.train_config.gradient_accumulation_steps == 4
    assert any("freeze_batchnorm" in line for line in report.lines)


def test_what_the_system_ends_is_approached_by_halves(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 100.0)
    fit = find_batch(config, run=_Machine(most=11))
    assert fit.per_replica == 11


def test_memory_that_grows_faster_than_a_line(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 30.0)  # 27: the cube of the square root of 8 is 22.6, that of 9 is 27, and one more
    assert find_batch(config, run=_Machine(growth=1.5)).per_replica == 8


def test_no_more_is_tried_than_is_of_use(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 1e6)
    fit = find_batch(config, run=_Machine())
    assert (fit.per_replica, fit.is_most) == (128, True)  # the published batch
    assert find_batch(config, most=5, run=_Machine()).per_replica == 5
    assert find_batch(config, most=1, run=_Machine()).per_replica == 1


def test_memory_that_is_given(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 100.0)
    assert find_batch(config, memory=int(4.5 * GB), run=_Machine()).per_replica == 3
    _free(monkeypatch, 4.5)  # what is not there cannot be given
    assert find_batch(config, memory=100 * GB, run=_Machine()).per_replica == 3


def test_a_run_that_holds_more_than_its_steps(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 20.001)  # 18: four images of 4 GB each in the run, though steps of 17 fit
    machine = _Machine(run_bytes=4 * GB)
    fit = find_batch(config, run=machine)
    # A tenth less, rounded down, until it fits: 17, 15, 13, 11, 9, 8, 7, 6, 5, 4.
    assert fit.per_replica == 4
    assert fit.parts == 2
    assert fit.held == 16 * GB


def test_replicas_are_those_that_tensorflow_sees(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 8 * GB, devices=2, device=4 * GB)
    machine = _Machine()  # has no GPU for TensorFlow, whatever the system lists
    fit = find_batch(config, run=machine)
    assert [batch for task, batch, _ in machine.tried if task == "memory"][:2] == [2, 1]
    assert (fit.replicas, fit.free.device) == (1, 0)


def test_replicas_share_the_batch(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 1000.0, devices=2, device=5 * GB)  # 4.5: three images on each
    fit = find_batch(config, run=_Machine(replicas=2))
    assert (fit.per_replica, fit.replicas, fit.parts) == (3, 2, 2)
    odd = config.copy()
    odd.proto.train_config.batch_size = 7
    fit = find_batch(odd, run=_Machine(replicas=2))
    assert (fit.parts, fit.run) == (0, None)
    report = report_of(odd, odd, fit)
    assert "a batch of 7 cannot be shared by 2 replicas: 6 can" in report.lines
    assert report.override == "train_config { batch_size: 6 }"


def test_nothing_fits(config: PipelineConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    _free(monkeypatch, 2.0)
    with pytest.raises(ConfigError, match=r"not even one image at a time fits into 2\.00 GB of memory"):
        find_batch(config, run=_Machine())
    _free(monkeypatch, 20.0)
    with pytest.raises(ConfigError, match=r"with its evaluation the run does not"):
        find_batch(config, run=_Machine(run_bytes=100 * GB))


def test_files_that_are_not_there(config: PipelineConfig, tmp_path: Path) -> None:
    (tmp_path / "train.record").unlink()
    with pytest.raises(DataError, match=r"override\[1\].*matches no file"):
        find_batch(config, run=_Machine())


def test_a_config_that_fits_as_it_is(config: PipelineConfig) -> None:
    fit = BatchFit(9, False, 1, 8, 1, Memory(20 * GB), (), RUN, 0)
    report = report_of(config, config, fit)
    assert report.override == ""
    assert report.lines[-1] == "the config fits as it is"
    assert any("16.0 images/s on the CPU; it holds 3.00 GB" in line for line in report.lines)
