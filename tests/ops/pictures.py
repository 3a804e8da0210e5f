# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Boxes and scores to suppress, and how to read what is selected of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from efficientdet.ops.candidates import Selection

Row = tuple[int, int, float]  # anchor, class, score

EVERYWHERE = np.array([-np.inf, -np.inf, np.inf, np.inf], np.float32)
LEFT, LEFT_MOVED, RIGHT = [0.0, 0.0, 1.0, 0.4], [0.0, 0.1, 1.0, 0.5], [0.0, 0.6, 1.0, 1.0]
SIDES = st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.625, 0.75, 1.0])


def one_picture(boxes: Any, scores: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.array([boxes], np.float32), np.array([scores], np.float32)


def gather_from(boxes: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
    return lambda anchors: tf.gather(boxes, anchors, batch_dims=1)


def as_rows(selection: Selection) -> list[list[tuple[int, int, float]]]:
    """The rows in use; checks that the others are zeros."""
    rows = []
    for anchors, classes, scores, count in zip(*(field.numpy() for field in selection), strict=True):
        for field in (anchors, classes, scores):
            assert not field[count:].any()
        rows.append(list(zip(anchors[:count].tolist(), classes[:count].tolist(), scores[:count].tolist(), strict=True)))
    return rows


def visible_in(window: np.ndarray | None, boxes: np.ndarray) -> np.ndarray:
    """Which boxes [N, 4] have an area inside a window, bool [N]; all of them without one."""
    if window is None:
        return np.ones(len(boxes), bool)
    ymin, xmin, ymax, xmax = window
    clipped = np.clip(boxes, [ymin, xmin, ymin, xmin], [ymax, xmax, ymax, xmax])
    return (clipped[:, 2] - clipped[:, 0]) * (clipped[:, 3] - clipped[:, 1]) > 0


@st.composite
def crowded_pictures(draw: st.DrawFn, *, min_anchors: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Few distinct sides and scores: boxes coincide, are empty, touch, overlap by just the threshold; scores tie."""
    pictures, anchors, classes = draw(st.integers(1, 3)), draw(st.integers(min_anchors, 24)), draw(st.integers(1, 4))
    corners = draw(hnp.arrays(np.float32, (2, pictures, anchors, 2), elements=SIDES))
    scores = st.sampled_from([0.0, 0.05, 0.25, 0.5, 0.75, 0.875])
    windows = draw(st.none() | hnp.arrays(np.float32, (pictures, 2), elements=SIDES))
    return (
        np.concatenate([corners.min(axis=0), corners.max(axis=0)], axis=-1),
        draw(hnp.arrays(np.float32, (pictures, anchors, classes), elements=scores)),
        None if windows is None else np.concatenate([np.zeros_like(windows), windows], axis=1),
    )
