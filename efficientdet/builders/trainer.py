# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the trainer from `train_config`."""

from __future__ import annotations

import tensorflow as tf

from efficientdet.builders.variable_rules import build_variable_rules
from efficientdet.config import PipelineConfig
from efficientdet.data.pipeline import InputPipeline
from efficientdet.losses import DetectionLoss
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.protos import train_pb2
from efficientdet.training.optimizers import Clipping, Optimizer
from efficientdet.training.settings import NormalizerScope, TrainerSettings
from efficientdet.training.trainer import Trainer

NORMALIZER_SCOPES: dict[int, NormalizerScope] = {
    train_pb2.GLOBAL_BATCH: "global_batch",
    train_pb2.REPLICA: "replica",
}


def build_trainer(
    config: PipelineConfig,
    *,
    model: DetectionModel,
    optimizer: Optimizer,
    loss: DetectionLoss,
    data: InputPipeline,
    strategy: tf.distribute.Strategy,
    adjustable_rate: bool = False,
) -> Trainer:
    """Builds the trainer.

    Args:
      config: resolved; its seed is set.
      model: made in the strategy's scope, with the weights that training starts from.
      optimizer: likewise.
      loss: judges the model's predictions.
      data: where batches come from.
      strategy: on whose replicas it trains.
      adjustable_rate: its `rate_factor` is needed, whatever `fault_handling` says.

    Returns:
      The trainer.

    Raises:
      ConfigError: an expression for variables matches none, or nothing is left to train.
    """
    return Trainer(
        model=model,
        loss=loss,
        optimizer=optimizer,
        dataset_fn=data.train_dataset,
        on_input_error=data.exclude,
        strategy=strategy,
        seed=config.proto.train_config.seed,
        settings=_settings(config, adjustable_rate=adjustable_rate),
        rules=build_variable_rules(config, model),
    )


def require_divisible_batch(config: PipelineConfig, replicas: int) -> None:
    """Raises a ConfigError unless a batch divides by the replicas of all workers, and by the parts of each."""
    train = config.proto.train_config
    parts = train.gradient_accumulation_steps
    if train.batch_size % (replicas * parts):
        text = f" times gradient_accumulation_steps ({parts})" if parts > 1 else ""
        raise config.error("train_config.batch_size", f"must be divisible by the {replicas} replicas{text}")


def _settings(config: PipelineConfig, *, adjustable_rate: bool) -> TrainerSettings:
    train = config.proto.train_config
    faults = train.fault_handling
    return TrainerSettings(
        clipping=Clipping(
            value=train.gradient_clipping_by_value,
            tensor_norm=train.gradient_clipping_by_tensor_norm,
            norm=train.gradient_clipping_by_norm,
        ),
        average_decay=train.optimizer.moving_average_decay if train.optimizer.use_moving_average else None,
        regularize=train.add_regularization_loss,
        parts=train.gradient_accumulation_steps,
        normalizer_scope=NORMALIZER_SCOPES[train.loss_normalizer_scope],
        watch_gradients=faults.watch_gradients,
        scale_losses=train.precision == train_pb2.FLOAT16,
        adjustable_rate=adjustable_rate or faults.action == train_pb2.FaultHandling.LOWER_RATE,
    )
