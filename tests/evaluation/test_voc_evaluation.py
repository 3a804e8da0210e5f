# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pascal VOC's metrics: worked out by hand, and against a plain reference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efficientdet.evaluation.metrics import NOT_DEFINED, Category
from efficientdet.evaluation.voc import PascalVocEvaluation, area_under_curve, eleven_points, judge
from efficientdet.types import Detections, GroundTruth
from tests.evaluation import voc_reference as reference

_CATEGORIES = [Category(1, "cat"), Category(3, "dog")]
_MAP = "PascalBoxes_Precision/mAP@0.5IOU"
_AP = "PascalBoxes_PerformanceByCategory/AP@0.5IOU/"
_CAT, _DOG = 0, 2  # class rows
_SIZE = (100, 100)

Guess = tuple[int, float, Sequence[float]]  # class row, score, yxyx in pixels of a picture of 100 x 100
Truth = tuple[int, Sequence[float], bool]  # class row, yxyx, difficult


def _add(
    evaluation: PascalVocEvaluation, guesses: Sequence[Guess], objects: Sequence[Truth], size: tuple[int, int] = _SIZE
) -> None:
    rows = len(guesses) + 1, len(objects) + 1  # with a row of padding, as in a batch
    scale = np.array([*size, *size], np.float32)
    found = Detections(
        boxes=np.zeros([rows[0], 4], np.float32),
        scores=np.full(rows[0], 0.99, np.float32),
        classes=np.zeros(rows[0], np.int32),
        anchors=np.zeros(rows[0], np.int32),
        count=np.int32(len(guesses)),
    )
    for index, (row, score, box) in enumerate(guesses):
        found.classes[index], found.scores[index], found.boxes[index] = row, score, np.float32(box) / scale
    truth = GroundTruth(
        boxes=np.zeros([rows[1], 4], np.float32),
        classes=np.zeros(rows[1], np.int32),
        weights=np.zeros(rows[1], np.float32),
        is_crowd=np.ones(rows[1], bool),  # makes no difference
        is_difficult=np.zeros(rows[1], bool),
        areas=np.zeros(rows[1], np.float32),
        count=np.int32(len(objects)),
    )
    for index, (row, box, difficult) in enumerate(objects):
        truth.classes[index], truth.is_difficult[index], truth.boxes[index] = row, difficult, np.float32(box) / scale
    evaluation.add("name", size, found, truth)


def _add_example(evaluation: PascalVocEvaluation) -> None:
    """Two pictures with three cats to find, one that is difficult, and a dog."""
    first, difficult, second, third = [10, 10, 30, 30], [50, 50, 90, 90], [20, 20, 60, 60], [0, 0, 10, 10]
    _add(
        evaluation,
        [(_CAT, 0.9, first), (_CAT, 0.8, difficult), (_CAT, 0.7, first), (_DOG, 0.4, first)],
        [(_CAT, first, False), (_CAT, difficult, True)],
    )
    _add(
        evaluation,
        [(_DOG, 0.95, [0, 50, 50, 99]), (_CAT, 0.6, second), (_CAT, 0.5, [80, 80, 99, 99])],
        [(_CAT, second, False), (_CAT, third, False), (_DOG, [0, 50, 50, 99], False)],
    )


# Cats, best first: right, (on a difficult one,) again the same, right, wrong. Precision 1, 1/2, 2/3, 1/2 at recalls of
# 1/3, 1/3, 2/3, 2/3. Dogs: right, wrong; one to find.
def test_the_area_of_the_example() -> None:
    evaluation = PascalVocEvaluation(_CATEGORIES)
    _add_example(evaluation)
    metrics = evaluation.compute(per_category=True)
    # Cats: 1/3 with a precision of 1, 1/3 with one of 2/3.
    assert metrics == pytest.approx({_MAP: (5 / 9 + 1) / 2, _AP + "cat": 5 / 9, _AP + "dog": 1.0})
    assert list(evaluation.compute()) == [_MAP] == list(evaluation.headline.values())


def test_the_eleven_points_of_the_example() -> None:
    evaluation = PascalVocEvaluation(_CATEGORIES, average=eleven_points)
    _add_example(evaluation)
    # Cats: a precision of 1 at 0, .1, .2 and .3; of 2/3 at .4, .5 and .6.
    assert evaluation.compute(per_category=True)[_AP + "cat"] == pytest.approx(6 / 11)


