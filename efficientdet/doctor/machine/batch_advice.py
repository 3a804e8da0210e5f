# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What to write into a config whose batch does not fit, or whose run has to be shorter. No TensorFlow."""

from __future__ import annotations

from efficientdet import field_paths
from efficientdet.config import PipelineConfig

PUBLISHED_BATCH = 128  # of the EfficientDet paper (section 5.1) and of both lineages' COCO recipes
# Below this many images on a device the statistics of batch normalisation are mostly noise (Wu and He 2018,
# arXiv:1803.08494, figure 1).
_LEAST_FOR_BATCH_NORM = 8


def parts_for(global_batch: int, most: int, replicas: int = 1) -> int:
    """The fewest equal parts in which each replica can compute its share of a batch one after the other.

    Args:
      global_batch: over all replicas.
      most: pictures that fit on a replica at a time.
      replicas: that share the batch.

    Returns:
      The number of parts; 0 where the replicas cannot share the batch, or nothing fits.
    """
    share, rest = divmod(global_batch, replicas)
    if rest or most < 1:
        return 0
    return next(parts for parts in range(1, share + 1) if share % parts == 0 and share // parts <= most)


def smaller_parts(config: PipelineConfig, batch_size: int, replicas: int = 1) -> str:
    """The config lines for a batch that does not fit at once.

    Args:
      config: resolved.
      batch_size: that fits, as the config divides it now.
      replicas: that share it.
    """
    train = config.proto.train_config
    most = batch_size // (replicas * train.gradient_accumulation_steps)
    parts = parts_for(train.batch_size, most, replicas)
    if not parts:
        return f"Use a batch that {replicas} replicas can share:\ntrain_config {{ batch_size: {batch_size} }}"
    each = train.batch_size // (replicas * parts)
    text = (
        f"Compute the batch of {train.batch_size} in {parts} parts of {each * replicas}, one after the other; the "
        f"update is that of the whole:\ntrain_config {{ gradient_accumulation_steps: {parts} }}"
    )
    return "\n".join([text, *norm_advice(config, each)])


def norm_advice(config: PipelineConfig, per_replica: int) -> list[str]:
    """What to do about batch normalisation that sees few pictures at a time; nothing where it sees enough.

    Args:
      config: resolved.
      per_replica: pictures at a time on a replica.
    """
    if per_replica >= _LEAST_FOR_BATCH_NORM or train_freezes_norms(config):
        return []
    return [
        "So few images give poor statistics to batch normalisation: where training starts from a whole "
        "detector, keep its own:\nmodel { ssd { freeze_batchnorm: true freeze_batchnorm_scope: WHOLE_MODEL } }"
    ]


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


def _nested(path: str, text: str) -> str:
    """Text inside the messages of a path below the optimizer."""
    for name in reversed(["optimizer", *path.split(".")]):
        text = f"{name} {{ {text} }}"
    return text
