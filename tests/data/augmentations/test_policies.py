# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The operations of policies by hand, and the tables against the library that has some of them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations.policies import autoaugment_image, rand_augment_image
from efficientdet.data.augmentations.policy_ops import OPERATIONS, Draw
from efficientdet.data.augmentations.policy_tables import POLICIES, RAND_AUGMENT_OPERATIONS, Step
from efficientdet.types import Example
from tests.data.augmentations.examples import make_example, with_pixels

_GRAY = 128


def _apply(
    name: str, example: Example, amount: float, *, draws: int = 1, box_probability: float = 1.0
) -> list[Example]:
    """The results of an operation for some seeds."""
    return [
        OPERATIONS[name].apply(
            example, Draw(tf.constant(amount, tf.float32), tf.constant(box_probability), tf.constant([3, index]))
        )
        for index in range(draws)
    ]


def _both_ways(name: str, example: Example, amount: float) -> dict[bytes, Example]:
    results = {result.image.numpy().tobytes(): result for result in _apply(name, example, amount, draws=12)}
    assert len(results) == 2
    return results


def test_the_tables_are_those_of_the_library() -> None:
    from official.vision.ops import augment

    assert [[tuple(step) for step in row] for row in POLICIES["v0"]] == augment.AutoAugment.detection_policy_v0()
    assert list(RAND_AUGMENT_OPERATIONS) == augment.RandAugment.build_for_detection().available_ops
    assert [len(rows) for rows in POLICIES.values()] == [5, 20, 15, 15]
    steps = [step for rows in POLICIES.values() for row in rows for step in row]
    assert {step.operation for step in steps} | set(RAND_AUGMENT_OPERATIONS) == set(OPERATIONS)


@pytest.mark.parametrize(("name", "axis"), [("TranslateX_BBox", 1), ("TranslateY_BBox", 0)])
def test_translation(name: str, axis: int) -> None:
    boxes = np.float32([[0.5, 0.5, 0.7, 0.7], [0.0, 0.0, 0.2, 0.2], [0.8, 0.8, 1.0, 1.0]])
    example = make_example(20, 20, boxes.tolist())
    pixels = example.image.numpy()
    seen = set()
    for result in _both_ways(name, example, 5).values():
        there = np.array_equal(np.take(result.image, range(5, 20), axis), np.take(pixels, range(15), axis))
        back = np.array_equal(np.take(result.image, range(15), axis), np.take(pixels, range(5, 20), axis))
        assert there != back
        seen.add(there)
        bare = np.take(result.image, range(5) if there else range(15, 20), axis)
        assert (bare == _GRAY).all()
        moved = boxes.copy()
        moved[:, [axis, axis + 2]] += 0.25 if there else -0.25
        kept = [0, 1] if there else [0, 2]  # of the other the last pixel leaves the picture
        np.testing.assert_allclose(result.boxes, moved[kept], atol=1e-6)
        np.testing.assert_array_equal(result.classes, kept)
        np.testing.assert_array_equal(result.areas, [10 + row for row in kept])
    assert seen == {True, False}


def test_a_box_is_cut_where_it_leaves_the_picture() -> None:
    example = make_example(20, 20, [(0.0, 0.0, 1.0, 1.0)])
    widths = [result.boxes.numpy().tolist() for result in _both_ways("TranslateX_BBox", example, 5).values()]
    assert sorted(widths) == [[[0.0, 0.0, 1.0, 0.75]], [[0.0, 0.25, 1.0, 1.0]]]


def test_a_quarter_turn() -> None:
    example = make_example(20, 20, [(0.1, 0.2, 0.3, 0.6)])
    turns = {np.rot90(example.image, count).tobytes(): count for count in (1, 3)}
    # Counterclockwise (y, x) becomes (1 - x, y).
    boxes = {1: [[0.4, 0.1, 0.8, 0.3]], 3: [[0.2, 0.7, 0.6, 0.9]]}
    for pixels, result in _both_ways("Rotate_BBox", example, 90).items():
        np.testing.assert_allclose(result.boxes, boxes[turns.pop(pixels)], atol=1e-5)