def test_the_pool_of_the_example() -> None:
    evaluation = PascalVocEvaluation(_CATEGORIES, prefix="WeightedPascalBoxes", pooled=True)
    _add_example(evaluation)
    # Right, right, wrong, right, wrong, wrong; four to find. Precision 1 at 1/4 and 2/4, 3/4 at 3/4.
    metrics = evaluation.compute(per_category=True)
    assert metrics["WeightedPascalBoxes_Precision/mAP@0.5IOU"] == pytest.approx((1 + 1 + 0.75) / 4)
    assert metrics["WeightedPascalBoxes_PerformanceByCategory/AP@0.5IOU/cat"] == pytest.approx(5 / 9)


@pytest.mark.parametrize(
    ("bounds", "cat", "dog", "name"),
    [
        # Of the cats' points only those at 2/3 count, and from 0 on; the dogs' lie at 1.
        ((0.5, 0.9), 4 / 9, 0.0, "@[0.5,0.9]Recall"),
        ((0.5, 1.0), 4 / 9, 1.0, "@[0.5,1.0]Recall"),
        ((0.0, 0.5), 1 / 3, 0.0, "@[0.0,0.5]Recall"),
        ((0.7, 1.0), 0.0, 1.0, "@[0.7,1.0]Recall"),
        ((1 / 3, 1 / 3), 1 / 3, 0.0, "@[0.3,0.3]Recall"),
        ((0.0, 1.0), 5 / 9, 1.0, ""),
    ],
)
def test_recall_bounds_of_the_example(bounds: tuple[float, float], cat: float, dog: float, name: str) -> None:
    evaluation = PascalVocEvaluation(_CATEGORIES, prefix="PrecisionAtRecallBoxes", recall_bounds=bounds)
    _add_example(evaluation)
    metrics = evaluation.compute()
    assert metrics == pytest.approx({f"PrecisionAtRecallBoxes_Precision/mAP@0.5IOU{name}": (cat + dog) / 2})


def test_half_an_overlap_is_enough() -> None:
    # 10 x 20 of 20 x 20: exactly 1/2, which coordinates of single precision must not spoil.
    for right, expected in ((43, 1.0), (42, 0.0)):
        evaluation = PascalVocEvaluation(_CATEGORIES)
        _add(evaluation, [(_CAT, 0.9, [17, 33, 37, right])], [(_CAT, [17, 33, 37, 53], False)], (333, 500))
        assert evaluation.compute()[_MAP] == expected


def test_pixels_are_not_counted_inclusively() -> None:
    # 4 x 10 of 9 x 10 is below 1/2; counted as VOC's tools do, 5 x 11 of 10 x 11 would be 1/2.
    assert reference.overlap((0, 0, 10, 4), (0, 0, 10, 9), extra=1.0) == 0.5
    evaluation = PascalVocEvaluation(_CATEGORIES)
    _add(evaluation, [(_CAT, 0.9, [0, 0, 4, 10])], [(_CAT, [0, 0, 9, 10], False)])
    assert evaluation.compute()[_MAP] == 0.0


def test_the_nearest_box_decides_even_if_it_was_found() -> None:
    # The second guess overlaps the first object most, which is taken; that it overlaps the other enough is no help.
    objects = np.array([[0.0, 0, 10, 10], [0, 3, 10, 13]])
    judged = judge(np.array([[0.0, 0, 10, 10], [0, 1, 10, 11]]), np.array([0.9, 0.8]), objects, np.zeros(2, bool))
    assert judged.right.tolist() == [True, False]


def test_a_difficult_box_hides_any_number_of_guesses() -> None:
    box = np.array([[0.0, 0, 10, 10]])
    judged = judge(np.repeat(box, 3, axis=0), np.array([0.3, 0.2, 0.1]), box, np.ones(1, bool))
    assert len(judged.scores) == len(judged.right) == 0


def test_a_guess_without_area_does_not_count() -> None:
    boxes = np.array([[5.0, 5, 5, 9], [9, 9, 5, 5], [0, 0, 10, 10]])
    judged = judge(boxes, np.array([0.9, 0.8, 0.7]), np.array([[0.0, 0, 10, 10]]), np.zeros(1, bool))
    assert (judged.scores.tolist(), judged.right.tolist()) == ([0.7], [True])


