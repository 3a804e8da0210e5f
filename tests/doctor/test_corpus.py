# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Every fault is found in every format that can hold it, nothing in the clean twin, and what is proposed mends it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from efficientdet.config import load_config
from efficientdet.data.dataset_files.class_ids import plan_label_map
from efficientdet.data.dataset_files.dataset_writer import write_dataset
from efficientdet.data.dataset_files.splits import plan_splits
from efficientdet.data.faults import Fault
from efficientdet.data.importers.fixes import read_fixes, write_fixes
from efficientdet.data.importers.recognition import recognise
from efficientdet.data.survey import take_survey
from efficientdet.doctor.data import InputLimits, check_survey, limits_of
from efficientdet.doctor.findings import Part
from tests.doctor.corpus import clean_data_set
from tests.doctor.corpus.faults import BROKEN, BROKEN_FILES, Broken, BrokenFile
from tests.doctor.corpus.formats import WRITERS

_CONFIG = Path(__file__).resolve().parents[2] / "pipelines" / "efficientdet_lite0_bccd.config"


@functools.cache
def _limits() -> InputLimits:
    return limits_of(load_config(_CONFIG))


def _check(root: Path) -> Part:
    return check_survey(take_survey(recognise(root), processes=1), limits=_limits())


def _check_imported(root: Path, faults: Sequence[Fault]) -> Part:
    """Imports a data set with what is proposed for its faults, and checks the records as a run would read them."""
    fixes, output = root.with_suffix(".diff"), root.with_name("imported")
    write_fixes(fixes, faults)
    survey = take_survey(recognise(root), fixes=read_fixes(fixes), processes=1)
    label_map = plan_label_map(survey)
    output.mkdir()
    write_dataset(survey, plan_splits(survey), label_map, output, processes=1)
    written = take_survey(recognise(output, format="tfrecord"), processes=1)
    return check_survey(written, label_map=label_map, limits=_limits(), in_place=True)


def _codes(part: Part) -> set[str]:
    return {finding.code for finding in part.findings}


def _named(part: Part, code: str) -> str:
    """Everything that is said of a code."""
    findings = [finding for finding in part.findings if finding.code == code]
    return " ".join(f"{f.title} {' '.join(f'{case.where} {case.detail}' for case in f.cases)}" for f in findings)


@pytest.mark.parametrize("format_", WRITERS)
def test_nothing_is_found_in_the_clean_twin(format_: str, tmp_path: Path) -> None:
    WRITERS[format_](clean_data_set(), tmp_path / "data")
    assert _check(tmp_path / "data").findings == ()
    assert _check_imported(tmp_path / "data", ()).findings == ()


def _rows() -> Iterator[object]:
    for fault in BROKEN:
        for number, format_ in enumerate(fault.formats):
            name = f"{fault.code}-{fault.how}-{format_}".replace(" ", "_")
            # One format each is enough for every day; which one it is takes turns.
            is_slow = number != len(name) % len(fault.formats)
            yield pytest.param(fault, format_, id=name, marks=[pytest.mark.slow] if is_slow else [])


@pytest.mark.parametrize(("fault", "format_"), _rows())
def test_a_fault_is_found_and_mended(fault: Broken, format_: str, tmp_path: Path) -> None:
    data = clean_data_set()
    fault.break_(data)
    WRITERS[format_](data, tmp_path / "data")
    part = _check(tmp_path / "data")
    assert fault.code in _codes(part)
    assert _codes(part) <= {fault.code, *fault.also}
    assert fault.where in _named(part, fault.code)
    assert _codes(_check_imported(tmp_path / "data", part.faults)) <= set(fault.left)


@pytest.mark.parametrize("fault", BROKEN_FILES, ids=lambda fault: f"{fault.code}-{fault.how}-{fault.format}")
def test_a_broken_file_is_found_and_mended(fault: BrokenFile, tmp_path: Path) -> None:
    WRITERS[fault.format](clean_data_set(), tmp_path / "data")
    fault.break_(tmp_path / "data")
    part = _check(tmp_path / "data")
    assert _codes(part) == {fault.code}
    assert fault.where in _named(part, fault.code)
    assert _codes(_check_imported(tmp_path / "data", part.faults)) == set()
