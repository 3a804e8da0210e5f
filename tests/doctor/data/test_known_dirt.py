# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Two real data sets whose dirt is known, item by item (their READMEs list it)."""

from __future__ import annotations

from pathlib import Path

import pytest

from efficientdet.config import load_config
from efficientdet.data import faults
from efficientdet.data.importers.recognition import recognise
from efficientdet.data.survey import take_survey
from efficientdet.doctor.data import check_survey, limits_of
from efficientdet.doctor.findings import Part, Severity

_BCCD_CONFIG = Path(__file__).resolve().parents[3] / "pipelines" / "efficientdet_lite0_bccd.config"

_ZERO_AREA = {"00338.xml: object 12", "00343.xml: object 3"}
_TWICE = {
    "00013.xml: object 14", "00020.xml: object 14", "00100.xml: object 2", "00104.xml: object 13",
    "00251.xml: object 7", "00284.xml: object 1", "00331.xml: object 2", "00403.xml: object 3",
}  # fmt: skip
_UNLABELLED = {
    "00134", "00150", "00224", "00250", "00258", "00268", "00147", "00152", "00330", "00350", "00249", "00303", "00327",
}  # fmt: skip
# Four boxes each, and unlabelled red cells as well: the README stops at three.
_UNLABELLED_TOO = {"00072", "00157", "00235", "00267", "00322"}
_NO_WHITE_CELL = {"00133", "00135", "00171", "00178", "00228", "00327"}


def _check(path: Path, format_: str, config: Path) -> Part:
    survey = take_survey(recognise(path, format=format_), processes=1)
    return check_survey(survey, limits=limits_of(load_config(config)))


def _places(part: Part, code: str) -> set[str]:
    found = next((finding for finding in part.findings if finding.code == code), None)
    return {case.where.rpartition("BloodImage_")[2] for case in found.cases} if found else set()


@pytest.mark.slow
def test_bccd(shared):
    part = _check(shared / "data/bccd", "voc", _BCCD_CONFIG)
    assert _places(part, faults.BOX_ZERO_AREA) == _ZERO_AREA
    assert _places(part, faults.BOX_NEAR_DUPLICATE) == _TWICE
    few = {place.removesuffix(".jpg") for place in _places(part, faults.PICTURE_FEW_BOXES)}
    assert few == _UNLABELLED | _UNLABELLED_TOO
    lacking = next(finding for finding in part.findings if finding.code == faults.PICTURE_LACKS_CLASS)
    without = {case.where[-9:-4] for case in lacking.cases if "'WBC'" in case.detail}
    assert without == _NO_WHITE_CELL
    # One field of view at two depths of focus, in val and in train: the README does not know it.
    assert _places(part, faults.LEAK_ALIKE) == {"00037.jpg"}
    warnings = {finding.code for finding in part.findings if finding.severity >= Severity.WARNING}
    assert warnings == {faults.PICTURE_FEW_BOXES, faults.LEAK_ALIKE, faults.BOX_NEAR_DUPLICATE}
    notes = {finding.code for finding in part.findings if finding.severity == Severity.NOTE}
    assert notes == {faults.BOX_ZERO_AREA, faults.PICTURE_LACKS_CLASS, faults.BOX_UNMATCHABLE}


def test_coco128(shared):
    config = shared / "configs/tfod_zoo/ssd_efficientdet_d0_512x512_coco17_tpu-8.config"
    part = _check(shared / "data/coco128", "yolo", config)
    named = {finding.code: [case.where.rpartition("/")[2] for case in finding.cases] for finding in part.findings}
    assert named[faults.ANNOTATION_MISSING] == ["000000000508.jpg"]
    assert named[faults.PICTURE_CHANNELS] == ["000000000086.jpg"]
    assert named[faults.PICTURE_MISSING] == ["000000000656.txt", "000000000659.txt"]
    # The splits are two handfuls of pictures: some classes are in one of them only, which is true.
    warnings = {finding.code for finding in part.findings if finding.severity >= Severity.WARNING}
    assert warnings == {faults.CLASS_EMPTY_IN_SPLIT}
