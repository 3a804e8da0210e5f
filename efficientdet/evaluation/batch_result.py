# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What one batch gives to an evaluation, and how that travels from one process to another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto

from efficientdet.types import Detections, GroundTruth, Losses


class BatchResult(NamedTuple):
    """What was found in a batch, and all of the batch that is still needed; NumPy arrays."""

    losses: Losses | tuple[()]  # of the batch; () where the truth is ignored
    detections: Detections
    ground_truth: GroundTruth
    source_ids: np.ndarray  # bytes [B]
    original_sizes: np.ndarray  # int32 [B, 2], (h, w) of the pictures as decoded
    true_sizes: np.ndarray  # int32 [B, 2], (h, w) of the pictures inside the padded input
    input_size: np.ndarray  # int32 [2], (H, W) of that input
    inputs: np.ndarray  # float32 [D, H, W, 3], of the first D pictures: those that may be drawn


_NONE = np.zeros([])
# For the order of the fields.
_FIELDS = BatchResult(Losses(*[_NONE] * 4), Detections(*[_NONE] * 5), GroundTruth(*[_NONE] * 7), *[_NONE] * 5)


def as_bytes(results: Sequence[BatchResult]) -> bytes:
    """Results as a protocol buffer, a list of lists of tensors; `from_bytes` gives every bit of them back."""
    return _message([_message(map(_tensor_bytes, tf.nest.flatten(result))) for result in results])


def from_bytes(content: bytes) -> list[BatchResult]:
    """Results from what `as_bytes` returned."""
    return [_result(tf.train.BytesList.FromString(result)) for result in tf.train.BytesList.FromString(content).value]


def _message(values: Iterable[bytes]) -> bytes:
    return tf.train.BytesList(value=values).SerializeToString()


def _tensor_bytes(array: np.ndarray) -> bytes:
    return tf.make_tensor_proto(array).SerializeToString()


def _result(message: tf.train.BytesList) -> BatchResult:
    arrays = [tf.make_ndarray(TensorProto.FromString(tensor)) for tensor in message.value]
    without_losses = len(arrays) < len(tf.nest.flatten(_FIELDS))
    return tf.nest.pack_sequence_as(_FIELDS._replace(losses=()) if without_losses else _FIELDS, arrays)
