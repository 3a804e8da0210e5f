# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Each split becomes shards that TensorFlow reads and COCO annotations of the same pictures."""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.dataset_files import dataset_writer
from efficientdet.data.dataset_files.dataset_writer import write_dataset
from efficientdet.data.dataset_files.shards import count_shards
from efficientdet.data.dataset_files.splits import SplitPlan
from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation
from efficientdet.data.importers.fixes import read_fixes
from efficientdet.data.label_map import Label, LabelMap
from efficientdet.data.records import RecordParser
from efficientdet.data.survey import take_survey
from efficientdet.errors import DataError
from tests.surveys import DeadlySource, ListedSource, picture

_LABELS = LabelMap((Label(1, "cat"), Label(4, "dog")))


@pytest.fixture
def source(tmp_path, encode_picture):
    """Ten pictures of 12x16: number n has n % 3 boxes, in fractions where n is odd."""
    (tmp_path / "images").mkdir()
    images = []
    for number in range(10):
        path = tmp_path / "images" / f"{number}.jpg"
        path.write_bytes(encode_picture(12, 16, "JPEG", seed=number))
        is_odd = number % 2 == 1
        boxes = (
            BoxAnnotation("cat", 3, 4, 6, 12.5, place="object 0"),
            BoxAnnotation("dog", 0, 0, 6, 8, area=7.5, is_crowd=True, place="object 1"),
        )[: number % 3]
        if is_odd:
            boxes = tuple(
                b._replace(ymin=b.ymin / 12, xmin=b.xmin / 16, ymax=b.ymax / 12, xmax=b.xmax / 16) for b in boxes
            )
        image = AnnotatedImage(path, path.name, str(100 + number), None, boxes, f"{number}.xml", is_normalized=is_odd)
        images.append(image)
    return ListedSource(tmp_path, {"": range(10)}, images)


_PLAN = SplitPlan(("train", "val"), np.array([0, 1, 0, 0, 0, -1, 0, 1, 0, 0]), "")


def _serialized(folder, pattern):
    return list(tf.data.TFRecordDataset(sorted(str(path) for path in folder.glob(pattern))))


def _ids(folder, pattern):
    """The source ids of the records, in their order."""
    examples = [tf.train.Example.FromString(record.numpy()) for record in _serialized(folder, pattern)]
    return [int(example.features.feature["image/source_id"].bytes_list.value[0]) for example in examples]


def _write(survey, tmp_path, **options):
    folder = tmp_path / "out"
    folder.mkdir(exist_ok=True)
    return folder, write_dataset(survey, _PLAN, _LABELS, folder, **{"processes": 1, **options})


def test_records_and_coco_annotations_of_each_split(source, tmp_path):
    survey = take_survey(source, processes=1)
    calls = []
    folder, written = _write(survey, tmp_path, on_progress=lambda *call: calls.append(call))
    assert sorted(path.name for path in folder.iterdir()) == ["train.json", "train.record", "val.json", "val.record"]
    assert [(split.name, split.pattern, split.num_shards) for split in written] == [
        ("train", "train.record", 1), ("val", "val.record", 1),
    ]  # fmt: skip
    assert calls == [(i, 9) for i in range(1, 10)]
    content = json.loads((folder / "train.json").read_text())
    assert content["categories"] == [
        {"id": 1, "name": "cat", "supercategory": ""}, {"id": 4, "name": "dog", "supercategory": ""},
    ]  # fmt: skip
    images = {image["id"]: image for image in content["images"]}
    assert set(images) == {row + 1 for row in (0, 2, 3, 4, 6, 8, 9)}
    assert images[3] == {"id": 3, "file_name": "images/2.jpg", "height": 12, "width": 16}
    ids = [annotation["id"] for annotation in content["annotations"]]
    assert len(set(ids)) == len(ids) == 0 + 2 + 0 + 1 + 0 + 2 + 0
    assert [{**found, "id": 0} for found in content["annotations"] if found["image_id"] == 3] == [
        {"id": 0, "image_id": 3, "category_id": 1, "bbox": [4, 3, 8.5, 3], "area": 25.5, "iscrowd": 0},
        {"id": 0, "image_id": 3, "category_id": 4, "bbox": [0, 0, 8, 6], "area": 7.5, "iscrowd": 1},
    ]
    parse = RecordParser(_LABELS, num_classes=4)
    for example in map(parse, _serialized(folder, "*.record")):
        row = int(example.source_id.numpy()) - 1
        bounds = slice(*survey.box_bounds[row : row + 2])
        np.testing.assert_allclose(example.boxes * [12, 16, 12, 16], survey.boxes[bounds], atol=1e-5)
        names = [survey.class_names[number] for number in survey.box_classes[bounds]]
        np.testing.assert_array_equal(example.classes, [_LABELS.id_of[name] - 1 for name in names])


