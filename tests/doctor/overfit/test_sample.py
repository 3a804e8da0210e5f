# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from pathlib import Path

import pytest

from efficientdet.config import PipelineConfig
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.data.record_encoding import RecordBox, encode_example, frame_record
from efficientdet.doctor.overfit import sample
from efficientdet.doctor.overfit.sample import classes_of, memorising, take_sample, write_records
from efficientdet.errors import DataError
from tests.doctor.machine.figures import bccd_config
from tests.end_to_end import tiny


def _record(number: int, *boxes: RecordBox) -> bytes:
    return encode_example(
        encoded=b"", image_format="jpeg", size=(30, 20), filename="a.jpg", source_id=str(number), boxes=boxes
    )


def _box(name: str = "cat", class_id: int = 1, *, ymax: float = 0.5, is_crowd: bool = False) -> RecordBox:
    return RecordBox(name, class_id, 0.1, 0.1, ymax, 0.5, 1.0, is_crowd)


def _config(folder: Path, *records: bytes) -> PipelineConfig:
    (folder / "train.record").write_bytes(b"".join(b"".join(frame_record(record)) for record in records))
    write_label_map([Label(1, "cat", ""), Label(2, "dog", "")], folder / "label_map.pbtxt")
    return bccd_config(tiny.data_override(folder))


def test_classes_are_taken_by_text_and_else_by_id() -> None:
    record = _record(1, _box("dog", 2), _box("", 1), _box("bird", 3))
    assert classes_of(record, {"cat": 0, "dog": 1}) == (1, 0, -1)


def test_boxes_without_area_and_crowds_do_not_count() -> None:
    assert classes_of(_record(1, _box(ymax=0.1), _box(is_crowd=True), _box()), {"cat": 0}) == (0,)
    assert classes_of(_record(1), {"cat": 0}) == ()


def test_what_is_no_record_has_no_box() -> None:
    assert classes_of(b"\xff\xff", {}) == ()


def test_a_sample_of_the_data(tmp_path: Path) -> None:
    records = (_record(0), _record(1, _box()), _record(2, _box(), _box("dog", 2)), _record(3, _box()))
    taken = take_sample(_config(tmp_path, *records), 2)
    assert taken.records == (records[1], records[2])
    assert taken.files == (str(tmp_path / "train.record"),) * 2
    assert taken.num_records == 4
    assert taken.others == (records[3],)
    write_records(taken.records, tmp_path / "chosen.record")
    assert (tmp_path / "chosen.record").read_bytes() == b"".join(b"".join(frame_record(r)) for r in records[1:3])


def test_of_many_records_an_even_share_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "_MOST_LOOKED_AT", 2)
    records = [_record(number, _box()) for number in range(5)]
    assert take_sample(_config(tmp_path, *records), 8).records == (records[0], records[3])


def test_data_without_boxes_hold_nothing_to_learn(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of 2 training pictures has a box"):
        take_sample(_config(tmp_path, _record(0), _record(1)), 8)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    config = _config(tmp_path)
    (tmp_path / "train.record").unlink()
    with pytest.raises(DataError, match=r"override\[1\].*matches no file"):
        take_sample(config, 8)


def test_whatever_would_hinder_learning_by_heart_is_off() -> None:
    hindered = """
    model { ssd { feature_extractor { survival_probability: 0.8 }
                  box_predictor { weight_shared_convolutional_box_predictor { use_dropout: true } } } }
    train_config {
      freeze_variables: "backbone" learning_rate_multipliers { variables: "fpn" } gradient_clipping_by_value: 1
    }
    train_input_reader { num_epochs: 2 sample_1_of_n_examples: 3 }
    """
    config = bccd_config(hindered)
    proto = memorising(config, Path("chosen.record"), 5, rate=0.25).proto
    train, ssd = proto.train_config, proto.model.ssd
    assert train.batch_size == 5
    assert not train.data_augmentation_options
    assert not train.freeze_variables
    assert not train.learning_rate_multipliers
    assert not train.add_regularization_loss
    assert not train.optimizer.use_moving_average
    assert train.optimizer.adam_optimizer.learning_rate.constant_learning_rate.learning_rate == 0.25
    assert train.gradient_clipping_by_value == 0
    assert ssd.feature_extractor.survival_probability == 1
    assert not ssd.box_predictor.weight_shared_convolutional_box_predictor.use_dropout
    assert list(proto.train_input_reader.tf_record_input_reader.input_path) == ["chosen.record"]
    assert proto.train_input_reader.num_epochs == 0
    assert proto.train_input_reader.sample_1_of_n_examples == 1
    assert train.fine_tune_checkpoint == "efficientnet-lite0"  # it starts where the training would
    assert config.proto.train_config.batch_size == 8
    assert memorising(config, Path("a"), 20, rate=1.0).proto.train_config.batch_size == 8
