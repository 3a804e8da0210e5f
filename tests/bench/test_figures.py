# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from efficientdet.bench.figures import Figure, Sample, Yardstick, figure_of, read_results
from efficientdet.errors import UsageError
from tests.bench.examples import GEMM, figure, results


def test_a_figure_of_one_process() -> None:
    sample = Sample((3.0, 1.0, 2.0), plain=(4.0, 4.0, 4.0), peak_memory=7, yardstick=GEMM, more={"CPU, s": 1.5})
    found = figure_of([sample], "s")
    # The ratios are 3/4, 1/4 and 2/4.
    assert found == Figure("s", 2.0, 1.0, 3, to_plain=0.5, yardstick=GEMM, peak_memory=7, more={"CPU, s": 1.5})
    assert found.to_yardstick == 4.0  # 1 s at .25 s
    assert found.median_to_yardstick == 8.0


def test_a_figure_of_several_processes() -> None:
    slow, quick = GEMM._replace(seconds=0.5), GEMM
    samples = [
        Sample((4.0,), peak_memory=5, yardstick=slow, more={"imports, s": 1.0}),
        Sample((2.0,), peak_memory=9, yardstick=quick, more={"imports, s": 2.0, "building, s": 8.0}),
        Sample((9.0,), yardstick=slow, more={"imports, s": 6.0}),
    ]
    found = figure_of(samples, "s")
    assert (found.median, found.minimum, found.runs, found.peak_memory) == (4.0, 2.0, 3, 9)
    assert found.yardstick == quick
    assert found.to_plain is None
    assert found.more == {"imports, s": 2.0, "building, s": 8.0}


def test_without_a_yardstick_there_is_no_ratio() -> None:
    assert figure(yardstick=None).to_yardstick is None
    assert figure(yardstick=Yardstick("fp32 GEMM", 0.0, 0.0, "")).to_yardstick is None


def test_a_sample_survives_json() -> None:
    for sample in (Sample((1.0, 2.0), (3.0, 4.0), 5, GEMM, {"a, s": 6.0}), Sample((1.0,))):
        assert Sample.from_record(json.loads(json.dumps(dataclasses.asdict(sample)))) == sample


def test_results_survive_a_file(tmp_path: Path) -> None:
    written = results(step=figure(to_plain=0.7, more={"CPU, s": 1.0}), memory=figure(unit="B", yardstick=None))
    written.settings["override"] = "train_config { }"
    written.write(tmp_path / "figures.json")
    assert read_results(tmp_path / "figures.json") == written


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("[]", "no file of efficientdet bench"),
        ("{", "no file of efficientdet bench"),
        ('{"machine": {}}', "no file of efficientdet bench"),
        ('{"schema": 0, "machine": {}, "settings": {}, "figures": {}}', r"its schema \(0\) is not 1"),
        ('{"schema": 1, "machine": {}, "settings": {}, "figures": {"step": {}}}', "no file of efficientdet bench"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: str, rule: str) -> None:
    path = tmp_path / "figures.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=rule):
        read_results(path)
