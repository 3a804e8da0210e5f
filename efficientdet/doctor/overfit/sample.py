# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Takes a few records out of the training data, and makes the config that learns them by heart. No TensorFlow."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf import text_format
from google.protobuf.message import DecodeError

from efficientdet import field_paths
from efficientdet.config import PipelineConfig, with_seed
from efficientdet.data.files import resolve_files, scan_tfrecord
from efficientdet.data.label_map import read_label_map
from efficientdet.data.record_encoding import frame_record
from efficientdet.doctor.overfit.choice import Candidate, choose
from efficientdet.errors import DataError
from efficientdet.protos.example_pb2 import Example

_MOST_LOOKED_AT = 2000  # records
_HEADER_BYTES, _FOOTER_BYTES = 12, 4
_CLIPPING_NORM = 10.0
# Draws anew in every step, and so keeps pictures from being learnt by heart; off in every message that has it.
_DRAWN = {"survival_probability": 1.0, "use_dropout": False}


class Sample(NamedTuple):
    """The records chosen."""

    records: tuple[bytes, ...]
    files: tuple[str, ...]  # of each
    others: tuple[bytes, ...]  # as many again where there are as many, to look at and not to learn
    num_records: int  # of the data in all


class _Place(NamedTuple):
    file: str
    offset: int
    length: int


def take_sample(config: PipelineConfig, num_images: int) -> Sample:
    """Chooses records of the training data, see `choice.choose`; of many, an even share is looked at.

    Args:
      config: resolved.
      num_images: to choose at most.

    Raises:
      DataError: the files cannot be read, or no picture that was looked at has a box.
      ConfigError: the label map cannot be read.
    """
    reader = config.proto.train_input_reader
    rows = read_label_map(reader.label_map_path).rows_by_text(reader.use_display_name)
    try:
        files = resolve_files(list(reader.tf_record_input_reader.input_path))
    except DataError as error:
        raise DataError(f"{config.where('train_input_reader.tf_record_input_reader.input_path')}: {error}") from None
    num_records = sum(scan_tfrecord(file) for file in files)
    stride = max(-(-num_records // _MOST_LOOKED_AT), 1)
    places = list(_places(files))[::stride]
    candidates = [Candidate(index, classes_of(_read(place), rows)) for index, place in enumerate(places)]
    most = reader.max_number_of_boxes
    chosen = choose(candidates, num_images, max_boxes=most)
    if not chosen:
        more = f"or all have more than {most}, max_number_of_boxes"
        raise DataError(f"none of {len(places)} training pictures has a box ({more}): there is nothing to learn")
    others = choose([each for each in candidates if each.record not in chosen], len(chosen), max_boxes=most)
    return Sample(
        records=tuple(_read(places[number]) for number in chosen),
        files=tuple(places[number].file for number in chosen),
        others=tuple(_read(places[number]) for number in others),
        num_records=num_records,
    )


def _places(files: Sequence[str]) -> Iterator[_Place]:
    """Every record of files that have been scanned."""
    for name in files:
        with open(name, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            offset = 0
            while offset < size:
                file.seek(offset)
                (length,) = struct.unpack("<Q", file.read(8))
                yield _Place(name, offset + _HEADER_BYTES, length)
                offset += _HEADER_BYTES + length + _FOOTER_BYTES


def _read(place: _Place) -> bytes:
    with open(place.file, "rb") as file:
        file.seek(place.offset)
        return file.read(place.length)


def classes_of(record: bytes, rows: Mapping[str, int]) -> tuple[int, ...]:
    """The class rows of a record's boxes that training learns from.

    Args:
      record: a serialized tf.Example; none for one that cannot be read, which the input pipeline will tell about.
      rows: class text -> row.

    Returns:
      A row for each box with an area that is no crowd; of a class that the label map does not know, -1.
    """
    try:
        features = Example.FromString(record).features.feature
    except DecodeError:
        return ()

    def values(name: str) -> list[Any]:
        feature = features.get(f"image/object/{name}")
        kind = None if feature is None else feature.WhichOneof("kind")
        return list(getattr(feature, kind).value) if kind else []

    corners = list(zip(*(values(f"bbox/{side}") for side in ("ymin", "xmin", "ymax", "xmax")), strict=False))
    texts, ids, crowd = values("class/text"), values("class/label"), values("is_crowd")
    classes = []
    for index, (ymin, xmin, ymax, xmax) in enumerate(corners):
        is_crowd = index < len(crowd) and bool(crowd[index])
        if is_crowd or not (ymax > ymin and xmax > xmin):
            continue
        text = texts[index].decode(errors="replace") if index < len(texts) else ""
        classes.append(rows.get(text, -1) if text else ids[index] - 1 if index < len(ids) else -1)
    return tuple(classes)


def write_records(records: Sequence[bytes], path: Path) -> None:
    """Writes serialized records into one file."""
    with open(path, "wb") as file:
        for record in records:
            file.writelines(frame_record(record))


def memorising(config: PipelineConfig, record: Path, num_images: int, *, rate: float) -> PipelineConfig:
    """A config that learns a few pictures by heart: whatever would hinder it on purpose is off.

    That is augmentation, weight penalties, stochastic depth, dropout, frozen variables and averages. Network, start
    weights, input, targets, losses and post-processing stay the config's. Adam at a constant rate takes the place of
    its optimizer, so that what fails is not its schedule, which other checks look at.

    Args:
      config: resolved.
      record: the file of the pictures.
      num_images: in it.
      rate: of learning.
    """
    copy = with_seed(config).copy()
    train, reader = copy.proto.train_config, copy.proto.train_input_reader
    for field in ("data_augmentation_options", "freeze_variables", "update_trainable_variables",
                  "learning_rate_multipliers", "bias_grad_multiplier", "optimizer"):  # fmt: skip
        train.ClearField(field)
    train.batch_size = min(train.batch_size, num_images)
    train.add_regularization_loss = False
    train.gradient_clipping_by_value = train.gradient_clipping_by_tensor_norm = 0.0
    train.gradient_clipping_by_norm = _CLIPPING_NORM
    text = f"adam_optimizer {{ epsilon: 1e-7 learning_rate {{ constant_learning_rate {{ learning_rate: {rate} }} }} }}"
    text_format.Parse(f"{text} use_moving_average: false", train.optimizer)
    reader.num_epochs, reader.sample_1_of_n_examples, reader.shuffle = 0, 1, True
    reader.ClearField("sample_from_datasets_weights")
    reader.tf_record_input_reader.input_path[:] = [str(record)]
    for _, message in field_paths.messages(copy.proto.model):
        for name, value in _DRAWN.items():
            if name in message.DESCRIPTOR.fields_by_name:
                setattr(message, name, value)
    return copy