def test_a_turned_box_is_the_one_around_its_corners() -> None:
    example = make_example(100, 200, [(0.45, 0.45, 0.55, 0.55)])  # 10 x 20 pixels around the middle
    for result in _both_ways("Rotate_BBox", example, 30).values():
        half_height = 5 * np.cos(np.pi / 6) + 10 * np.sin(np.pi / 6)
        half_width = 10 * np.cos(np.pi / 6) + 5 * np.sin(np.pi / 6)
        sides = half_height / 100, half_width / 200
        np.testing.assert_allclose(
            result.boxes, [[0.5 - sides[0], 0.5 - sides[1], 0.5 + sides[0], 0.5 + sides[1]]], atol=1e-5
        )


@pytest.mark.parametrize("name", ["ShearX_BBox", "ShearY_BBox"])
def test_shear(name: str) -> None:
    # At a pixel per pixel the row (or column) number n moves by n. The box is row and column 4 of 20.
    example = make_example(20, 20, [(0.2, 0.2, 0.25, 0.25)])
    pixels = example.image.numpy()
    if name == "ShearY_BBox":
        pixels = pixels.swapaxes(0, 1)
    for result in _both_ways(name, example, 1).values():
        image, box = result.image.numpy(), result.boxes.numpy()[0] * 20
        if name == "ShearY_BBox":
            image, box = image.swapaxes(0, 1), box[[1, 0, 3, 2]]
        np.testing.assert_array_equal(image[0], pixels[0])
        further = np.array_equal(image[4, 4:], pixels[4, :-4])
        assert further or np.array_equal(image[4, :-4], pixels[4, 4:])
        # Its upper edge lies half a pixel above the middle of row 4, and moves by 3.5; the lower one by 4.5.
        expected = [4, 4 + 3.5, 5, 5 + 4.5] if further else [4, 0, 5, 5 - 3.5]
        np.testing.assert_allclose(box, expected, atol=1e-4)


