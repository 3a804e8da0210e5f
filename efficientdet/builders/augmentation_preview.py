# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the input of training so that a few pictures can be looked at, before and after augmentation."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from efficientdet.builders.input import build_train_input
from efficientdet.config import PipelineConfig
from efficientdet.data.pipeline import Assigner, InputPipeline
from efficientdet.data.preprocessing import FixedShape, Preprocessor
from efficientdet.protos.preprocessor_pb2 import PreprocessingStep, RandomHorizontalFlip


class AugmentationPreview(NamedTuple):
    """Two inputs with the same pictures: one in a batch, in the order of the files, in each epoch."""

    as_read: InputPipeline  # pictures as they are in the records
    augmented: InputPipeline  # as the network sees them, with the draws that each has in that epoch of training


def build_augmentation_preview(
    config: PipelineConfig, preprocessor: Preprocessor, assigner: Assigner, *, step: int | None = None
) -> AugmentationPreview:
    """Builds the two inputs.

    What a picture is mixed with are its neighbours in the files, where training would mix it with other ones.

    Args:
      config: resolved and validated for training, with a seed.
      preprocessor: brings pictures into the network's input.
      assigner: gives each anchor its targets.
      step: takes only this one of the `data_augmentation_options`, with the draws that it has among all of them.

    Raises:
      ConfigError: the label map does not fit.
      DataError: the files cannot be used.
    """
    ordered = _in_file_order(config)
    whole = _with_steps(ordered, [])
    steps = list(config.proto.train_config.data_augmentation_options)
    if step is not None:
        # A step's draws depend on its place, so that the others have to be replaced, not left out.
        steps = [given if place == step else _no_change() for place, given in enumerate(steps)]
    return AugmentationPreview(
        as_read=build_train_input(whole, _Untouched(), assigner),
        augmented=build_train_input(_with_steps(ordered, steps), preprocessor, assigner),
    )


class _Untouched(Preprocessor):
    """Hands pictures on as they are."""

    def __init__(self) -> None:
        super().__init__(FixedShape(1, 1), mean=(0.0, 0.0, 0.0), stddev=(1.0, 1.0, 1.0))

    def __call__(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return image, tf.shape(image)[:2]

    def boxes_in_input(self, boxes: tf.Tensor, true_size: tf.Tensor) -> tf.Tensor:
        del true_size
        return boxes


def _in_file_order(config: PipelineConfig) -> PipelineConfig:
    """A config whose n-th batch of an epoch is the n-th picture. Draws depend on the record, not on its turn."""
    ordered = config.copy()
    ordered.proto.train_config.batch_size = 1
    reader = ordered.proto.train_input_reader
    reader.shuffle, reader.num_epochs = False, 0
    reader.ClearField("sample_from_datasets_weights")
    return ordered


def _with_steps(config: PipelineConfig, steps: list[PreprocessingStep]) -> PipelineConfig:
    changed = config.copy()
    changed.proto.train_config.ClearField("data_augmentation_options")
    changed.proto.train_config.data_augmentation_options.extend(steps)
    return changed


def _no_change() -> PreprocessingStep:
    return PreprocessingStep(random_horizontal_flip=RandomHorizontalFlip(probability=0.0))
