# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Records are written whole or not at all, shuffled by the seed, and the summary tells what was mended."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from efficientdet.data.dataset_files import preparation, tfrecord_writer
from efficientdet.data.dataset_files.tfrecord_writer import shard_paths, write_records
from efficientdet.data.importers import annotation
from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation
from efficientdet.errors import DataError, UsageError

_IDS = {"cat": 1, "dog": 5}


@pytest.fixture
def pictures(tmp_path, encode_picture):
    """Ten annotated pictures of 12x16; the last one has no box."""
    images = []
    for i in range(10):
        path = tmp_path / "pictures" / f"{i}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode_picture(12, 16, "JPEG", seed=i))
        boxes = () if i == 9 else (BoxAnnotation("cat", 3, 4, 6, 12, area=7.5 if i == 0 else None),)
        images.append(AnnotatedImage(path, path.name, str(i), (12, 16), boxes))
    return images


def _read(*paths) -> list[dict]:
    records = [tf.train.Example.FromString(raw.numpy()) for raw in tf.data.TFRecordDataset(list(map(str, paths)))]
    return [
        {key: list(getattr(value, value.WhichOneof("kind")).value) for key, value in record.features.feature.items()}
        for record in records
    ]


def test_features(tmp_path, pictures):
    write_records(pictures[:1], _IDS, tmp_path / "x.record")
    (record,) = _read(tmp_path / "x.record")
    data = pictures[0].path.read_bytes()
    assert record["image/encoded"] == [data]  # byte for byte
    assert record["image/format"] == [b"jpeg"]
    assert (record["image/height"], record["image/width"]) == ([12], [16])
    assert (record["image/filename"], record["image/source_id"]) == ([b"0.jpg"], [b"0"])
    sides = [record[f"image/object/bbox/{side}"][0] for side in ("ymin", "xmin", "ymax", "xmax")]
    assert sides == [0.25, 0.25, 0.5, 0.75]
    assert (record["image/object/class/text"], record["image/object/class/label"]) == ([b"cat"], [1])
    assert record["image/object/area"] == [7.5]
    assert record["image/object/is_crowd"] == record["image/object/difficult"] == [0]


@pytest.mark.parametrize("num_shards", [1, 3, 10])
def test_every_picture_goes_into_one_of_the_shards(tmp_path, pictures, num_shards):
    summary = write_records(pictures, _IDS, tmp_path / "out" / "x.record", num_shards=num_shards)
    paths = shard_paths(tmp_path / "out" / "x.record", num_shards)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [path.name for path in paths]
    assert summary.files == [str(path) for path in paths]
    sizes = [len(_read(path)) for path in paths]
    assert max(sizes) - min(sizes) <= 1
    ids = [int(record["image/source_id"][0]) for record in _read(*paths)]
    assert sorted(ids) == list(range(10))
    assert (summary.num_images, summary.num_without_boxes, summary.boxes_by_class) == (10, 1, {"cat": 9})
    if num_shards == 3:
        assert [path.name for path in paths] == [f"x.record-{i:05d}-of-00003" for i in range(3)]


def test_the_seed_decides_the_order(tmp_path, pictures):
    def order(seed):
        write_records(pictures, _IDS, tmp_path / "x", seed=seed)
        return [int(record["image/source_id"][0]) for record in _read(tmp_path / "x")]

    assert order(1) == order(1) != order(2)
    assert order(1) != list(range(10))


def test_progress(tmp_path, pictures):
    calls = []
    write_records(pictures, _IDS, tmp_path / "x", num_shards=2, on_progress=lambda *call: calls.append(call))
    assert calls == [(i, 10) for i in range(1, 11)]


