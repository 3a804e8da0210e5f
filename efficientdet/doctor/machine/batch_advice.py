# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What to write into a config whose batch has to shrink, or whose run has to be shorter. No TensorFlow."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.config import PipelineConfig

PUBLISHED_BATCH = 128  # of the EfficientDet paper (section 5.1) and of both lineages' COCO recipes
# Below this many images on a device the statistics of batch normalisation are mostly noise (Wu and He 2018,
# arXiv:1803.08494, figure 1).
_LEAST_FOR_BATCH_NORM = 8

_RATES = (
    "learning_rate",
    "learning_rate_base",
    "initial_learning_rate",
    "warmup_learning_rate",
    "burnin_learning_rate",
    "min_learning_rate",
)


def smaller_batch(config: PipelineConfig, batch_size: int, replicas: int = 1) -> str:
    """The config lines for a smaller batch, with the learning rate that goes with it.

    Gradient accumulation, which would keep the global batch, is not available in this version.

    Args:
      config: resolved.
      batch_size: that fits.
      replicas: that share it.
    """
    train = config.proto.train_config
    factor = -(-train.batch_size // batch_size)
    rates = _scaled_rates(train.optimizer, batch_size / train.batch_size)
    lines = " ".join([f"train_config {{ batch_size: {batch_size}", *rates, "}"])
    text = (
        f"Accumulating the gradients of {factor} batches would keep the global batch of {train.batch_size}; this "
        f"version cannot. Instead: a batch of {batch_size}, its learning rate scaled with it, and {factor} times as "
        f"many steps (with their schedule) for as many epochs:\n{lines}"
    )
    if batch_size // replicas < _LEAST_FOR_BATCH_NORM and not train_freezes_norms(config):
        text += (
            "\nSo few images give poor statistics to batch normalisation: where training starts from a whole "
            "detector, keep its own:\nmodel { ssd { freeze_batchnorm: true freeze_batchnorm_scope: WHOLE_MODEL } }"
        )
    return text


def fewer_steps(config: PipelineConfig, num_steps: int) -> str:
    """The config lines for a shorter run, its schedule shortened alike."""
    train = config.proto.train_config
    share = num_steps / train.num_steps
    parts = [f"train_config {{ num_steps: {num_steps}"]
    for path, message in field_paths.messages(train.optimizer):
        if "total_steps" in message.DESCRIPTOR.fields_by_name:
            parts.append(_nested(path, f"total_steps: {max(round(message.total_steps * share), 1)}"))  # type: ignore[attr-defined]
    return " ".join([*parts, "}"])


def train_freezes_norms(config: PipelineConfig) -> bool:
    """Whether batch normalisation keeps its statistics in training."""
    return bool(config.proto.model.ssd.freeze_batchnorm)


def _scaled_rates(optimizer: Message, factor: float) -> list[str]:
    """A text for each message of the optimizer that holds rates, each of them multiplied."""
    texts = []
    for path, message in field_paths.messages(optimizer):
        schedule: Any = message
        if "[" in path or not path:
            continue  # an element of a list cannot be laid over
        rates = [name for name in _RATES if name in schedule.DESCRIPTOR.fields_by_name and _is_number(schedule, name)]
        values = [f"{name}: {getattr(schedule, name) * factor:.4g}" for name in rates if getattr(schedule, name)]
        if values:
            texts.append(_nested(path, " ".join(values)))
    return texts


def _is_number(message: Message, name: str) -> bool:
    return not field_paths.is_message(message.DESCRIPTOR.fields_by_name[name])


def _nested(path: str, text: str) -> str:
    """Text inside the messages of a path below the optimizer."""
    for name in reversed(["optimizer", *path.split(".")]):
        text = f"{name} {{ {text} }}"
    return text
