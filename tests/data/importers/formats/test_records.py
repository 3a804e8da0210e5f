# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Record files, whole and damaged, read without TensorFlow."""

from __future__ import annotations

import gzip
import math
import pickle
import struct

import pytest

from efficientdet.data import faults
from efficientdet.data.files import masked_crc32c
from efficientdet.data.importers.annotation import AnnotationError
from efficientdet.data.importers.formats.records import RecordSource
from efficientdet.data.importers.recognition import recognise
from efficientdet.data.label_map import Label, LabelMap
from efficientdet.errors import DataError
from efficientdet.protos import example_pb2

_LISTS = {bytes: "bytes_list", float: "float_list", int: "int64_list"}


def _record(**features):
    """A serialized record with one box of 2; keyword arguments replace lists by name, None removes one."""
    values = {
        "encoded": [b"picture"], "filename": [b"a.jpg"], "source_id": [b"7"], "height": [12], "width": [16],
        "object/bbox/ymin": [0.25, 0.0], "object/bbox/xmin": [0.5, 0.0], "object/bbox/ymax": [0.75, 1.0],
        "object/bbox/xmax": [1.0, 1.0], "object/class/text": [b"cat", b"dog"], "object/class/label": [1, 2],
    }  # fmt: skip
    example = example_pb2.Example()
    for key, items in {**values, **features}.items():
        if items:
            getattr(example.features.feature[f"image/{key}"], _LISTS[type(items[0])]).value.extend(items)
        elif items is not None:
            example.features.feature[f"image/{key}"].SetInParent()
    return example.SerializeToString()


def _framed(content):
    length = struct.pack("<Q", len(content))
    return length + struct.pack("<I", masked_crc32c(length)) + content + struct.pack("<I", masked_crc32c(content))


def _one(plant, content, label_map=None):
    root = plant({"x.record": _framed(content)})
    source = RecordSource({"": [root / "x.record"]}, label_map=label_map)
    return source.read(source.splits[""][0])


def test_a_record(plant):
    image = _one(
        plant, _record(**{"object/is_crowd": [0, 1], "object/difficult": [1, 0], "object/area": [5.0, math.nan]})
    )
    assert image[1:4] == ("a.jpg", "7", (12, 16))
    assert (image.encoded, image.is_normalized, image.annotation, image.place) == (
        b"picture",
        True,
        "x.record",
        "record 0",
    )
    cat, dog = image.boxes
    assert cat[:6] == ("cat", 0.25, 0.5, 0.75, 1.0, 5.0)
    assert (cat.is_crowd, cat.is_difficult, cat.is_truncated, cat.place) == (False, True, False, "record 0 box 0")
    assert (dog.area, dog.is_crowd, dog.place) == (None, True, "record 0 box 1")


def test_the_way_of_tensorflow(plant, encode_record, write_tfrecord, tmp_path):
    """Records that TensorFlow wrote."""
    write_tfrecord(tmp_path / "x.record", [encode_record(), encode_record(boxes=()), encode_record()])
    source = RecordSource({"train": [tmp_path / "x.record"]})
    images = [source.read(entry) for entry in source.splits["train"]]
    assert [[tuple(box[:5]) for box in image.boxes] for image in images] == [
        [("cat", 0.25, 0.25, 0.75, 0.5)],
        [],
        [("cat", 0.25, 0.25, 0.75, 0.5)],
    ]
    assert images[0].encoded.startswith(b"\x89PNG")
    assert images[2].place == "record 2"


def test_class_names(plant):
    label_map = LabelMap((Label(1, "one"), Label(3, "three")))
    by_id = {"object/class/text": None, "object/class/label": [3, 9]}
    assert [box.name for box in _one(plant, _record(**by_id), label_map).boxes] == ["three", "9"]
    assert [box.name for box in _one(plant, _record(**by_id)).boxes] == ["3", "9"]
    mixed = {"object/class/text": [b"", b"caf\xc3\xa9\n"], "object/class/label": [3, 9]}
    assert [box.name for box in _one(plant, _record(**mixed), label_map).boxes] == ["three", "café\n"]
    assert [box.name for box in _one(plant, _record(**{"object/class/label": None})).boxes] == ["cat", "dog"]


def test_pictures_without_boxes(plant):
    none = {
        f"object/{key}": None
        for key in ("bbox/ymin", "bbox/xmin", "bbox/ymax", "bbox/xmax", "class/text", "class/label")
    }
    assert _one(plant, _record(**none)).boxes == ()
    assert _one(plant, _record(**dict.fromkeys(none, ()))).boxes == ()


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"encoded": None}, "it holds no picture"),
        ({"encoded": [b""]}, "it holds no picture"),
        ({"encoded": [1]}, "its image/encoded is a int64_list, where a bytes_list is expected"),
        ({"object/bbox/ymax": [0.5]}, "differ in length: 2, 2, 1, 2"),
        ({"object/bbox/ymax": None}, "differ in length: 2, 2, 0, 2"),
        ({"object/class/text": [b"cat"]}, "its image/object/class/text has 1 values for 2 boxes"),
        ({"object/class/label": [1, 2, 3]}, "has 3 values for 2 boxes"),
        ({"object/class/text": None, "object/class/label": None}, "its boxes have no class"),
        ({"object/area": [1.0]}, "image/object/area has 1 values"),
    ],
)
def test_records_that_cannot_be_read(plant, changes, detail):
    with pytest.raises(AnnotationError) as error:
        _one(plant, _record(**changes))
    fault = error.value.fault
    assert fault[:3] == (faults.RECORD_UNREADABLE, "x.record", "record 0")
    assert detail in fault.detail