def test_shards_in_several_processes(source, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_writer, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(dataset_writer, "count_shards", lambda pictures, bytes_: 3 if pictures > 2 else 1)
    survey = take_survey(source, processes=1)
    progress = []
    folder, written = _write(survey, tmp_path, processes=2, on_progress=lambda *call: progress.append(call))
    assert written[0].pattern == "train.record-?????-of-00003"
    assert [len(_serialized(folder, f"train.record-0000{i}-of-00003")) for i in range(3)] == [3, 2, 2]
    assert progress[-1] == (9, 9)
    order = _ids(folder, "train.record*")
    assert order != sorted(order)
    assert [image["id"] for image in json.loads((folder / "train.json").read_text())["images"]] == order
    assert not list(folder.glob(".*"))


def test_the_seed_decides_the_order(source, tmp_path):
    survey = take_survey(source, processes=1)

    def content(seed):
        folder, _ = _write(survey, tmp_path, seed=seed)
        return (folder / "train.record").read_bytes()

    assert content(1) == content(1) != content(2)


def test_pictures_keep_their_coco_ids(source, tmp_path):
    folder, _ = _write(take_survey(replace(source, format="coco"), processes=1), tmp_path)
    assert {image["id"] for image in json.loads((folder / "val.json").read_text())["images"]} == {101, 107}
    assert set(_ids(folder, "val.record")) == {101, 107}
    images = [
        image._replace(source_id=f"{'0' * i}7") for i, image in enumerate(source.images)
    ]  # of several files, where ids may clash
    folder, _ = _write(take_survey(replace(source, format="coco", images=images), processes=1), tmp_path)
    assert set(_ids(folder, "val.record")) == {2, 8}


def test_fixes_are_applied(source, tmp_path):
    (tmp_path / "fixes.diff").write_text("@@ 8.xml: object 0\n- box cat 4 3 12.5 6\n@@ *\n- class dog\n+ class cat\n")
    survey = take_survey(source, fixes=read_fixes(tmp_path / "fixes.diff"), processes=1)
    folder, _ = _write(survey, tmp_path)
    found = [a for a in json.loads((folder / "train.json").read_text())["annotations"] if a["image_id"] == 9]
    assert [(annotation["category_id"], annotation["bbox"]) for annotation in found] == [(1, [0, 0, 8, 6])]


def test_a_data_set_that_changes_on_the_way(source, tmp_path):
    survey = take_survey(source, processes=1)
    images = [*source.images[:8], source.images[8]._replace(boxes=()), source.images[9]]
    survey = replace(survey, source=replace(source, images=images))
    with pytest.raises(DataError, match=r"8.jpg: had 2 boxes a moment ago, now 0"):
        _write(survey, tmp_path)


def test_a_worker_that_fails_ends_all_of_them(source, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_writer, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(dataset_writer, "count_shards", lambda pictures, bytes_: pictures)
    survey = take_survey(source, processes=1)
    source.images[4].path.unlink()
    with pytest.raises(DataError, match=r"4.jpg"):
        _write(survey, tmp_path, processes=2)


@pytest.fixture
def deadly(tmp_path, monkeypatch):
    """The survey of a data set that is written in several processes, one of which does not survive it."""
    monkeypatch.setattr(dataset_writer, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(dataset_writer, "count_shards", lambda pictures, bytes_: pictures)
    source = DeadlySource(tmp_path)
    for number in range(10):
        source.add("deadly.jpg" if number == 4 else f"{number}.jpg", picture(16, 16))
    return take_survey(source, processes=1)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_an_error_that_names_the_place(deadly, tmp_path):
    with pytest.raises(DataError, match=r"to write records was ended from outside, at \w+.record-0000\d-of-0000\d or"):
        _write(deadly, tmp_path, processes=2)


@pytest.mark.slow
def test_ctrl_c_ends_all_processes(source, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_writer, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(dataset_writer, "count_shards", lambda pictures, bytes_: pictures)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _write(take_survey(source, processes=1), tmp_path, processes=2, on_progress=interrupt)
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(
    ("pictures", "megabytes", "shards"),
    [(1, 0, 1), (200, 20, 1), (3, 4_000, 3), (1_000, 140, 1), (5_000, 500, 5), (118_287, 19_000, 127),
     (150_000, 200, 16), (200_000, 200, 20)],
)  # fmt: skip
def test_number_of_shards(pictures, megabytes, shards):
    assert count_shards(pictures, megabytes * 1e6) == shards