def test_classes_without_objects_are_undefined_and_leave_the_mean_alone() -> None:
    evaluation = PascalVocEvaluation(_CATEGORIES)
    assert evaluation.compute(per_category=True) == {
        _MAP: NOT_DEFINED,
        _AP + "cat": NOT_DEFINED,
        _AP + "dog": NOT_DEFINED,
    }
    box = [0, 0, 10, 10]
    # A dog that is not there, one that is difficult, and guesses of classes that the label map does not know.
    _add(evaluation, [(_DOG, 0.9, box), (1, 0.9, box), (7, 0.9, box)], [(_DOG, box, True), (1, box, False)])
    assert evaluation.compute()[_MAP] == NOT_DEFINED
    _add(evaluation, [], [(_CAT, box, False)])
    metrics = evaluation.compute(per_category=True)
    assert (metrics[_MAP], metrics[_AP + "cat"], metrics[_AP + "dog"]) == (0.0, 0.0, NOT_DEFINED)


def test_averages_of_short_curves() -> None:
    nothing = np.zeros(0)
    assert area_under_curve(nothing, nothing) == eleven_points(nothing, nothing) == 0.0
    one = np.ones(1)
    assert area_under_curve(one, one) == eleven_points(one, one) == 1.0
    # 3 of 10 found: .3 is among the eleven, whichever way the numbers round.
    assert eleven_points(np.ones(3), np.array([1, 2, 3]) / 10) == pytest.approx(4 / 11)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), pictures=st.integers(1, 8))
def test_random_pictures_against_the_reference(seed: int, pictures: int) -> None:
    rng = np.random.default_rng(seed)
    sets = {
        "area": PascalVocEvaluation(_CATEGORIES),
        "eleven": PascalVocEvaluation(_CATEGORIES, average=eleven_points),
        "pool": PascalVocEvaluation(_CATEGORIES, prefix="P", pooled=True),
    }
    found: dict[int, list[reference.Found]] = defaultdict(list)
    truth: dict[int, dict[str, list[reference.Object]]] = defaultdict(lambda: defaultdict(list))
    for picture in range(pictures):
        guesses, objects = _random_picture(rng)
        for evaluation in sets.values():
            _add(evaluation, guesses, objects)
        for row, score, (ymin, xmin, ymax, xmax) in guesses:
            found[row].append(reference.Found(str(picture), float(np.float32(score)), (xmin, ymin, xmax, ymax)))
        for row, (ymin, xmin, ymax, xmax), difficult in objects:
            truth[row][str(picture)].append(reference.Object((xmin, ymin, xmax, ymax), difficult))
    present = [row for row in truth if any(not item.difficult for group in truth[row].values() for item in group)]
    curves = [reference.curve(found[row], truth[row]) for row in present]
    if not present:
        return
    assert sets["area"].compute()[_MAP] == pytest.approx(np.mean([reference.area(points) for points in curves]))
    expected = np.mean([reference.eleven_points(points) for points in curves])
    assert sets["eleven"].compute()[_MAP] == pytest.approx(expected)
    pool = [guess._replace(image=f"{row} {guess.image}") for row in sorted(present) for guess in found[row]]
    pooled_truth = {f"{row} {image}": group for row in present for image, group in truth[row].items()}
    expected = reference.area(reference.curve(pool, pooled_truth))
    assert next(iter(sets["pool"].compute().values())) == pytest.approx(expected)


def _random_picture(rng: np.random.Generator) -> tuple[list[Guess], list[Truth]]:
    """Objects in whole pixels, some of them difficult; guesses near them, with many equal scores, best first."""
    guesses, objects = [], []
    for _ in range(rng.integers(0, 5)):
        low = rng.integers(0, 70, 2)
        box = [*low, *(low + rng.integers(3, 30, 2))]
        row = int(rng.choice([_CAT, _DOG]))
        objects.append((row, box, bool(rng.uniform() < 0.25)))
        for _ in range(rng.integers(0, 4)):
            moved = np.array(box) + rng.integers(-2, 3, 4)
            moved[2:] = np.maximum(moved[2:], moved[:2] + 1)
            guesses.append((int(rng.choice([row, row, _CAT])), float(rng.integers(1, 8)) / 8, moved.tolist()))
    return sorted(guesses, key=lambda guess: -guess[1]), objects
