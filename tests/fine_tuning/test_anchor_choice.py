# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Anchors for given boxes."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.fine_tuning.anchor_choice import AnchorChoice, choose_anchors
from efficientdet.modeling.scaling import MODELS

_LITE0 = MODELS["lite0"]  # 320 pixels, anchors of 3 cells


def _boxes(height: float, width: float, count: int = 40) -> np.ndarray:
    """Boxes of one size in pixels of 320, around centres of cells of P3."""
    centers = (np.arange(count)[:, np.newaxis] % 20 + 10) * 8 + 4 + np.zeros(2)
    half = np.array([height, width]) / 2
    return np.concatenate([centers - half, centers + half], axis=1).astype(np.float32) / 320


def _choice(boxes: np.ndarray, *, keeps_heads: bool = False) -> AnchorChoice:
    return choose_anchors(boxes, 320, _LITE0, "exact", keeps_heads=keeps_heads)


def test_boxes_that_the_published_anchors_fit() -> None:
    assert _choice(_boxes(24, 24)) == AnchorChoice(3.0, (1.0, 2.0, 0.5), 0.0, 0.0, True)
    assert _choice(np.empty((0, 4), np.float32)) == AnchorChoice(3.0, (1.0, 2.0, 0.5), 0.0, 0.0, True)


def test_small_boxes_take_small_anchors() -> None:
    # 16 x 16 in 24 x 24 is .44, in 20 x 20 .64: 2.5 cells are nearer to 3 than 2 are.
    assert _choice(_boxes(16, 16)) == AnchorChoice(2.5, (1.0, 2.0, 0.5), 0.0, 1.0, False)
    assert _choice(_boxes(8, 8)).scale == 1.0 or _choice(_boxes(8, 8)).scale == 1.5
    assert _choice(_boxes(8, 8)).unmatched == 0


def test_long_boxes_take_more_aspect_ratios() -> None:
    # 160 x 20: with a ratio of 1 / 2 at best 80 x 40 / (3200 + 3200 - 1600) = 1 / 3, with 1 / 4 .71.
    choice = _choice(_boxes(160, 20))
    assert choice.ratios == (1.0, 2.0, 0.5, 4.0, 0.25)
    assert (choice.unmatched, choice.is_published) == (0, False)
    assert choice.unmatched_by_published == 1


def test_a_few_boxes_change_nothing() -> None:
    few = np.concatenate([_boxes(24, 24, 2_000), _boxes(16, 16, 9)])
    assert _choice(few).is_published
    assert _choice(few).unmatched == pytest.approx(9 / 2009)
    assert _choice(np.concatenate([few, _boxes(16, 16, 9)])).scale == 2.5  # .9 %
    assert _choice(_boxes(16, 16, 9)).is_published  # all of them, but nine only


def test_heads_that_know_the_published_anchors_are_kept_longer() -> None:
    some = np.concatenate([_boxes(24, 24, 380), _boxes(16, 16, 20)])
    assert _choice(some).scale == 2.5
    assert _choice(some, keeps_heads=True).is_published
    assert _choice(_boxes(16, 16), keeps_heads=True).scale == 2.5
    assert _choice(_boxes(160, 20), keeps_heads=True).ratios == (1.0, 2.0, 0.5, 4.0, 0.25)
