# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds input pipelines from `train_input_reader`, `eval_input_reader` and the augmentation options."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

from efficientdet.builders.augmentation import build_augmentations
from efficientdet.builders.choice import choice
from efficientdet.config import PipelineConfig
from efficientdet.data.files import resolve_files
from efficientdet.data.label_map import LabelMap, read_label_map
from efficientdet.data.pipeline import Assigner, InputPipeline
from efficientdet.data.preprocessing import FixedShape, KeepAspectRatio, Preprocessor, ResizeMethod
from efficientdet.data.record_order import ReaderSettings, Source, WorkerSharding
from efficientdet.data.records import RecordParser
from efficientdet.errors import ConfigError, DataError
from efficientdet.protos import image_resizer_pb2, input_reader_pb2

RESIZE_METHODS: dict[int, ResizeMethod] = {
    image_resizer_pb2.BILINEAR: "bilinear",
    image_resizer_pb2.NEAREST_NEIGHBOR: "nearest",
    image_resizer_pb2.BICUBIC: "bicubic",
    image_resizer_pb2.AREA: "area",
}

WORKER_SHARDINGS: dict[int, WorkerSharding] = {
    input_reader_pb2.BY_RECORD: "by_record",
    input_reader_pb2.BY_FILE: "by_file",
}

_TRAINING_BUDGET = 10  # records that training may leave out, where the config does not say


def _keep_aspect_ratio(message: image_resizer_pb2.KeepAspectRatioResizer) -> KeepAspectRatio:
    red, green, blue = message.per_channel_pad_value or (0.0, 0.0, 0.0)
    return KeepAspectRatio(
        message.min_dimension,
        message.max_dimension,
        (red, green, blue),
        half_pixel_centers=message.half_pixel_centers,
        truncate_size=message.truncate_size,
        method=RESIZE_METHODS[message.resize_method],
        grayscale=message.convert_to_grayscale,
    )


def _fixed_shape(message: image_resizer_pb2.FixedShapeResizer) -> FixedShape:
    return FixedShape(
        message.height,
        message.width,
        half_pixel_centers=message.half_pixel_centers,
        method=RESIZE_METHODS[message.resize_method],
        grayscale=message.convert_to_grayscale,
    )


RESIZERS: dict[str, Callable[[Any], KeepAspectRatio | FixedShape]] = {
    "keep_aspect_ratio_resizer": _keep_aspect_ratio,
    "fixed_shape_resizer": _fixed_shape,
}


def build_resizer(config: PipelineConfig) -> KeepAspectRatio | FixedShape:
    """Builds the rule by which a picture is fitted into the network's input; it knows the size of the latter."""
    kind, settings = choice(config, "model.ssd.image_resizer")
    return RESIZERS[kind](settings)


def build_preprocessor(config: PipelineConfig) -> Preprocessor:
    """Builds what brings a picture into the network's input."""
    normalization = config.proto.model.ssd.feature_extractor.normalization
    return Preprocessor(build_resizer(config), mean=normalization.mean, stddev=normalization.stddev)


def build_label_map(config: PipelineConfig, reader: str) -> LabelMap:
    """Reads the label map of a reader.

    Args:
      config: resolved.
      reader: "train_input_reader" or "eval_input_reader[i]".

    Raises:
      ConfigError: it cannot be read, or has ids above `num_classes`.
    """
    label_map = read_label_map(_reader(config, reader).label_map_path)
    try:
        label_map.check_num_classes(config.proto.model.ssd.num_classes)
    except ConfigError as error:
        raise ConfigError(f"{config.where('model.ssd.num_classes')}: {error}") from None
    return label_map


def build_train_input(config: PipelineConfig, preprocessor: Preprocessor, assigner: Assigner) -> InputPipeline:
    """Builds the endless, shuffled, augmented input of training; the config's seed is set.

    Raises:
      ConfigError: the label map does not fit.
      DataError: the files cannot be used.
    """
    train = config.proto.train_config
    return _build(
        config,
        "train_input_reader",
        preprocessor=preprocessor,
        assign_targets=assigner,
        batch_size=train.batch_size,
        augmentations=build_augmentations(train.data_augmentation_options),
        seed=train.seed,
    )


def build_eval_input(
    config: PipelineConfig, preprocessor: Preprocessor, assigner: Assigner, *, reader: int = 0
) -> InputPipeline:
    """Builds the input of evaluation: each record once, in order, without augmentation.

    Args:
      config: resolved.
      preprocessor: brings pictures into the network's input.
      assigner: gives each anchor its targets.
      reader: which of `eval_input_reader`.

    Raises:
      ConfigError: the label map does not fit.
      DataError: the files cannot be used.
    """
    return _build(
        config,
        f"eval_input_reader[{reader}]",
        preprocessor=preprocessor,
        assign_targets=assigner,
        batch_size=config.proto.eval_config.batch_size,
    )


def _build(config: PipelineConfig, path: str, **parts: Any) -> InputPipeline:
    reader = _reader(config, path)
    trains = path == "train_input_reader"
    patterns = list(reader.tf_record_input_reader.input_path)
    weights = reader.sample_from_datasets_weights if trains else ()
    try:
        groups = [resolve_files([pattern]) for pattern in patterns] if weights else [resolve_files(patterns)]
    except DataError as error:
        raise DataError(f"{config.where(f'{path}.tf_record_input_reader.input_path')}: {error}") from None
    services = tuple(reader.data_service_address.replace(",", " ").split()) if trains else ()
    if services:  # which may run in another folder
        groups = [[os.path.abspath(file) for file in group] for group in groups]
    files = list(dict.fromkeys(itertools.chain(*groups)))
    sources = tuple(Source(tuple(group), weight) for group, weight in zip(groups, weights, strict=False))
    parse = RecordParser(
        build_label_map(config, path),
        num_classes=config.proto.model.ssd.num_classes,
        use_display_name=reader.use_display_name,
    )
    return InputPipeline(files, parse=parse, settings=_settings(reader, sources, services, trains), **parts)


def _reader(config: PipelineConfig, path: str) -> input_reader_pb2.InputReader:
    if path == "train_input_reader":
        return config.proto.train_input_reader
    return config.proto.eval_input_reader[int(path.removeprefix("eval_input_reader[").removesuffix("]"))]


def _settings(
    reader: input_reader_pb2.InputReader, sources: tuple[Source, ...], services: tuple[str, ...], trains: bool
) -> ReaderSettings:
    budget = _TRAINING_BUDGET if trains else 0
    return ReaderSettings(
        shuffle=reader.shuffle,
        shuffle_buffer_size=reader.shuffle_buffer_size,
        num_readers=reader.num_readers,
        read_block_length=reader.read_block_length,
        num_epochs=reader.num_epochs,
        sample_1_of_n_examples=reader.sample_1_of_n_examples,
        drop_remainder=reader.drop_remainder,
        num_prefetch_batches=reader.num_prefetch_batches,
        max_number_of_boxes=reader.max_number_of_boxes,
        skip_crowd=reader.skip_crowd,
        sources=sources,
        worker_sharding=WORKER_SHARDINGS[reader.worker_sharding],
        max_unreadable_records=reader.max_unreadable_records if reader.HasField("max_unreadable_records") else budget,
        services=services,
    )
