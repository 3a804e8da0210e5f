# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from efficientdet.bench.cases import Case, Material, case_of
from efficientdet.bench.child import Job, MeasurementError, measured
from efficientdet.bench.figures import Figure, Sample
from efficientdet.bench.measuring import measure

_CONFIGS = {"d0": "d0.config", "lite0": "lite0.config"}


class Heard:
    """Notes what a listener is told."""

    def __init__(self) -> None:
        self.details: list[str] = []
        self.figures: dict[str, Figure] = {}
        self.failures: dict[str, str] = {}

    def on_progress(self, case: Case, detail: str) -> None:
        self.details.append(f"{case.name}: {detail}")

    def on_figure(self, case: Case, figure: Figure) -> None:
        self.figures[case.name] = figure

    def on_failure(self, case: Case, error: MeasurementError) -> None:
        self.failures[case.name] = str(error)


@pytest.fixture(autouse=True)
def _no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(material: Material, folder: Path) -> tuple[Path, Path]:
        return folder / "label_map.pbtxt", folder / f"{material.boxes}.record"

    monkeypatch.setattr("efficientdet.bench.measuring.drawn", drawn)


def test_each_case_is_a_figure_of_its_processes() -> None:
    jobs: list[Job] = []

    def run(job: Job, on_progress: Callable[[str], None]) -> Sample:
        jobs.append(job)
        on_progress("half")
        return Sample((float(len(jobs)),))

    heard = Heard()
    cases = [case_of("start").quick(), case_of("growth-boxes-500"), case_of("inference-lite0")]
    measure(cases, _CONFIGS, ["model { }"], heard, run=run)
    assert [job.case.name for job in jobs] == ["start", "start", "start", "growth-boxes-500", "inference-lite0"]
    assert [job.config_path for job in jobs[2:]] == ["d0.config", "d0.config", "lite0.config"]
    assert Path(jobs[3].records).name == "500.record"
    assert jobs[0].overrides == ("model { }",)
    assert (heard.figures["start"].median, heard.figures["start"].runs) == (2.0, 3)
    assert "start: process 2 of 3: half" in heard.details
    assert "inference-lite0: half" in heard.details


def test_a_failure_does_not_end_the_others() -> None:
    def run(job: Job, on_progress: Callable[[str], None]) -> Sample:
        if job.case.name == "reading":
            raise MeasurementError("no memory")
        return Sample((1.0,))

    heard = Heard()
    measure([case_of("reading"), case_of("reading-boxes")], _CONFIGS, [], heard, run=run)
    assert (list(heard.figures), heard.failures) == (["reading-boxes"], {"reading": "no memory"})


def _job(folder: Path) -> Job:
    return Job(case_of("growth-boxes-10"), "d0.config", ("a", "b"), str(folder), "map", "records")


def test_a_job_survives_its_file(tmp_path: Path) -> None:
    assert Job.from_text(_job(tmp_path).as_text()) == _job(tmp_path)


_CHILD = """
import json, sys
print("one"); print("two")
print("a warning", file=sys.stderr)
assert json.load(open(sys.argv[1]))["case"]["name"] == "growth-boxes-10"
sample = dict(values=[1.5], plain=[], peak_memory=0, yardstick=None, more={})
{end}
json.dump(sample, open(sys.argv[2], "w"))
"""


def test_a_child_is_followed(tmp_path: Path) -> None:
    told: list[str] = []
    program = ("-c", _CHILD.replace("{end}", ""))
    assert measured(_job(tmp_path), told.append, program=program) == Sample((1.5,))
    assert told == ["one", "two"]


def test_a_child_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    measured(_job(tmp_path), program=("-c", _CHILD.replace("{end}", "")))  # leaves a sample, which must not count
    program = ("-c", _CHILD.replace("{end}", "raise SystemExit(3)"))
    with pytest.raises(MeasurementError, match="'growth-boxes-10' ended with exit code 3:\na warning"):
        measured(_job(tmp_path), program=program)


@pytest.mark.parametrize(("name", "words"), [("SIGKILL", "was killed, probably because"), ("SIGABRT", "by signal 6")])
def test_a_child_that_is_killed_says_so(tmp_path: Path, name: str, words: str) -> None:
    program = ("-c", f"import os, signal; os.kill(os.getpid(), signal.{name})")
    with pytest.raises(MeasurementError, match=words):
        measured(_job(tmp_path), program=program)
