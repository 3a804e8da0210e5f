# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the input of training as a measurement of its pictures wants it."""

from __future__ import annotations

import tensorflow as tf

from efficientdet.builders.input import build_resizer, build_train_input
from efficientdet.config import PipelineConfig
from efficientdet.data.pipeline import InputPipeline
from efficientdet.data.preprocessing import Preprocessor
from efficientdet.types import Targets


def build_statistics_input(config: PipelineConfig) -> InputPipeline:
    """Builds the input of training with pictures in 0..255, which are augmented and resized, and without targets.

    Args:
      config: resolved and validated for training.

    Raises:
      ConfigError: the label map does not fit.
      DataError: the files cannot be used.
    """
    pixels = Preprocessor(build_resizer(config), mean=(0.0, 0.0, 0.0), stddev=(1.0, 1.0, 1.0))
    return build_train_input(config, pixels, _no_targets)


def _no_targets(boxes: tf.Tensor, classes: tf.Tensor, weights: tf.Tensor) -> Targets:
    del boxes, classes, weights
    return Targets(tf.zeros([0], tf.int32), tf.zeros([0]), tf.zeros([0, 4]), tf.zeros([0]))
