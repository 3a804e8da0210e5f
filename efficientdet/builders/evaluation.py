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


def build_evaluation_settings(
    config: PipelineConfig, *, write_detections: bool, write_summaries: bool
) -> EvaluationSettings:
    """Builds the settings of the evaluator.

    Args:
      config: resolved.
      write_detections: also write each evaluation's detections and truth as COCO JSON.
      write_summaries: write TensorBoard files.

    Returns:
      The settings.
    """
    settings = config.proto.eval_config
    return EvaluationSettings(
        num_visualizations=settings.num_visualizations,
        min_score=settings.min_score_threshold,
        max_boxes=settings.max_num_boxes_to_visualize,
        per_category=settings.include_metrics_per_category,
        regularize=config.proto.train_config.add_regularization_loss,
        write_detections=write_detections,
        write_summaries=write_summaries,
    )


def max_eval_images(config: PipelineConfig) -> int | None:
    """How many images to evaluate; None for all. TFOD's default of 5,000 is COCO's, so only a set value counts."""
    settings = config.proto.eval_config
    return settings.num_examples if settings.HasField("num_examples") and settings.num_examples else None
