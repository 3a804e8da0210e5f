# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is drawn from the figures of a data set."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.errors import DataError
from efficientdet.fine_tuning.figures import object_sizes, shares_of_side, usual_side
from tests.fine_tuning.data_figures import figures


def test_boxes_in_shares_of_the_longer_side() -> None:
    boxes = np.array([[0, 320, 480, 640], [10, 0, 60, 200], [5, 5, 5, 9], [0, np.nan, 1, 1], [0, 0, 9, 9]])
    data = figures(boxes, box_pictures=np.array([0, 1, 0, 0, 2]), sizes=np.array([[480, 640], [100, 50], [0, 0]]))
    shares = shares_of_side(data)
    np.testing.assert_allclose(shares, [[0, 0.5, 0.75, 1], [0.1, 0, 0.6, 2]])
    np.testing.assert_allclose(object_sizes(shares), [np.sqrt(0.375), 1])
    assert usual_side(data) == 370  # between 640 and 100; a picture without size does not count


def test_of_many_boxes_some_are_enough() -> None:
    boxes = np.tile([[0, 0, 1, 1]], (50_000, 1)) * np.arange(1, 50_001)[:, np.newaxis] / 50_000
    data = figures(boxes, size=(1, 1))
    np.testing.assert_allclose(shares_of_side(data)[:, 2], np.arange(1, 50_001, 3) / 50_000, rtol=1e-6)


def test_without_boxes_or_pictures() -> None:
    data = figures(())
    assert shares_of_side(data).shape == (0, 4)
    assert object_sizes(shares_of_side(data)).shape == (0,)
    assert usual_side(data._replace(sizes=np.empty((0, 2)))) == 0


def test_there_has_to_be_something_to_learn_from() -> None:
    figures().check()
    with pytest.raises(DataError, match=r"^data/train\.record: there is no picture to train on"):
        figures(num_train=0).check()
    with pytest.raises(DataError, match=r"^data/label_map\.pbtxt: there is no class to learn"):
        figures(num_classes=0).check()
