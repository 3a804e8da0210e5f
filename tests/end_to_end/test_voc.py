# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""VOC's protocol: two folders in one set of records, and VOC 2007's metric in training."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.cli import create_tfrecord, train
from efficientdet.data.label_map import read_label_map
from efficientdet.data.shapes import CLASSES, draw_picture
from tests.end_to_end.tiny import train_flags

_OBJECT = (
    "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin>"
    "<xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox></object>"
)
_METRICS = """
eval_config {
  metrics_set: "pascal_voc_detection_metrics"
  pascal_voc_average: ELEVEN_POINTS
  interval_steps: 1
  include_metrics_per_category: true
}
"""


def _draw_voc_folder(folder: Path, *, seed: int, count: int) -> Counter[str]:
    """Draws pictures of the same names in every folder, the first shape of each difficult; returns shapes by class."""
    for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / part).mkdir(parents=True)
    shapes_by_class: Counter[str] = Counter()
    stems = [f"{number:06d}" for number in range(1, count + 1)]
    for number, stem in enumerate(stems):
        image, shapes = draw_picture(np.random.default_rng([seed, number]))
        image.save(folder / "JPEGImages" / f"{stem}.jpg")
        objects = ""
        for index, shape in enumerate(shapes):
            box = dict(zip(("ymin", "xmin", "ymax", "xmax"), shape.box, strict=True))
            objects += _OBJECT.format(name=shape.name, difficult=int(index == 0), **box)
            shapes_by_class[shape.name] += 1
        size = f"<size><width>{image.width}</width><height>{image.height}</height></size>"
        xml = f"<annotation><filename>{stem}.jpg</filename>{size}{objects}</annotation>"
        (folder / "Annotations" / f"{stem}.xml").write_text(xml)
    (folder / "ImageSets/Main/trainval.txt").write_text("".join(f"{stem}\n" for stem in stems))
    return shapes_by_class


def _import(folder: Path) -> tuple[Path, Counter[str]]:
    """Draws two folders and imports both; returns where the records are, and the shapes by class."""
    shapes = _draw_voc_folder(folder / "VOC2007", seed=7, count=3) + _draw_voc_folder(
        folder / "VOC2012", seed=12, count=3
    )
    records = folder / "records"
    flags = [f"--input={folder / name}" for name in ("VOC2007", "VOC2012")]
    flags += [f"--output_path={records / 'train.record'}", f"--label_map_path={records / 'label_map.pbtxt'}"]
    assert create_tfrecord.main(["--format=voc", "--split=trainval", *flags]) == 0
    return records, shapes


def test_two_folders_become_one_set_of_records(tmp_path: Path) -> None:
    records, shapes = _import(tmp_path)
    assert [label.name for label in read_label_map(records / "label_map.pbtxt")] == sorted(CLASSES)
    examples = [
        tf.train.Example.FromString(record.numpy()).features.feature
        for record in tf.data.TFRecordDataset(str(records / "train.record"))
    ]
    expected_ids = {f"{name}/{number:06d}.jpg" for name in ("VOC2007", "VOC2012") for number in (1, 2, 3)}
    assert {features["image/source_id"].bytes_list.value[0].decode() for features in examples} == expected_ids
    labels = [label for features in examples for label in features["image/object/class/label"].int64_list.value]
    assert Counter(labels) == {sorted(CLASSES).index(name) + 1: count for name, count in shapes.items()}
    for features in examples:
        difficult = features["image/object/difficult"].int64_list.value
        assert list(difficult) == [1] + [0] * (len(difficult) - 1)


@pytest.mark.slow
def test_they_are_trained_on_and_scored_with_eleven_points(tmp_path: Path) -> None:
    records, _ = _import(tmp_path)
    (records / "val.record").write_bytes((records / "train.record").read_bytes())
    model_dir = tmp_path / "model"
    assert train.main(train_flags(records, model_dir, "--num_train_steps=2", f"--override={_METRICS}")) == 0
    lines = [json.loads(line) for line in (model_dir / "eval" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    names = [f"PascalBoxes_PerformanceByCategory/AP@0.5IOU/{name}" for name in sorted(CLASSES)]
    assert list(lines[0])[1:7] == ["PascalBoxes_Precision/mAP@0.5IOU", *names]
    assert not any("DetectionBoxes" in name for name in lines[0])
    assert all(-1 <= lines[-1][name] <= 1 for name in names)
