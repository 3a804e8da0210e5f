# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The drawn data set: deterministic, within its promises, importable."""

from __future__ import annotations

import json

import numpy as np
import pytest

from efficientdet.data import shapes
from efficientdet.data.importers.formats.coco import CocoSource


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    shapes.write_data_set(folder, num_train=20, num_val=5, seed=3)
    return folder


def test_the_importer_reads_it(drawn):
    for split, count in (("train", 20), ("val", 5)):
        source = CocoSource(drawn / f"{split}.json", image_dir=drawn / "images" / split)
        assert source.faults == ()
        images = [source.read(entry) for entry in source.splits[split]]
        assert len(images) == count
        assert [label.name for label in source.labels] == list(shapes.CLASSES)
        assert all(1 <= len(image.boxes) <= 12 for image in images)
    assert len({box.name for image in images for box in image.boxes}) >= 4


def test_drawing_again_gives_the_same(drawn, tmp_path):
    shapes.write_data_set(tmp_path, num_train=20, num_val=2, seed=3)
    assert (tmp_path / "train.json").read_bytes() == (drawn / "train.json").read_bytes()
    for name in ("train/0000.jpg", "train/0019.jpg", "val/0001.jpg"):
        assert (tmp_path / "images" / name).read_bytes() == (drawn / "images" / name).read_bytes()
    shapes.write_data_set(tmp_path, num_train=2, num_val=2, seed=4)
    assert (tmp_path / "images/train/0000.jpg").read_bytes() != (drawn / "images/train/0000.jpg").read_bytes()


def test_splits_do_not_share_pictures(drawn):
    contents = [path.read_bytes() for path in drawn.glob("images/*/*.jpg")]
    assert len(set(contents)) == len(contents) == 25


def test_boxes_fit_the_shapes(drawn):
    for split in ("train", "val"):
        content = json.loads((drawn / f"{split}.json").read_text())
        sizes = {image["id"]: (image["width"], image["height"]) for image in content["images"]}
        for item in content["annotations"]:
            x, y, width, height = item["bbox"]
            assert 0 <= x < x + width <= sizes[item["image_id"]][0]
            assert 0 <= y < y + height <= sizes[item["image_id"]][1]
            assert 0.2 * width * height < item["area"] <= width * height
            assert max(width, height) <= 142
            assert min(width, height) >= 18


def test_a_shape_stands_out_and_stays_visible():
    for seed in range(10):
        image, drawn = shapes.draw_picture(np.random.default_rng(seed))
        pixels = np.asarray(image, float)
        ymin, xmin, ymax, xmax = drawn[-1].box  # the foremost one: its centre is its own colour
        centre = pixels[
            (ymin + ymax) // 2 - 2 : (ymin + ymax) // 2 + 3, (xmin + xmax) // 2 - 2 : (xmin + xmax) // 2 + 3
        ]
        assert centre.std(axis=(0, 1)).max() < 12  # grain only
