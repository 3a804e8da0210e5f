# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from efficientdet.data.record_encoding import RecordBox, encode_example, frame_record
from efficientdet.doctor.machine.largest import find_largest, picture_size, worst_case, write_worst_case
from efficientdet.protos.example_pb2 import Example
from tests.doctor.machine.figures import bccd_config

_DRAWS = """
train_config {
  data_augmentation_options { random_horizontal_flip {} }
  data_augmentation_options { random_scale_crop_and_pad_to_square { output_size: 64 scale_min: 0.5 scale_max: 1.5 } }
  data_augmentation_options { random_image_scale { min_scale_ratio: 0.25 } }
}
train_input_reader {
  num_epochs: 3
  sample_1_of_n_examples: 5
  tf_record_input_reader { input_path: "a.record" input_path: "b.record" }
}
"""


def _record(height: int, width: int, num_boxes: int = 2, *, picture_format: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(file, picture_format)
    boxes = [RecordBox("cat", 1, 0.1 * number, 0.2, 0.9, 0.8, 5.0) for number in range(num_boxes)]
    return encode_example(
        encoded=file.getvalue(),
        image_format=picture_format.lower(),
        size=(height, width),
        filename=f"{height}.jpg",
        source_id="1",
        boxes=boxes,
    )


def _without_size(record: bytes) -> bytes:
    example = Example.FromString(record)
    del example.features.feature["image/height"]
    return example.SerializeToString()


def _write(path: Path, *records: bytes) -> str:
    path.write_bytes(b"".join(b"".join(frame_record(record)) for record in records))
    return str(path)


def test_the_largest_pictures_of_all_files_come_first(tmp_path: Path) -> None:
    first = _write(tmp_path / "a.record", *(_record(height, 10) for height in (20, 50, 10)))
    second = _write(tmp_path / "b.record", _record(30, 10), _record(40, 10))
    empty = _write(tmp_path / "c.record")
    largest = find_largest([first, empty, second])
    assert largest.size == (50, 10)
    assert [Path(place.file).name for place in largest.places] == ["a.record", "b.record", "b.record", "a.record"]
    assert largest.num_records == 5
    assert largest.is_complete


def test_of_pictures_of_one_size_the_first_are_taken(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.record", *(_record(20, 10) for _ in range(6)))
    offsets = [place.offset for place in find_largest([file]).places]
    assert offsets == sorted(offsets)
    assert offsets[0] == 12


def test_a_look_that_takes_too_long_says_so(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.record", *(_record(20, 10) for _ in range(6)))
    largest = find_largest([file], seconds=-1.0)
    assert not largest.is_complete
    assert largest.num_records == 1


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG"])
def test_a_record_without_sizes_has_those_of_its_picture(picture_format: str) -> None:
    record = _without_size(_record(24, 16, picture_format=picture_format))
    assert picture_size(record, 0, len(record)) == (24, 16)


def test_a_damaged_record_has_no_size_and_breaks_nothing() -> None:
    record = _without_size(_record(24, 16))
    draws = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(record[: draws.integers(1, len(record))])
        damaged[draws.integers(len(damaged))] = draws.integers(256)
        height, width = picture_size(bytes(damaged), 0, len(damaged))
        assert height >= 0
        assert width >= 0
    assert picture_size(b"", 0, 0) == (0, 0)


def test_no_record_at_all(tmp_path: Path) -> None:
    largest = find_largest([_write(tmp_path / "a.record")])
    assert largest.places == ()
    assert largest.size == (0, 0)
    write_worst_case(largest, tmp_path / "worst.record", num_boxes=5)
    assert (tmp_path / "worst.record").read_bytes() == b""


def test_the_worst_case_is_full_of_boxes(tmp_path: Path) -> None:
    file = _write(tmp_path / "a.record", _record(20, 10, num_boxes=2), _record(30, 10, num_boxes=0))
    worst = tmp_path / "worst.record"
    write_worst_case(find_largest([file]), worst, num_boxes=5)
    content, examples, offset = worst.read_bytes(), [], 0
    while offset < len(content):
        length = int.from_bytes(content[offset : offset + 8], "little")
        examples.append(Example.FromString(content[offset + 12 : offset + 12 + length]).features.feature)
        offset += length + 16
    assert [len(each["image/object/bbox/ymin"].float_list.value) for each in examples] == [0, 5]
    assert examples[1]["image/object/bbox/ymin"].float_list.value == pytest.approx([0.0, 0.1, 0.0, 0.1, 0.0])
    assert len(examples[1]["image/object/class/text"].bytes_list.value) == 5
    assert examples[1]["image/height"].int64_list.value == [20]


def test_the_worst_case_draws_the_largest_scale_of_one_file() -> None:
    config = bccd_config(_DRAWS)
    worst = worst_case(config, Path("worst.record"), 4).proto
    _, crop, scale = worst.train_config.data_augmentation_options
    assert crop.random_scale_crop_and_pad_to_square.scale_min == 1.5
    assert scale.random_image_scale.min_scale_ratio == 2.0
    assert worst.train_config.batch_size == 4
    assert list(worst.train_input_reader.tf_record_input_reader.input_path) == ["worst.record"]
    assert worst.train_input_reader.num_epochs == 0
    assert worst.train_input_reader.sample_1_of_n_examples == 1
    assert config.proto.train_config.batch_size == 8
