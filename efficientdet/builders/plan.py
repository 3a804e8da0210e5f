# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the plan of a training, as the first lines of its log tell it."""

from __future__ import annotations

from efficientdet.builders.kernels import kernels_in_words
from efficientdet.config import PipelineConfig
from efficientdet.training.plan import TrainingPlan


def build_plan(
    config: PipelineConfig, *, input_size: tuple[int, int], num_anchors: int, num_images: int
) -> TrainingPlan:
    """Builds the plan.

    Args:
      config: resolved; its seed is set.
      input_size: (H, W) of the network's input in pixels.
      num_anchors: of one input.
      num_images: in the data.
    """
    train = config.proto.train_config
    return TrainingPlan(
        network=config.proto.model.ssd.feature_extractor.type,
        input_size=input_size,
        num_anchors=num_anchors,
        num_classes=config.proto.model.ssd.num_classes,
        num_images=num_images,
        num_steps=train.num_steps,
        batch_size=train.batch_size,
        seed=train.seed,
        average_decay=train.optimizer.moving_average_decay if train.optimizer.use_moving_average else None,
        evaluates_averages=config.proto.eval_config.use_moving_averages,
        kernels=kernels_in_words(train),
        start_step=train.schedule_start_step,
    )
