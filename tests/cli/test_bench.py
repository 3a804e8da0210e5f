# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet bench`, with measurements that are over at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from efficientdet.bench.cases import Case
from efficientdet.bench.child import MeasurementError
from efficientdet.bench.document import BEGIN, END
from efficientdet.bench.figures import Figure, read_results
from efficientdet.cli import bench
from tests.bench.examples import figure, results

Measured = Callable[[Case], Figure]


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> list[Case]:
    """The measurements that were asked for, each of which finds half a second."""
    asked: list[Case] = []

    def measure(given: Sequence[Case], configs: Any, overrides: Any, listener: Any) -> None:
        asked.extend(given)
        for case in given:
            if case.name == "export":
                listener.on_failure(case, MeasurementError("no disk"))
            else:
                listener.on_progress(case, "half")
                listener.on_figure(case, figure(0.5))

    monkeypatch.setattr(bench, "measure", measure)
    return asked


def test_figures_are_shown_and_kept(cases: list[Case], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "figures.json"
    assert bench.main(["step", f"--json={path}", "--quick"]) == 0
    assert [(case.name, case.batch_size, case.repeats) for case in cases] == [("step", 2, 3), ("step-batch8", 8, 3)]
    written = read_results(path)
    assert written.figures == {"step": figure(0.5), "step-batch8": figure(0.5)}
    assert written.settings == {}
    assert "500 ms" in capsys.readouterr().out


def test_repeats_are_processes_where_a_process_can_measure_once(cases: list[Case]) -> None:
    bench.main(["start", "reading-boxes", "--repeats=2"])
    assert [(case.processes, case.repeats) for case in cases] == [(2, 1), (1, 2)]


def test_a_failure_is_told_and_the_rest_is_kept(
    cases: list[Case], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    assert bench.main(["step", "export", "memory", f"--json={path}"]) == 2
    assert list(read_results(path).figures)[:2] == ["step", "step-batch8"]
    assert "activations" in read_results(path).figures
    assert "no disk" in capsys.readouterr().err


@pytest.mark.parametrize(("before", "code"), [(0.45, 0), (0.4, 1)])
def test_the_exit_code_says_whether_anything_is_worse(
    cases: list[Case], tmp_path: Path, capsys: pytest.CaptureFixture[str], before: float, code: int
) -> None:
    path = tmp_path / "before.json"
    results(step=figure(before), start=figure()).write(path)
    assert bench.main(["step", f"--compare={path}"]) == code
    out = capsys.readouterr().out
    assert f"1 ratios compared, {code} worse by more than they may vary" in out
    assert ("step: 1.6 -> 2 times fp32 GEMM (+25%)" in out) == bool(code)
    assert "not measured" not in out


def test_earlier_figures_become_a_document(cases: list[Case], tmp_path: Path) -> None:
    given, document = tmp_path / "given.json", tmp_path / "speed.md"
    results(step=figure(0.5)).write(given)
    document.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    assert bench.main([f"--from={given}", f"--document={document}"]) == 0
    assert cases == []
    assert "| 500 ms |" in document.read_text(encoding="utf-8")


def test_mistakes_of_the_user(cases: list[Case], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["speed"]) == 2
    assert "'speed' is no measurement" in capsys.readouterr().err
    assert bench.main(["--pipeline_config_path=nowhere.config"]) == 2
    assert "nowhere.config does not exist" in capsys.readouterr().err
    assert bench.main([f"--compare={tmp_path / 'none.json'}"]) == 2
    assert bench.main(["input", str(tmp_path / "none.config")]) == 2
    assert "none.config" in capsys.readouterr().err
    assert cases == []


def test_a_comparison_that_cannot_be_is_refused_before_anything_is_measured(
    cases: list[Case], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "before.json"
    results(start=figure()).write(path)
    assert bench.main(["step", f"--compare={path}"]) == 2
    assert "nothing to compare with" in capsys.readouterr().err
    assert bench.main(["start", f"--compare={path}", "--override=train_config { num_steps: 9 }"]) == 2
    assert "only like can be compared" in capsys.readouterr().err
    assert cases == []


def test_mistakes_are_told_before_anything_is_measured(
    cases: list[Case], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "speed.md"
    document.write_text("# Speed", encoding="utf-8")
    assert bench.main(["step", f"--document={document}"]) == 2
    assert "must have the lines" in capsys.readouterr().err
    assert bench.main(["step", "--override=train_config { batch_sice: 1 }"]) == 2
    assert "batch_sice" in capsys.readouterr().err
    assert bench.main(["step", f"--json={tmp_path}"]) == 2
    assert f"--json: {tmp_path} cannot be written" in capsys.readouterr().err
    assert cases == []


def test_earlier_figures_stay_until_there_is_a_new_one(cases: list[Case], tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    results(step=figure(0.4)).write(path)
    assert bench.main(["export", f"--json={path}"]) == 2  # which fails
    assert read_results(path).figures == {"step": figure(0.4)}


def test_figures_of_a_file_are_not_measured(
    cases: list[Case], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    results(step=figure()).write(path)
    assert bench.main([f"--from={path}", "--quick", "start"]) == 2
    assert "--from measures nothing: --quick, start cannot go with it" in capsys.readouterr().err
    results(walk=figure()).write(path)
    assert bench.main([f"--from={path}"]) == 2
    assert f"{path}: 'walk' is no measurement of this version" in capsys.readouterr().err
    assert cases == []


def test_input_is_about_a_config(cases: list[Case], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["input", "--help"])
    assert "usage: efficientdet bench input" in capsys.readouterr().out
    assert bench.main(["input", "reading"]) == 2
    assert "reading" in capsys.readouterr().err
    assert cases == []
