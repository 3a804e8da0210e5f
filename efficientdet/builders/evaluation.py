# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds what evaluation needs from `eval_config`."""

from __future__ import annotations

from efficientdet.config import PipelineConfig
from efficientdet.data.label_map import LabelMap
from efficientdet.evaluation.coco import Category
from efficientdet.evaluation.evaluator import EvaluationSettings


def build_categories(label_map: LabelMap) -> list[Category]:
    """The classes that COCO metrics are computed over, by the label map's ids."""
    return [Category(id_, name) for id_, name in label_map.display_names.items()]


def build_evaluation_settings(config: PipelineConfig, *, write_detections: bool = False) -> EvaluationSettings:
    """Builds the settings of the evaluator.

    Args:
      config: resolved.
      write_detections: also write each evaluation's detections and truth as COCO JSON.

    Returns:
      The settings.
    """
    settings = config.proto.eval_config
    normalization = config.proto.model.ssd.feature_extractor.normalization
    return EvaluationSettings(
        pixel_mean=list(normalization.mean),
        pixel_stddev=list(normalization.stddev),
        num_visualizations=settings.num_visualizations,
        min_score=settings.min_score_threshold,
        max_boxes=settings.max_num_boxes_to_visualize,
        # TFOD's default of 5,000 is COCO's: unset means the whole data set.
        max_images=settings.num_examples if settings.HasField("num_examples") and settings.num_examples else None,
        per_category=settings.include_metrics_per_category,
        write_detections=write_detections,
    )
