# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the trainer from `train_config`."""

from __future__ import annotations

import tensorflow as tf

from efficientdet.builders.variable_rules import build_variable_rules
from efficientdet.config import PipelineConfig
from efficientdet.data.pipeline import InputPipeline
from efficientdet.losses import DetectionLoss
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.training.optimizers import Clipping, Optimizer
from efficientdet.training.trainer import Trainer, TrainerSettings


def build_trainer(
    config: PipelineConfig,
    *,
    model: DetectionModel,
    optimizer: Optimizer,
    loss: DetectionLoss,
    data: InputPipeline,
    strategy: tf.distribute.Strategy,
) -> Trainer:
    """Builds the trainer.

    Args:
      config: resolved; its seed is set.
      model: made in the strategy's scope, with the weights that training starts from.
      optimizer: likewise.
      loss: judges the model's predictions.
      data: where batches come from.
      strategy: on whose replicas it trains.

    Returns:
      The trainer.

    Raises:
      ConfigError: an expression for variables matches none, or nothing is left to train.
    """
    train = config.proto.train_config
    return Trainer(
        model=model,
        loss=loss,
        optimizer=optimizer,
        dataset_fn=data.train_dataset,
        explain_error=data.explain,
        strategy=strategy,
        seed=train.seed,
        settings=TrainerSettings(
            clipping=Clipping(
                value=train.gradient_clipping_by_value,
                tensor_norm=train.gradient_clipping_by_tensor_norm,
                norm=train.gradient_clipping_by_norm,
            ),
            average_decay=train.optimizer.moving_average_decay if train.optimizer.use_moving_average else None,
            regularize=train.add_regularization_loss,
        ),
        rules=build_variable_rules(config, model),
    )