def test_a_label_map_beside_the_records(plant):
    by_id = _framed(_record(**{"object/class/text": None, "object/class/label": [3, 9]}))
    root = plant({"x.record": by_id, "label_map.pbtxt": "item { id: 3 name: 'three' }", "pipeline.pbtxt": "model {}"})
    for path in (root, root / "x.record", root / "*.record"):
        source = recognise(path)
        assert source.labels == (Label(3, "three"),)
        assert source.read(source.splits[""][0]).boxes[0].name == "three"
    (root / "other.pbtxt").write_text("item { id: 3 name: 'other' }")
    assert recognise(root).labels == ()


@pytest.mark.parametrize("content", [b"nonsense", b"\xff" * 40, b"\x0a\xff\xff\xff\xff\x0f"])
def test_no_example(plant, content):
    with pytest.raises(AnnotationError, match=r"it is no tf\.Example"):
        _one(plant, content)


def test_odd_values_are_handed_on(plant):
    sides = {
        f"object/bbox/{side}": [value, 50.0]
        for side, value in zip(("ymin", "xmax"), (math.nan, -math.inf), strict=True)
    }
    image = _one(plant, _record(**sides, height=[-1], source_id=None))
    assert (image.size, image.source_id) == (None, "a.jpg")
    assert math.isnan(image.boxes[0].ymin)
    assert image.boxes[0].xmax == -math.inf


def test_files_entries_and_splits(plant):
    root = plant({
        "a/train-0.record": _framed(_record()) + _framed(_record(filename=[b"b.jpg"])),
        "b/val.record": _framed(_record(filename=[b"c.jpg"])),
    })  # fmt: skip
    train, val = root / "a/train-0.record", root / "b/val.record"
    source = pickle.loads(pickle.dumps(RecordSource({"train": [train], "eval": [val, train], "none": []})))
    assert source.root == root
    assert {split: len(entries) for split, entries in source.splits.items()} == {"train": 2, "eval": 3}
    names = [source.read(entry).filename for entry in source.splits["eval"]]
    assert names == ["c.jpg", "a.jpg", "b.jpg"]
    assert list(source.splits["train"]) == list(source.splits["eval"][1:])
    assert hash(source.splits["train"][0]) == hash(source.splits["eval"][1])
    with pytest.raises(IndexError):
        source.splits["train"][2]


def test_damage(plant, brief):
    whole = _framed(_record())
    flipped = bytearray(whole)
    flipped[40] ^= 1
    files = {
        "a.record": bytes(flipped) + whole,
        "b.record": whole + whole[:50],
        "c.record": whole + b"\0" * 12 + whole,
        "d.record": "",
        "e.record": gzip.compress(whole),
        "f.record": "short",
    }
    root = plant(files)
    source = RecordSource({"": [root / name for name in (*files, "gone.record")]}, root=root)
    assert brief(source.faults) == [
        (faults.RECORD_UNREADABLE, "b.record", "record 1"),
        (faults.RECORD_UNREADABLE, "c.record", "record 1"),
        (faults.RECORD_UNREADABLE, "d.record", ""),
        *((faults.RECORD_UNREADABLE, f"{name}.record", "record 0") for name in ("e", "f", "gone")),
    ]
    assert "it is compressed, unpack it with gunzip" in source.faults[3].detail
    first, *rest = source.splits[""]
    with pytest.raises(AnnotationError, match=r"a\.record: record 0: its checksum is wrong \(bytes 0 to"):
        source.read(first)
    assert [source.read(entry).annotation for entry in rest] == ["a.record", "b.record", "c.record"]


def test_a_file_that_changes_meanwhile(plant):
    root = plant({"x.record": _framed(_record())})
    source = RecordSource({"": [root / "x.record"]})
    (root / "x.record").write_bytes(b"\1" * 5000)
    with pytest.raises(AnnotationError, match="the checksum of its header is wrong"):
        source.read(source.splits[""][0])
    (root / "x.record").write_bytes(b"")
    with pytest.raises(AnnotationError, match="has become shorter"):
        source.read(source.splits[""][0])
    (root / "x.record").unlink()
    with pytest.raises(AnnotationError, match="No such file"):
        source.read(source.splits[""][0])


def test_nothing_to_read(plant):
    root = plant({"x.record": ""})
    with pytest.raises(
        DataError, match=r"no record in its 1 files; the first fault: x\.record: the file holds no record"
    ):
        RecordSource({"": [root / "x.record"]})
    with pytest.raises(DataError, match="no record in its 0 files"):
        RecordSource({})