def test_faults_are_listed_and_the_rest_is_written(tmp_path, pictures):
    pictures[1].path.write_bytes(b"no picture")
    off = (BoxAnnotation("dog", 5, 5, 5, 9), BoxAnnotation("dog", -4, 0, 6, 20), BoxAnnotation("cat", 1, 1, 2, 2))
    pictures[2] = pictures[2]._replace(boxes=off)
    pictures[3] = pictures[3]._replace(size=(24, 32))
    summary = write_records(pictures, _IDS, tmp_path / "x")
    kinds = {note.kind: note.detail for note in summary.notes}
    assert len(summary.notes) == 4
    assert "1.jpg" in kinds[tfrecord_writer.SKIPPED_UNREADABLE]
    assert kinds[annotation.DROPPED_ZERO_AREA].startswith("2.jpg: box 0, dog")
    assert kinds[annotation.CLIPPED].startswith("2.jpg: box 1, dog")
    assert kinds[preparation.OTHER_SIZE] == "3.jpg: annotated 32x24, is 16x12"
    assert (summary.num_images, summary.boxes_by_class) == (9, {"cat": 8, "dog": 1})
    record = next(record for record in _read(tmp_path / "x") if record["image/source_id"] == [b"2"])
    assert (record["image/object/bbox/ymin"][0], record["image/object/bbox/xmax"][0]) == (0.0, 1.0)
    assert record["image/object/area"] == [6 * 16, 1]


@pytest.mark.parametrize(
    ("annotated", "sides", "noted"),
    # The picture is stored 12 high and 20 wide and turned right (orientation 6): upright it is 20 high, 12 wide.
    [((20, 12), [0.05, 0.25, 0.10, 0.5], False),  # annotated upright: as they stand
     ((12, 20), [0.15, 0.8333333, 0.30, 0.9166667], True)],  # annotated as stored: turned along
)  # fmt: skip
def test_boxes_of_a_turned_picture(tmp_path, annotated, sides, noted):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.zeros((12, 20, 3), np.uint8)).save(tmp_path / "x.jpg", exif=exif)
    image = AnnotatedImage(tmp_path / "x.jpg", "x.jpg", "1", annotated, (BoxAnnotation("cat", 1, 3, 2, 6),))
    summary = write_records([image], _IDS, tmp_path / "x")
    (record,) = _read(tmp_path / "x")
    assert (record["image/height"], record["image/width"]) == ([20], [12])
    assert Image.open(io.BytesIO(record["image/encoded"][0])).size == (12, 20)
    found = [record[f"image/object/bbox/{side}"][0] for side in ("ymin", "xmin", "ymax", "xmax")]
    np.testing.assert_allclose(found, sides, atol=1e-6)
    expected = {preparation.REENCODED} | ({preparation.TURNED_BOXES} if noted else set())
    assert {note.kind for note in summary.notes} == expected


def test_an_unknown_class_is_an_error_before_anything_is_written(tmp_path, pictures):
    with pytest.raises(DataError, match=r"0.jpg: box 0 has class 'cat', the label map has only 'dog'"):
        write_records(pictures, {"dog": 1}, tmp_path / "out" / "x")
    assert not (tmp_path / "out").exists()


def test_nothing_readable_leaves_nothing_behind(tmp_path, pictures):
    for image in pictures:
        image.path.write_bytes(b"")
    with pytest.raises(DataError, match="none of the 10 pictures can be read"):
        write_records(pictures, _IDS, tmp_path / "out" / "x")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_interrupted_run_keeps_the_old_file(tmp_path, pictures):
    write_records(pictures[:2], _IDS, tmp_path / "x")
    before = (tmp_path / "x").read_bytes()

    def interrupt(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_records(pictures, _IDS, tmp_path / "x", on_progress=interrupt)
    assert (tmp_path / "x").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_shards_of_another_count_are_not_mixed_in(tmp_path, pictures):
    write_records(pictures, _IDS, tmp_path / "x", num_shards=2)
    write_records(pictures, _IDS, tmp_path / "x", num_shards=2)  # the same again is fine
    for num_shards in (1, 3):
        with pytest.raises(UsageError, match="x-00000-of-00002 is there already"):
            write_records(pictures, _IDS, tmp_path / "x", num_shards=num_shards)


@pytest.mark.parametrize("num_shards", [0, 11])
def test_shard_counts_out_of_range(tmp_path, pictures, num_shards):
    with pytest.raises(UsageError, match=r"must be between 1 and the number of pictures \(10\)"):
        write_records(pictures, _IDS, tmp_path / "x", num_shards=num_shards)


def test_long_lists_are_shortened():
    summary = tfrecord_writer.Summary(["x"], num_images=3, notes=[annotation.Note("kind", str(i)) for i in range(5)])
    assert list(summary.lines(2))[-4:] == ["kind: 5", "  0", "  1", "  ... and 3 more (--max_listed 0 lists all)"]
    assert list(summary.lines(0))[-1] == "  4"
