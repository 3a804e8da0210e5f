# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pictures that are mixed with others of their group: whom with, after which steps, and with whose draws.

A record here is a number; its picture is one pixel of that value, with one box whose area is the number, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentation_chain import AugmentationChain, _other_places
from efficientdet.data.augmentations import draws
from efficientdet.data.augmentations.mixing import Mixing
from efficientdet.data.record_order import GroupedRecord, plain
from efficientdet.types import Example
from tests.data.augmentations.examples import make_example


def _load(serialized: tf.Tensor) -> Example:
    value = tf.strings.to_number(serialized)  # an error where it is none
    return make_example(1, 1, [(0.0, 0.0, 1.0, 1.0)])._replace(
        image=tf.fill([1, 1, 3], value), areas=value[tf.newaxis], source_id=serialized
    )


def _record(values: list[str], place: int) -> GroupedRecord:
    return GroupedRecord(
        tf.constant(0, tf.int64), tf.constant(5, tf.int64), tf.constant(place, tf.int64), tf.constant(values)
    )


def _join(example: Example, partners: list[Callable[[], Example]], seed: tf.Tensor) -> Example:
    """Boxes of all; pixels of all, added."""
    examples = [example, *(partner() for partner in partners)]
    areas = tf.concat([part.areas for part in examples], axis=0)
    joined = example.map_boxes(lambda values: tf.repeat(values[:1], tf.size(areas), axis=0))
    return joined._replace(areas=areas, image=tf.add_n([part.image for part in examples]))


def _add_noise(example: Example, seed: tf.Tensor) -> Example:
    """Adds a draw to the area of every box, to tell whose it is."""
    return example._replace(areas=example.areas + tf.random.stateless_uniform([], seed))


def _areas(chain: AugmentationChain, record: GroupedRecord, seed: tuple[int, int] = (1, 2)) -> np.ndarray:
    run = tf.function(chain.in_group, autograph=False)
    return run(record, tf.constant(seed)).areas.numpy()


def test_the_picture_comes_first_and_its_partners_are_others() -> None:
    chain = AugmentationChain(_load, [Mixing(_join, 3)])
    assert chain.mixes
    seen: Counter[float] = Counter()
    run = tf.function(chain.in_group, autograph=False)
    record = _record([str(10 + i) for i in range(6)], place=2)
    for i in range(60):
        example = run(record, tf.constant([0, i]))
        areas = example.areas.numpy()
        assert (areas[0], example.source_id.numpy()) == (12, b"12")
        assert len(set(areas)) == 4
        assert float(example.image[0, 0, 0]) == areas.sum()
        seen.update(areas[1:])
    assert set(seen) == {10, 11, 13, 14, 15}
    assert all(abs(count - 36) < 16 for count in seen.values())  # 180 / 5; four standard deviations


@pytest.mark.parametrize(("size", "expected"), [(1, {0}), (2, {1}), (3, {1, 2}), (4, {1, 2, 3})])
def test_a_group_with_too_few_lends_them_several_times(size: int, expected: set[int]) -> None:
    for i in range(5):
        places = _other_places(tf.constant(0, tf.int64), tf.constant(size, tf.int64), 3, tf.constant([0, i]))
        assert set(places.numpy()) == expected
        assert len(places) == 3


def test_partners_went_through_the_steps_before_with_draws_of_their_own() -> None:
    chain = AugmentationChain(_load, [_add_noise, Mixing(_join, 3), _add_noise])
    plain = AugmentationChain(_load, [_add_noise])
    record = _record(["10"], place=0)  # the record itself is its partner
    areas = _areas(chain, record)
    first, _, last = draws.split(tf.constant([1, 2]), 3)
    own, after = (float(tf.random.stateless_uniform([], seed)) for seed in (first, last))
    np.testing.assert_allclose(areas[0], 10 + own + after, atol=1e-5)
    drawn = areas - 10 - after
    assert ((drawn > 0) & (drawn < 1)).all()
    assert len(set(np.round(drawn, 4))) == 4
    assert not plain.mixes


def test_what_comes_after_a_mixing_step_draws_once() -> None:
    chain = AugmentationChain(_load, [Mixing(_join, 2), _add_noise])
    areas = _areas(chain, _record(["10", "20", "30"], place=1))
    np.testing.assert_allclose(sorted(areas - areas.min()), [0, 10, 20], atol=1e-5)


def test_partners_have_partners() -> None:
    chain = AugmentationChain(_load, [_add_noise, Mixing(_join, 1), Mixing(_join, 3)])
    areas = _areas(chain, _record([str(100 * i) for i in range(9)], place=4))
    assert len(areas) == 8  # four pictures of two each
    numbers = np.floor(areas / 100).astype(int)
    assert numbers[0] == 4
    assert (numbers[::2] != numbers[1::2]).all()
    assert len(set(numbers[::2])) == 4
    assert len(set(np.round(areas % 100, 4))) == 8  # draws of their own


def test_the_seed_decides_and_nothing_else() -> None:
    chain = AugmentationChain(_load, [_add_noise, Mixing(_join, 3)])
    record = _record([str(i) for i in range(16)], place=3)
    np.testing.assert_array_equal(_areas(chain, record), _areas(chain, record))
    np.testing.assert_array_equal(_areas(chain, record), chain.in_group(record, tf.constant([1, 2])).areas)
    assert (_areas(chain, record) != _areas(chain, record, (1, 3))).any()


@pytest.mark.parametrize("probability", [0.0, 0.4])
def test_only_a_mixture_that_is_drawn_reads_its_partners(probability: float) -> None:
    def mix(example: Example, partners: list[Callable[[], Example]], seed: tf.Tensor) -> Example:
        return draws.sometimes(seed, probability, example, lambda: _join(example, partners, seed))

    chain = AugmentationChain(_load, [Mixing(mix, 1)])
    record = _record(["1", "no number"], place=0)
    draw = plain(lambda i: chain.in_group(record, tf.stack([0, tf.cast(i, tf.int32)])))
    examples = tf.data.Dataset.range(40).map(draw)
    failures = 0
    iterator = iter(examples)
    for _ in range(40):
        try:
            assert next(iterator).areas.numpy().tolist() == [1.0]
        except tf.errors.InvalidArgumentError:
            failures += 1
    assert abs(failures / 40 - probability) <= (0.31 if probability else 0)  # four standard deviations


def test_a_mixture_that_is_not_drawn_changes_nothing() -> None:
    mixing = AugmentationChain(_load, [_add_noise, Mixing(lambda example, partners, seed: example, 3), _add_noise])
    plain = AugmentationChain(_load, [_add_noise, lambda example, seed: example, _add_noise])
    expected = plain.alone(tf.constant("20"), tf.constant([1, 2])).areas
    np.testing.assert_allclose(_areas(mixing, _record(["10", "20"], place=1)), expected)


def test_without_mixing_nothing_is_grouped() -> None:
    chain = AugmentationChain(_load, [_add_noise, _add_noise])
    assert not chain.mixes
    first, second = (float(tf.random.stateless_uniform([], seed)) for seed in draws.split(tf.constant([1, 2]), 2))
    np.testing.assert_allclose(chain.alone(tf.constant("7"), tf.constant([1, 2])).areas, [7 + first + second])
    np.testing.assert_array_equal(AugmentationChain(_load, []).alone(tf.constant("7"), tf.constant([1, 2])).areas, [7])
