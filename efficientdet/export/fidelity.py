# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Whether a frozen network predicts what the network does that it was made from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from efficientdet.detector import Detector
from efficientdet.errors import ExportError
from efficientdet.export.freezing import Predict

_SEED = (7, 13)
# Of 1, or of the number itself where that is larger. Adding in another order alone, without a fold, moves single logits
# of Lites with random weights by 1e-2; a batch norm folded wrongly moves most of them by tenths.
_TOLERANCES = {"class_logits": 5e-2, "box_codes": 5e-2, "scores": 1e-2, "boxes": 1e-2}


def require_same_predictions(detector: Detector, frozen: Predict, inputs: tf.TensorSpec) -> dict[str, float]:
    """Compares both on a picture of noise, which is always the same: raw predictions, and the boxes and scores of them.

    Args:
      detector: whose network was frozen; it is called as it is, untraced.
      frozen: the network to check.
      inputs: of both, float32 [B, H, W, 3].

    Returns:
      The largest difference of each kind, relative to the number where that is above 1.

    Raises:
      ExportError: one is above its tolerance, or no number.
    """
    _, height, width, channels = inputs.shape
    noise = tf.random.stateless_normal([1, height, width, channels], _SEED)
    with _in_full_float32():
        expected, found = detector.predict(noise), frozen(noise)
    pairs = dict(zip(expected._fields, zip(expected, found, strict=True), strict=True))
    decoded = zip(detector.decode(expected), detector.decode(found), strict=True)
    pairs |= dict(zip(("boxes", "scores"), decoded, strict=True))
    differences = {}
    for kind, tolerance in _TOLERANCES.items():
        before, after = (np.asarray(values) for values in pairs[kind])
        if not np.isfinite(before).all():
            raise ExportError(
                f"the network predicts {kind} that are not finite, of a picture of noise: its weights are bad"
            )
        distances = np.abs(after - before) / np.maximum(1.0, np.abs(before))
        place = np.unravel_index(np.argmax(distances), distances.shape)  # NaN counts as the largest
        differences[kind] = float(distances[place])
        if not differences[kind] <= tolerance:
            raise ExportError(
                f"the folded network's {kind} differ from the network's own by up to {differences[kind]:.2g} (at "
                f"{[int(index) for index in place]}: {after[place]:.6g} instead of {before[place]:.6g}; at most "
                f"{tolerance:g} are rounding): --fold_batch_norms=false exports the network as it is"
            )
    return differences


@contextlib.contextmanager
def _in_full_float32() -> Iterator[None]:
    """Keeps GPUs from rounding the factors of products to ten bits, which rounds folded kernels in another way."""
    was_enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(was_enabled)
