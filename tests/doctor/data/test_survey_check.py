# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A data set as a whole."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from efficientdet.data import faults
from efficientdet.data.faults import Fault, Fix
from efficientdet.doctor.data import check_survey
from efficientdet.doctor.findings import Severity
from tests.surveys import Shot, survey_of

_GREY = np.full((64, 96, 3), 127, np.uint8)


def _clean() -> list[Shot]:
    rng = np.random.default_rng(1)
    shots = []
    for split, number in (("train", 8), ("val", 4)):
        for _ in range(number):
            pixels = rng.integers(0, 256, (64, 96, 3), np.uint8)
            shots.append(Shot([("cat", 5, 5, 30, 30), ("dog", 10, 50, 50, 90)], split, pixels=pixels))
    return shots


def test_a_clean_data_set():
    part = check_survey(survey_of(_clean()))
    assert (part.findings, part.faults, part.sheets) == ((), (), ())
    assert part.verdict == (
        "12 images in 2 splits with 24 boxes of 2 classes. They look fine: nothing was found that would spoil a run."
    )
    assert part.tables[0].rows == (("train", 8, 8, 0, 16, 2.0), ("val", 4, 4, 0, 8, 2.0))
    assert part.tables[1].columns == (
        "class", "boxes", "share, %", "train: boxes", "train: images", "val: boxes", "val: images",
    )  # fmt: skip
    assert part.tables[1].rows == (("cat", 12, 50.0, 8, 8, 4, 4), ("dog", 12, 50.0, 8, 8, 4, 4))
    shares, sizes, counts = part.histograms
    assert shares.series == {"train": (50.0, 50.0), "val": (50.0, 50.0)}
    assert sizes.series["cat"][2] == 12  # 25 pixels
    assert counts.series["train"][2] == 8


def test_findings_come_worst_first_with_their_cases():
    shots = [*_clean(), Shot([("Cat", 5, 5, 30, 30)], "val", content=1), Shot(split="train", content=1)]
    found = [Fault(faults.PICTURE_CHANNELS, "p000.jpg", "", "grey", row=0)]
    part = check_survey(survey_of(shots, faults=found))
    codes = [finding.code for finding in part.findings]
    assert codes[0] == faults.LEAK_IDENTICAL  # of 5 pictures that are measured on, one
    assert set(codes[1:]) >= {faults.CLASS_TYPO, faults.PICTURE_CHANNELS, faults.PICTURES_WITHOUT_BOXES}
    severities = [finding.severity for finding in part.findings]
    assert severities == sorted(severities, reverse=True)
    assert part.verdict.startswith("14 images in 2 splits with 25 boxes of 3 classes. As they are, a run will fail")
    assert "1 of 5 evaluation images is in training too" in part.verdict
    assert {fault.code for fault in part.faults} == set(codes)
    (sheet,) = part.sheets
    assert sheet.image.ndim == 3


def test_planned_splits_are_not_the_data_set_s_own():
    shots = [shot._replace(split="") for shot in _clean()]
    shots = [*shots[:8], *(shot._replace(boxes=shot.boxes[:1]) for shot in shots[8:])]
    split_of = np.array([0] * 8 + [1] * 4)
    part = check_survey(survey_of(shots), split_of=split_of, split_names=("train", "val"))
    (finding,) = part.findings
    assert finding.code == faults.CLASS_EMPTY_IN_SPLIT
    assert part.faults[0].fix is None  # it is for the planner to mend
    assert finding.severity == Severity.NOTE


def test_many_cases_are_counted_and_some_are_listed():
    survey = survey_of([Shot(pixels=_GREY, content=number) for number in range(250)])
    part = check_survey(survey)
    (finding,) = part.findings
    assert (finding.code, finding.count, len(finding.cases)) == (faults.PICTURES_WITHOUT_BOXES, 250, 200)
    assert finding.severity == Severity.ERROR


def test_a_misspelt_class_counts_as_what_was_meant():
    shots = _clean()
    shots[0] = shots[0]._replace(boxes=[("Cat", 5, 5, 30, 30), ("dog", 10, 50, 50, 90)])
    part = check_survey(survey_of(shots, labels=["Cat", "cat", "dog"]))
    assert [finding.code for finding in part.findings] == [faults.CLASS_TYPO]  # and not: no 'Cat' in 'val'
    assert [row[0] for row in part.tables[1].rows] == ["dog", "cat", "Cat"]


def test_a_picture_of_another_size_is_left_out_unless_many_are():
    fault = Fault(faults.PICTURE_SIZE_DIFFERS, "p000.jpg", "", "annotated as 100x64", row=0)
    shots = _clean()
    assert check_survey(survey_of(shots, faults=[fault])).faults[0].fix == Fix("p000.jpg", "", "picture", "")
    many = [fault._replace(row=row, file=f"p{row:03d}.jpg") for row in range(8)]
    assert all(fault.fix is None for fault in check_survey(survey_of(shots, faults=many)).faults)


def test_a_case_in_a_file_of_many_pictures_names_its_own():
    found = [Fault(faults.BOX_CLIPPED, "train.json", "annotations[7]", "xmax 97 is beyond 96", row=3)]
    (finding,) = check_survey(survey_of(_clean(), faults=found)).findings
    assert finding.cases[0].where == "train.json: annotations[7]"
    assert finding.cases[0].detail == "p003.jpg: xmax 97 is beyond 96"


def test_one_thing_is_worth_knowing():
    found = [Fault(faults.PICTURE_CHANNELS, "p000.jpg", "", "grey", row=0)]
    assert check_survey(survey_of(_clean(), faults=found)).verdict.endswith(", and 1 thing is worth knowing.")


def test_shares_have_a_decimal():
    shots = [Shot([("cat", 5, 5, 30, 30)] * 5 + [("dog", 10, 50, 50, 90)], content=number) for number in range(8)]
    part = check_survey(survey_of(shots))
    assert part.tables[1].rows[0][:3] == ("cat", 40, 83.3)
    assert part.histograms[0].series == {"train": (83.3, 16.7)}


def test_shards_that_are_missing_in_an_import():
    shots = [shot._replace(name=f"a-00000-of-00020: record {row}") for row, shot in enumerate(_clean())]
    part = check_survey(survey_of(shots, format_="tfrecord"))
    (finding,) = [finding for finding in part.findings if finding.code == "shards-missing"]
    assert (finding.title, finding.severity) == ("1 of 20 shards is there", Severity.ERROR)


def test_nothing_at_all():
    part = check_survey(survey_of([]))
    assert part.findings == ()
    assert part.verdict.startswith("0 images with 0 boxes of 0 classes")


def test_tensorflow_is_not_imported():
    code = "import sys, efficientdet.doctor.data; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
