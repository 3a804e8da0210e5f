# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Damaged files of every format: a fault, an error that a user can mend, or a data set that can be written again."""

from __future__ import annotations

import json
import random
import struct

import pytest

from efficientdet.data.importers.recognition import FORMATS, recognise
from efficientdet.data.record_encoding import RecordBox, encode_example, frame_record
from efficientdet.errors import EfficientDetError

_XML = """<?xml version='1.0' encoding='utf-8'?>
<annotation><filename>b.jpg</filename><size><width>640</width><height>480</height></size>
<object><name>cat</name><difficult>0</difficult><bndbox><xmin>16</xmin><ymin>195.5</ymin><xmax>119</xmax>
<ymax>303</ymax></bndbox></object><object><name>dog</name><bndbox><xmin>1</xmin></bndbox></object></annotation>"""
_COCO = {
    "info": {"a": [1, 2]},
    "images": [{"id": 1, "file_name": "a.jpg", "height": 5, "width": 6}, {"id": 2, "file_name": "sub/b.jpg"}],
    "annotations": [
        {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3.5, 4], "area": 1.5, "segmentation": [[1, 2, 3, 4]]},
        {"image_id": 2, "category_id": 1, "bbox": [0, 0, 1, 1], "segmentation": {"counts": [1, 2]}, "iscrowd": 1},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}],
}
_LABELME = {
    "shapes": [
        {"label": "cat", "points": [[1, 2], [3.5, 4]], "shape_type": "rectangle"},
        {"label": "dog", "points": [[1, 2], [3, 4], [5, 6]], "shape_type": "polygon"},
    ],
    "imagePath": "..\\a.jpg", "imageHeight": 5, "imageWidth": 6,
}  # fmt: skip
_EXAMPLE = encode_example(
    encoded=b"picture", image_format="png", size=(3, 4), filename="a.jpg", source_id="1",
    boxes=[RecordBox("cat", 1, 0.1, 0.2, 0.3, 0.4, area=5.0)],
)  # fmt: skip
_FILES = {
    "voc": {"Annotations/a.xml": _XML, "ImageSets/Main/train.txt": "a\nb 1\n", "ImageSets/Main/val.txt": "c\n"},
    "coco": {"annotations/instances_train.json": json.dumps(_COCO)},
    "yolo": {
        "labels/train/a.txt": "0 0.5 0.5 0.25 0.25\n1 0.1 0.2 0.3 0.4 0.5 0.6\n",
        "images/train/a.jpg": "",
        "data.yaml": "path: .\ntrain: images/train\nval: [val.txt]\nnc: 2\nnames:\n  0: cat\n  1: 'dog'\n",
        "val.txt": "./a.jpg\n",
    },
    "csv": {
        "header.csv": 'filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,1,2,"c,at",1,2,3,4\n',
        "automl.csv": "TRAIN,gs://a/a.jpg,cat,0.1,0.1,,,0.3,0.3,,\n",
        "retinanet.csv": "a.jpg,1,2,3,4,cat\nb.jpg,,,,,\n",
        "classes.csv": "cat,0\ndog,1\n",
    },
    "labelme": {"a.json": json.dumps(_LABELME)},
    "tfrecord": {"a.record": b"".join(frame_record(_EXAMPLE)) * 2},
}
_PIECES = (
    b"\0", b"\xff", b"\n", b"\r", b"nan", b"1e999", b"-", b"9" * 400, b"..", b"/", b"\\", b'"', b"'", b"<", b">", b"&",
    b"&#x0;", b"[", b"]", b"{", b"}", b":", b",", b" ", b"\t", b"null", b"true", b"[[[[[", b"<!DOCTYPE a>",
    b"!!python/name:os", b"*a", b"&a ", b"\xef\xbb\xbf", b"\xff\xfe", b"\xd8\x00", b"\\ud800", b"#", b"|", b"%", b"0",
)  # fmt: skip


def _damage(content: bytes, draw: random.Random) -> bytes:
    """A few bytes turned, cut out, put in or said twice."""
    damaged = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        start = draw.randrange(len(damaged) + 1)
        end = start + draw.choice((0, 1, 2, 5, 20))
        kind = draw.randrange(4)
        if kind == 0:
            damaged[start : start + 1] = bytes([draw.randrange(256)])
        elif kind == 1:
            damaged[start:end] = draw.choice(_PIECES)
        elif kind == 2:
            damaged[start:start] = damaged[start:end]
        else:
            del damaged[start:end]
    return bytes(damaged) if draw.random() < 0.9 else bytes(damaged[: draw.randrange(len(damaged) + 1)])


def _use(root, format):
    """Everything that an import asks of a source; texts must be fit to be written."""
    source = recognise(root, format=format)
    texts = [text for fault in source.faults for text in (fault.where, fault.detail)]
    texts += [label.name for label in source.labels]
    for entry in (entry for entries in source.splits.values() for entry in entries):
        try:
            image = source.read(entry)
        except EfficientDetError as error:
            texts.append(str(error))
            continue
        texts += [image.filename, image.source_id, *(box.name for box in image.boxes)]
        texts += [fault.where + fault.detail for fault in image.faults]
        assert all(type(side) is float for box in image.boxes for side in box[1:5])
    return "".join(texts).encode()


def _check(plant, format, count):
    pictures = {} if format == "tfrecord" else dict.fromkeys(("a.jpg", "b.jpg", "c.jpg", "sub/b.jpg"), "")
    root = plant({**pictures, **_FILES[format]})
    assert _use(root, format)
    files = [file for file in _FILES[format] if not file.endswith(".jpg")]
    draw = random.Random(count)
    for _ in range(count):
        path = root / draw.choice(files)
        content = path.read_bytes()
        damaged = _damage(content, draw)
        if format == "tfrecord" and draw.random() < 0.7:  # behind good checksums
            length = struct.unpack("<Q", content[:8])[0]
            damaged = b"".join(frame_record(_damage(content[12 : 12 + length], draw)))
        path.write_bytes(damaged)
        try:
            _use(root, format)
        except EfficientDetError as error:
            str(error).encode()
        except Exception as error:
            raise AssertionError(f"{path.name}: {damaged!r}") from error
        path.write_bytes(content)


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_files(plant, format):
    _check(plant, format, count=40)


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_many_damaged_files(plant, format):
    _check(plant, format, count=6_000)