def test_values() -> None:
    image = np.uint8([[[0, 100, 250], [40, 130, 200], [10, 10, 10]]] * 3)
    results = {
        "Invert": (0, 255 - image),
        "Solarize": (130, np.where(image < 130, image, 255 - image)),
        "SolarizeAdd": (50, np.where(image < 128, image + 50, image)),
        "Posterize": (3, image & 0b11100000),
        "Brightness": (0.5, image // 2),
        "AutoContrast": (0, [[[0, 191, 255], [255, 255, 201], [63, 0, 0]]] * 3),  # 255 * (v - least) / (most - least)
    }
    for name, (amount, expected) in results.items():
        (result,) = _apply(name, with_pixels(image), amount)
        np.testing.assert_array_equal(result.image, expected, name)
    for name in ("Color", "Contrast", "Brightness", "Sharpness"):
        (same,) = _apply(name, with_pixels(image), 1.0)
        np.testing.assert_array_equal(same.image, image, name)
    (flat,) = _apply("Contrast", with_pixels(image), 0.0)
    assert np.unique(flat.image).size == 1
    (gray,) = _apply("Color", with_pixels(image), 0.0)
    assert np.ptp(gray.image, axis=-1).max() == 0


def test_cutout_may_reach_over_the_edge() -> None:
    black = with_pixels(np.zeros((20, 30, 3), np.uint8), [(0.0, 0.0, 1.0, 1.0)])
    counts = [int((result.image.numpy()[..., 0] == _GRAY).sum()) for result in _apply("Cutout", black, 4, draws=60)]
    assert max(counts) == 64
    assert 16 <= min(counts) < 64
    boxed = with_pixels(np.zeros((20, 30, 3), np.uint8), [(0.5, 0.5, 0.9, 0.9)])  # 8 x 12 pixels, and one more of each
    for result in _apply("BBox_Cutout", boxed, 0.5, draws=20):
        rows, columns = np.nonzero(result.image.numpy()[..., 0])
        assert 10 - 2 <= rows.min() <= rows.max() <= 18 + 1
        assert 15 - 3 <= columns.min() <= columns.max() <= 27 + 2
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (4, 6)


_ON_BOXES = [name for name, operation in OPERATIONS.items() if operation.on_boxes]


@pytest.mark.parametrize("name", _ON_BOXES)
def test_what_changes_in_boxes_changes_there_alone(name: str) -> None:
    example = make_example(60, 90, [(0.1, 0.1, 0.5, 0.5), (0.6, 0.6, 1.0, 1.0)])
    inside = np.zeros((60, 90), bool)
    inside[6:31, 9:46] = inside[36:60, 54:90] = True  # to the pixel of the last edge, inclusive
    amount = 3 if name in ("TranslateY_Only_BBoxes", "Cutout_Only_BBoxes") else 0.3
    for result in _apply(name, example, amount, draws=3):
        changed = (result.image.numpy() != example.image.numpy()).any(axis=-1)
        assert changed[:36].any()
        assert changed[36:].any()
        assert not changed[~inside].any()
        np.testing.assert_array_equal(result.boxes, example.boxes)
    (kept,) = _apply(name, example, amount, box_probability=0.0)
    np.testing.assert_array_equal(kept.image, example.image)


def test_single_boxes_change_with_a_probability_of_their_own() -> None:
    boxes = [(0.1 * row, 0.4, 0.1 * row + 0.05, 0.6) for row in range(10)]
    black = with_pixels(np.zeros((100, 100, 3), np.uint8), boxes)
    results = _apply("Cutout_Only_BBoxes", black, 1, draws=60, box_probability=0.3)
    changed = np.array([result.image.numpy().reshape(10, -1).any(axis=1) for result in results])
    assert abs(changed.mean() - 0.3) < 0.06  # three standard deviations
    assert len(np.unique(changed, axis=0)) > 30


def test_a_step_on_boxes_takes_a_third_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(POLICIES, "v0", ((Step("TranslateY_Only_BBoxes", 0.6, 10),),))
    boxes = [(0.1 * row, 0.4, 0.1 * row + 0.05, 0.6) for row in range(10)]
    black = with_pixels(np.zeros((100, 100, 3), np.uint8), boxes)
    seeds = [tf.constant([5, index]) for index in range(60)]
    images = [autoaugment_image(black, seed, policy="v0").image.numpy() for seed in seeds]
    changed = [image.reshape(10, -1).any(axis=1) for image in images]  # by 120 pixels: each becomes all gray
    assert abs(np.mean(changed) - 0.2) < 0.05


@pytest.mark.parametrize("policy", POLICIES)
def test_a_float_picture_stays_one(policy: str) -> None:
    example = make_example(12, 10)
    seed = tf.constant([1, 2])
    values = tf.cast(example.image, tf.float32) + 0.25
    for augment in (
        lambda given: autoaugment_image(given, seed, policy=policy),
        lambda given: rand_augment_image(given, seed, num_layers=3, magnitude=7.0),
    ):
        whole, real = augment(example), augment(example._replace(image=values))
        assert (whole.image.dtype, real.image.dtype) == (tf.uint8, tf.float32)
        np.testing.assert_array_equal(whole.image, real.image)
        np.testing.assert_array_equal(whole.boxes, real.boxes)


@pytest.mark.slow
def test_the_library_is_not_imported_before_a_policy_runs() -> None:
    program = (
        "import sys\nimport efficientdet.builders.augmentation\n"
        "assert not {'official', 'tensorflow_text', 'tensorflow_datasets'} & set(sys.modules)\n"
        "import tensorflow as tf\nfrom efficientdet.data.augmentations import policy_pixels\n"
        "print(policy_pixels.invert(tf.zeros([1, 1, 3], tf.uint8)).numpy().tolist())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[[[255, 255, 255]]]\n", done.stderr
    assert "Traceback" not in done.stderr
