# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a user sees of bad input: one line that names place, value and rule, exit code 2, and nothing lost."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from efficientdet.cli import train
from efficientdet.data.record_encoding import RecordBox, encode_example
from efficientdet.training import distribution
from tests.end_to_end.tiny import draw_records, train_flags

_WHOLE = RecordBox("circle", 1, ymin=0.2, xmin=0.2, ymax=0.8, xmax=0.8, area=100.0)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_records(tmp_path_factory.mktemp("records"), num_train=2, num_val=1)


@pytest.fixture
def folder(records: Path, tmp_path: Path) -> Path:
    """A folder of records that a test may spoil."""
    copy = tmp_path / "records"
    copy.mkdir()
    for name in ("train.record", "val.record", "label_map.pbtxt"):
        (copy / name).write_bytes((records / name).read_bytes())
    return copy


def _write(folder: Path, *boxes: RecordBox, encoded: bytes | None = None) -> None:
    if encoded is None:
        file = io.BytesIO()
        Image.fromarray(np.full((48, 64, 3), 128, np.uint8)).save(file, "JPEG")
        encoded = file.getvalue()
    example = encode_example(
        encoded=encoded, image_format="jpeg", size=(48, 64), filename="spoilt.jpg", source_id="spoilt", boxes=boxes
    )
    with tf.io.TFRecordWriter(str(folder / "train.record")) as writer:
        writer.write(example)


def _error(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """Starts a training of two steps and returns the error line it ends with."""
    code = train.main(train_flags(folder, folder.parent / "model", "--num_train_steps=2", *more))
    error = capsys.readouterr().err
    assert code == 2, error
    assert "Traceback" not in error
    return error


def _png_header(width: int, height: int) -> bytes:
    return (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
        + width.to_bytes(4, "big")
        + height.to_bytes(4, "big")
        + b"\x08\x02\0\0\0"
        + b"\0" * 64
    )


@pytest.mark.parametrize(
    ("box", "rule"),
    [
        (_WHOLE._replace(ymax=38.0, xmax=51.0), "box is not normalised"),
        (_WHOLE._replace(name="", class_id=6), r"class id is not between 1 and num_classes \(5\)"),
        (_WHOLE._replace(name="hexagon"), "class name is not in the label map"),
    ],
    ids=["absolute coordinates", "class id out of range", "unknown class name"],
)
def test_a_box_that_cannot_be(folder: Path, capsys: pytest.CaptureFixture[str], box: RecordBox, rule: str) -> None:
    _write(folder, box)
    error = _error(folder, capsys)
    assert f"{folder / 'train.record'}: record 0 (source_id 'spoilt')" in error
    assert rule.replace("\\", "") in error


@pytest.mark.parametrize(
    ("encoded", "rule"),
    [
        (b"\xff\xd8\xff no picture", "cannot be read"),
        (b"GIF89a", "neither JPEG nor PNG"),
        (_png_header(100_000, 100_000), "exceeds 80000000 pixels"),
    ],
    ids=["undecodable", "foreign format", "gigantic"],
)
def test_an_image_that_cannot_be(folder: Path, capsys: pytest.CaptureFixture[str], encoded: bytes, rule: str) -> None:
    _write(folder, _WHOLE, encoded=encoded)
    error = _error(folder, capsys)
    assert "record 0 (source_id 'spoilt')" in error
    assert rule in error


def test_no_file_matches(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "train.record").unlink()
    error = _error(folder, capsys)
    assert "--override[1]:1: " in error
    assert str(folder / "train.record") in error


def test_a_truncated_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "train.record"
    path.write_bytes(path.read_bytes()[:-10])
    assert str(path) in (error := _error(folder, capsys))
    assert "truncated" in error


def test_missing_shards_are_warned_of(
    folder: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "train.record").rename(folder / "train.record-00000-of-00100")
    pattern = json.dumps(str(folder / "train.record-?????-of-?????"))
    override = (
        f"--override=train_input_reader {{ tf_record_input_reader {{ input_path: {pattern} }} }} eval_input_reader: []"
    )
    with caplog.at_level(logging.WARNING, logger="efficientdet"):
        code = train.main(train_flags(folder, folder.parent / "model", "--num_train_steps=1", override))
    assert code == 0
    assert "1 of 100" in caplog.text


def test_fewer_classes_than_the_label_map(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = _error(folder, capsys, "--override=model { ssd { num_classes: 3 } }")
    assert "num_classes" in error
    assert str(folder / "label_map.pbtxt") in error


def test_a_batch_that_does_not_divide(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    four = SimpleNamespace(num_replicas_in_sync=4, cluster_resolver=None)
    monkeypatch.setattr(distribution, "choose_strategy", lambda tpu: four)
    error = _error(folder, capsys, "--override=train_config { batch_size: 6 }")
    assert "--override[2]:1: train_config.batch_size (6) must be divisible by the 4 replicas" in error


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = (
        "--override=train_config { gradient_clipping_by_norm: 0 optimizer { momentum_optimizer { learning_rate "
        "{ constant_learning_rate { learning_rate: 1e30 } } } } } eval_input_reader: []"
    )
    error = _error(folder, capsys, "--checkpoint_every_n=1", wild)
    assert "not finite" in error
    assert "step" in error
    assert not list((folder.parent / "model").glob("ckpt-2*"))


def test_images_without_boxes_and_with_too_many_are_trained_on(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    _write(folder)
    flags = train_flags(folder, folder.parent / "negative", "--num_train_steps=1", "--override=eval_input_reader: []")
    assert train.main(flags) == 0
    _write(folder, *([_WHOLE] * 101))
    flags = train_flags(folder, folder.parent / "crowded", "--num_train_steps=1", "--override=eval_input_reader: []")
    with caplog.at_level(logging.WARNING, logger="efficientdet"):
        assert train.main(flags) == 0
    assert "more than max_number_of_boxes (100) boxes" in caplog.text
