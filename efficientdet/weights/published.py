# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The parts of a model that files of other libraries hold: those of the published EfficientDets, and VGG16."""

from __future__ import annotations

from efficientdet.errors import CheckpointError
from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import EfficientNet
from efficientdet.modeling.vgg_ssd import VggSsd
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads


def require_efficientnet(model: DetectionModel, file: str) -> EfficientNet:
    """Returns a model's backbone.

    Args:
      model: to restore.
      file: what errors call what it is restored from.

    Raises:
      CheckpointError: it is no EfficientNet.
    """
    if not isinstance(model.backbone, EfficientNet):
        raise CheckpointError(f"{file} holds an EfficientNet, and this model has backbone {model.backbone.variant}")
    return model.backbone


def require_vgg16(model: DetectionModel, file: str) -> None:
    """Raises a CheckpointError unless a model's backbone is VGG16; see `require_efficientnet`."""
    if not isinstance(model.backbone, VggSsd):
        raise CheckpointError(f"{file} holds VGG16, and this model has backbone {model.backbone.variant}")


def require_bifpn(model: DetectionModel, file: str) -> BiFPN:
    """Returns a model's pyramid; see `require_efficientnet`."""
    if not isinstance(model.fpn, BiFPN):
        raise CheckpointError(f"{file} holds a BiFPN, and this model has no feature pyramid")
    return model.fpn


def require_weight_shared_heads(model: DetectionModel, file: str) -> WeightSharedHeads:
    """Returns a model's heads; see `require_efficientnet`."""
    if not isinstance(model.heads, WeightSharedHeads):
        raise CheckpointError(
            f"{file} holds heads that all levels share, and this model has a convolutional_box_predictor, whose heads "
            'start from checkpoints of this library only: fine_tune_checkpoint_type "detection" leaves them out'
        )
    return model.heads
