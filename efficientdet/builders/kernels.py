# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the choice of kernels from `train_config.kernels`."""

from __future__ import annotations

import tensorflow as tf

from efficientdet.ops.kernels import Kernels
from efficientdet.protos import train_pb2

_Settings = train_pb2.TrainingKernels


def training_kernels(train: train_pb2.TrainConfig) -> Kernels:
    """The kernels that a training computes with; AUTO asks which devices TensorFlow sees."""
    accelerated = any(tf.config.list_logical_devices(kind) for kind in ("GPU", "TPU"))
    forms = {_Settings.AUTO: not accelerated, _Settings.FAST: True, _Settings.PLAIN: False}
    return Kernels(**{name: forms[getattr(train.kernels, name)] for name in Kernels._fields})


def kernels_in_words(train: train_pb2.TrainConfig) -> str:
    """Which kernels a training computes with: "fast kernels: silu, focal"."""
    fast = [name for name, is_fast in training_kernels(train)._asdict().items() if is_fast]
    return f"fast kernels: {', '.join(fast)}" if fast else "TensorFlow's kernels"
