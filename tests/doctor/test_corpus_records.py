# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Faults of the records that a config names: each is found in the files, and nothing in those of the clean data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from efficientdet.config import load_config
from efficientdet.data.dataset_files.class_ids import plan_label_map
from efficientdet.data.dataset_files.dataset_writer import write_dataset
from efficientdet.data.dataset_files.splits import plan_splits
from efficientdet.data.files import HEADER_BYTES, walk_records
from efficientdet.data.importers.recognition import recognise
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.data.record_encoding import frame_record
from efficientdet.data.survey import take_survey
from efficientdet.doctor.data import check_data
from efficientdet.doctor.findings import Part
from efficientdet.protos.example_pb2 import Example
from tests.doctor.corpus import HEIGHT, WIDTH, clean_data_set
from tests.doctor.corpus.formats import write_voc

_CONFIG = Path(__file__).resolve().parents[2] / "pipelines" / "efficientdet_lite0_bccd.config"
_READER = '{}_input_reader {{ label_map_path: "{}" tf_record_input_reader {{ input_path: "{}" }} }}'
_SIDES = {"ymin": HEIGHT, "ymax": HEIGHT, "xmin": WIDTH, "xmax": WIDTH}

Edit = Callable[[Example], None]


def _records(path: Path) -> list[Example]:
    content = path.read_bytes()
    starts = [(offset + HEADER_BYTES, length) for offset, length in walk_records(path)]
    return [Example.FromString(content[start : start + length]) for start, length in starts]


def _write(path: Path, records: list[Example]) -> None:
    path.write_bytes(b"".join(b"".join(frame_record(record.SerializeToString())) for record in records))


def _all_records(edit: Edit) -> Callable[[Path], None]:
    """Edits every record of both files."""

    def break_(folder: Path) -> None:
        for name in ("train.record", "val.record"):
            records = _records(folder / name)
            for record in records:
                edit(record)
            _write(folder / name, records)

    return break_


def _one_record(edit: Edit) -> Callable[[Path], None]:
    """Edits the third record of the training."""

    def break_(folder: Path) -> None:
        records = _records(folder / "train.record")
        edit(records[2])
        _write(folder / "train.record", records)

    return break_


def _floats(record: Example, side: str) -> list[float]:
    return record.features.feature[f"image/object/bbox/{side}"].float_list.value


def _in_pixels(record: Example) -> None:
    for side, size in _SIDES.items():
        values = _floats(record, side)
        values[:] = [value * size for value in values]


def _inverted(record: Example) -> None:
    low, high = _floats(record, "xmin"), _floats(record, "xmax")
    low[1], high[1] = high[1], low[1]


def _one_side_short(record: Example) -> None:
    del _floats(record, "xmin")[-1]


def _without_picture(record: Example) -> None:
    del record.features.feature["image/encoded"]


def _ids_from_zero(record: Example) -> None:
    ids = record.features.feature["image/object/class/label"].int64_list.value
    ids[:] = [value - 1 for value in ids]
    del record.features.feature["image/object/class/text"]


def _flip_a_byte(folder: Path) -> None:
    path = folder / "train.record"
    content = bytearray(path.read_bytes())
    start, length = list(walk_records(path))[2]
    content[start + length // 2] ^= 1
    path.write_bytes(content)


def _cut_off(folder: Path) -> None:
    path = folder / "train.record"
    path.write_bytes(path.read_bytes()[:-500])


def _forget_dogs(folder: Path) -> None:
    write_label_map([Label(1, "bird"), Label(2, "cat")], folder / "label_map.pbtxt")


def _lose_a_shard(folder: Path) -> None:
    (folder / "train.record").rename(folder / "train.record-00001-of-00002")


def _evaluate_training(folder: Path) -> None:
    (folder / "val.record").write_bytes((folder / "train.record").read_bytes())


class BrokenRecords(NamedTuple):
    """A fault of records that were written without one."""

    code: str
    how: str
    break_: Callable[[Path], None]
    where: str = "train.record"
    train: str = "train.record*"
    val: str = "val.record"


_BROKEN = (
    BrokenRecords("record-unreadable", "a bit", _flip_a_byte),
    BrokenRecords("record-unreadable", "the end is missing", _cut_off),
    BrokenRecords("record-unreadable", "no picture", _one_record(_without_picture)),
    BrokenRecords("record-unreadable", "a side short", _one_record(_one_side_short)),
    BrokenRecords("box-in-pixels", "everywhere", _all_records(_in_pixels)),
    BrokenRecords("box-inverted", "one", _one_record(_inverted)),
    BrokenRecords("class-unknown", "not in the label map", _forget_dogs, where="dog"),
    BrokenRecords("class-offset", "ids from 0", _all_records(_ids_from_zero), where=""),
    BrokenRecords("shards-missing", "one of two", _lose_a_shard, where="1 of 2"),
    BrokenRecords("files-overlap", "one file for both", lambda folder: None, val="train.record"),
    BrokenRecords("leak-identical", "a copy of the file", _evaluate_training, where="val.record"),
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The clean data set as records."""
    write_voc(clean_data_set(), tmp_path / "voc")
    survey = take_survey(recognise(tmp_path / "voc"), processes=1)
    label_map = plan_label_map(survey)
    output = tmp_path / "records"
    output.mkdir()
    write_dataset(survey, plan_splits(survey), label_map, output, processes=1)
    write_label_map(label_map, output / "label_map.pbtxt")
    return output


def _check(folder: Path, train: str = "train.record*", val: str = "val.record") -> Part:
    label_map = folder / "label_map.pbtxt"
    readers = [_READER.format(name, label_map, folder / path) for name, path in (("train", train), ("eval", val))]
    return check_data(load_config(_CONFIG, readers), processes=1)


def test_nothing_is_found_in_clean_records(folder: Path) -> None:
    assert _check(folder).findings == ()


@pytest.mark.parametrize("fault", _BROKEN, ids=lambda fault: f"{fault.code}-{fault.how}")
def test_a_fault_is_found(fault: BrokenRecords, folder: Path) -> None:
    fault.break_(folder)
    findings = _check(folder, fault.train, fault.val).findings
    (finding,) = [finding for finding in findings if finding.code == fault.code]
    assert finding.severity == max(other.severity for other in findings)
    assert fault.where in " ".join([finding.title, *(f"{case.where} {case.detail}" for case in finding.cases)])
