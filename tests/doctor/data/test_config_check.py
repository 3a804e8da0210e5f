# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The data of a config: records that are read as they are."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from efficientdet.config import PipelineConfig, load_config
from efficientdet.data import faults
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.data.record_encoding import RecordBox, encode_example, frame_record
from efficientdet.doctor.data import check_data
from efficientdet.doctor.findings import Part, Severity
from efficientdet.doctor.recipe import check_recipe

_CONFIG = Path(__file__).resolve().parents[3] / "pipelines" / "efficientdet_lite0_bccd.config"
_BOX = RecordBox("cat", 1, 0.1, 0.1, 0.6, 0.5, area=1.0)


def _record(seed: int, boxes: Sequence[RecordBox], *, mode: str = "RGB") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "PNG")
    return encode_example(
        encoded=buffer.getvalue(), image_format="png", size=(48, 64), filename=f"{seed}.png", source_id=str(seed),
        boxes=boxes,
    )  # fmt: skip


def _write(path: Path, records: Sequence[bytes]) -> None:
    path.write_bytes(b"".join(part for record in records for part in frame_record(record)))


def _config(folder: Path, *, train: str = "train.record", val: str = "val.record") -> PipelineConfig:
    write_label_map([Label(1, "cat"), Label(2, "dog")], folder / "labels.pbtxt")
    readers = ""
    for reader, name in (("train_input_reader", train), ("eval_input_reader", val)):
        path = f'input_path: "{folder}/{name}"'
        readers += f'{reader} {{ label_map_path: "{folder}/labels.pbtxt" tf_record_input_reader {{ {path} }} }}\n'
    # An override adds to a list: a config of its own is shorter.
    text = _CONFIG.read_text().partition("train_input_reader {")[0]
    (folder / "my.config").write_text(text + readers + "eval_config { batch_size: 1 }")
    return load_config(folder / "my.config")


def _check(config: PipelineConfig) -> tuple[Part, dict[str, Severity]]:
    part = check_data(config, processes=1)
    return part, {finding.code: finding.severity for finding in part.findings}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    both = [_BOX, RecordBox("dog", 2, 0.2, 0.55, 0.9, 0.95, area=1.0)]
    _write(tmp_path / "train.record", [_record(seed, both) for seed in range(8)])
    _write(tmp_path / "val.record", [_record(seed, both) for seed in range(8, 12)])
    return tmp_path


def test_nothing_is_wrong(folder):
    part, codes = _check(_config(folder))
    assert codes == {}
    assert part.verdict.startswith("12 images in 2 splits with 24 boxes of 2 classes. They look fine")
    assert [row[:3] for row in part.tables[0].rows] == [("train", 8, 8), ("eval", 4, 4)]


def test_what_stops_a_training(folder):
    records = [_record(seed, [_BOX]) for seed in range(20, 24)]
    records[1] = _record(21, [_BOX._replace(name="Cat")])
    records[2] = _record(22, [_BOX._replace(ymin=0.6, ymax=0.1)])
    records[3] = _record(23, [_BOX._replace(name="", class_id=0)])
    _write(folder / "train.record", [*records, b"no record"])
    part, codes = _check(_config(folder))
    for code in (faults.RECORD_UNREADABLE, faults.BOX_INVERTED, faults.CLASS_UNKNOWN):
        assert codes[code] == Severity.ERROR
    unreadable = next(finding for finding in part.findings if finding.code == faults.RECORD_UNREADABLE)
    assert [case.where for case in unreadable.cases] == ["train.record: record 4"]


def test_evaluation_on_what_was_trained(folder):
    part, codes = _check(_config(folder, val="train.record"))
    assert codes == {"files-overlap": Severity.ERROR}
    assert part.findings[0].cases[0].where.startswith(f"{folder}/my.config:")


def test_the_same_records_in_other_files(folder):
    (folder / "copy.record").write_bytes((folder / "train.record").read_bytes())
    _, codes = _check(_config(folder, val="copy.record"))
    assert codes == {faults.LEAK_IDENTICAL: Severity.ERROR}


def test_files_that_are_not_there(folder):
    part, codes = _check(_config(folder, train="train-00000-of-00004", val="none.record"))
    assert codes == {"files-missing": Severity.ERROR, "shards-missing": Severity.WARNING}
    assert part.verdict.startswith("There is nothing to train on")
    missing = next(finding for finding in part.findings if finding.code == "files-missing")
    assert missing.count == 2


def test_no_label_map(folder):
    config = _config(folder)
    (folder / "labels.pbtxt").unlink()
    part, codes = _check(config)
    assert codes == {"files-missing": Severity.ERROR}
    assert "labels.pbtxt" in part.findings[0].cases[0].detail


def test_a_config_without_readers(folder):
    (folder / "my.config").write_text(_CONFIG.read_text().partition("train_input_reader {")[0])
    part, codes = _check(load_config(folder / "my.config"))
    assert codes == {"no-readers": Severity.ERROR}
    assert part.verdict.startswith("There is nothing to train on")


def test_files_without_a_record_are_said_once(folder):
    _write(folder / "train.record", [])
    _write(folder / "val.record", [])
    _, codes = _check(_config(folder))
    assert codes == {"no-images": Severity.ERROR}


def test_the_recipe_knows_how_many_images_there_are(folder):
    rows = {row[0]: row[2] for row in check_recipe(_config(folder)).tables[0].rows}
    assert rows["training images"] == 8
    assert rows["epochs"] == 1500.0  # 1,500 steps of 8


def test_both_checks_name_the_same_places(folder):
    config = _config(folder, train="train-00000-of-00004", val="none.record")
    codes = ("files-missing", "shards-missing")
    data, recipe = (
        [(finding.code, finding.cases[0], finding.title) for finding in part.findings if finding.code in codes]
        for part in (check_data(config, processes=1), check_recipe(config))
    )
    assert sorted(data) == sorted(recipe)
