# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The box coder against literals, and decode as the inverse of encode."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from efficientdet.ops.box_coder import BoxCoder, BoxScales, MeanStddevCoder

TFOD = BoxScales(10.0, 10.0, 5.0, 5.0)
UNSCALED = BoxScales(1.0, 1.0, 1.0, 1.0)


def test_encode_literal() -> None:
    anchor = tf.constant([[10.0, 20.0, 30.0, 30.0]])  # centre (20, 25), 20 high, 10 wide
    box = tf.constant([[14.0, 22.0, 54.0, 32.0]])  # centre (34, 27), 40 high, 10 wide
    np.testing.assert_allclose(UNSCALED.encode(box, anchor), [[0.7, 0.2, np.log(2), 0.0]], atol=1e-6)
    np.testing.assert_allclose(TFOD.encode(box, anchor), [[7.0, 2.0, 5 * np.log(2), 0.0]], atol=1e-5)


def test_each_scale_acts_on_its_own_code() -> None:
    anchor, box = tf.constant([[0.0, 0.0, 1.0, 1.0]]), tf.constant([[0.25, 0.5, 2.25, 3.5]])
    plain = UNSCALED.encode(box, anchor).numpy()
    np.testing.assert_allclose(BoxScales(2.0, 3.0, 5.0, 7.0).encode(box, anchor), plain * [2, 3, 5, 7], rtol=1e-6)


def test_zero_codes_are_the_anchors() -> None:
    anchors = tf.constant([[0.1, 0.2, 0.5, 0.9], [-0.5, 0.0, 0.25, 0.125]])
    decoded = TFOD.decode(tf.zeros([3, 2, 4]), anchors)
    np.testing.assert_allclose(decoded, np.broadcast_to(anchors, [3, 2, 4]), atol=1e-7)


def test_sides_in_standard_deviations() -> None:
    anchor, box = tf.constant([[0.25, 0.5, 0.5, 1.0]]), tf.constant([[0.5, 0.5, 0.625, 0.75]])
    coder = MeanStddevCoder(0.125)
    np.testing.assert_array_equal(coder.encode(box, anchor), [[2.0, 0.0, 1.0, -2.0]])
    np.testing.assert_array_equal(coder.decode(tf.constant([[[2.0, 0.0, 1.0, -2.0]]]), anchor), [box])
    np.testing.assert_array_equal(coder.encode(anchor, anchor), [[0.0] * 4])
    assert coder.encode(tf.zeros([0, 4]), tf.zeros([0, 4])).shape == (0, 4)


def test_an_empty_box_has_finite_codes() -> None:
    assert np.isfinite(TFOD.encode(tf.zeros([1, 4]), tf.constant([[0.0, 0.0, 1.0, 1.0]]))).all()


@pytest.mark.parametrize("coder", [TFOD, UNSCALED, BoxScales(2.0, 3.0, 5.0, 7.0), MeanStddevCoder(0.01)])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_decode_inverts_encode(coder: BoxCoder, seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners, sizes = rng.uniform(-0.5, 1, [2, 40, 2]), rng.uniform(0.01, 1, [2, 40, 2])
    boxes, anchors = np.concatenate([corners, corners + sizes], axis=-1).astype(np.float32)
    np.testing.assert_allclose(coder.decode(coder.encode(boxes, anchors), anchors), boxes, atol=2e-5)
