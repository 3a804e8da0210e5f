# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pairs are looked for within a picture, and named so that removing those named leaves none."""

from __future__ import annotations

import numpy as np

from efficientdet.data.survey import box_pairs
from efficientdet.data.survey.box_pairs import find_pairs


def test_only_boxes_of_one_picture_are_compared():
    corners = np.tile([[0.0, 0, 10, 10]], (4, 1))
    pairs = find_pairs(corners, np.zeros(4, int), np.array([0, 1, 1, 4]))
    assert [(pair.first, pair.second) for pair in pairs] == [(1, 2), (1, 3)]


def test_no_boxes_no_pairs():
    assert not find_pairs(np.zeros((0, 4)), np.zeros(0, int), np.array([0]))
    assert not find_pairs(np.zeros((0, 4)), np.zeros(0, int), np.array([0, 0, 0]))


def test_boxes_without_area_are_in_no_pair():
    assert not find_pairs(np.zeros((3, 4)), np.zeros(3, int), np.array([0, 3]))


def test_what_is_named_is_enough_to_remove(monkeypatch):
    monkeypatch.setattr(box_pairs, "_BLOCK", 100)  # several blocks
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 3, (120, 2))
    corners = np.concatenate([low, low + rng.uniform(9, 11, (120, 2))], axis=1)
    classes = rng.integers(0, 2, 120)
    bounds = np.array([0, 30, 30, 90, 120])
    surplus = {pair.second for pair in find_pairs(corners, classes, bounds) if pair.code != "box-two-classes"}
    assert 10 < len(surplus) < 110
    corners[sorted(surplus)] = 0
    assert not [pair for pair in find_pairs(corners, classes, bounds) if pair.code != "box-two-classes"]


def test_of_very_many_boxes_some_are_compared(monkeypatch):
    monkeypatch.setattr(box_pairs, "MAX_COMPARED", 3)
    corners = np.tile([[0.0, 0, 10, 10]], (7, 1))
    pairs = find_pairs(corners, np.zeros(7, int), np.array([0, 5, 7]))
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 1), (0, 2), (5, 6)]
