# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the detector: a network between the pre- and post-processing that the config describes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from efficientdet.builders.postprocessing import build_postprocess_settings
from efficientdet.config import PipelineConfig
from efficientdet.data.preprocessing import Preprocessor
from efficientdet.detector import Detector
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.ops.postprocess import decode_detections, slot_scores
from efficientdet.types import Detections, Predictions


def build_detector(
    config: PipelineConfig, model: DetectionModel, *, preprocessor: Preprocessor, anchors: np.ndarray
) -> Detector:
    """Builds a detector around a network.

    Args:
      config: resolved.
      model: the network.
      preprocessor: what it was trained with.
      anchors: float32 [A, 4], what its predictions refer to.

    Returns:
      The detector.
    """
    settings = build_postprocess_settings(config, preprocessor.input_size)

    def postprocess(predictions: Predictions, true_sizes: tf.Tensor) -> Detections:
        return decode_detections(predictions, anchors, true_sizes, settings)

    def decode(predictions: Predictions) -> tuple[tf.Tensor, tf.Tensor]:
        boxes = settings.box_coder.decode(predictions.box_codes, anchors)
        return boxes, slot_scores(predictions.class_logits, settings)

    return Detector(model, preprocessor, postprocess, decode)
