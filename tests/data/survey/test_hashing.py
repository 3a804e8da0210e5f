# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Hashes are those of the library, near ones are found as comparing all with all finds them, crowds stay bounded."""

from __future__ import annotations

import io
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from efficientdet.data.importers.images import decode_picture
from efficientdet.data.survey.hashing import MAX_PARTNERS, agree, alike, look_alikes, perceptual_hashes, thumbnails
from efficientdet.data.survey.pictures import _grey
from tests.surveys import encoded, picture

_ONE = np.uint64(1)


def _random(number: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2**64, number, np.uint64, endpoint=False)


def _flipped(hashes: np.ndarray, bits: int, seed: int = 1) -> np.ndarray:
    """Hashes with `bits` different bits flipped in each."""
    positions = np.random.default_rng(seed).random((len(hashes), 64)).argsort(axis=1)[:, :bits].astype(np.uint64)
    return hashes ^ np.bitwise_or.reduce(_ONE << positions, axis=1)


def _greys(*pictures: bytes) -> np.ndarray:
    return np.stack([_grey(decode_picture(data, "x")) for data in pictures])


def test_hashes_are_those_of_the_library():
    greys = np.random.default_rng(0).integers(0, 256, (20, 32, 32), np.uint8)
    expected = [int(str(imagehash.phash(Image.fromarray(grey))), 16) for grey in greys]
    assert perceptual_hashes(greys).tolist() == expected


def test_a_blank_picture_has_nothing_but_its_mean():
    greys = np.stack([np.full((32, 32), value, np.uint8) for value in (0, 7, 255)])
    assert perceptual_hashes(greys).tolist() == [0, 2**63, 2**63]
    np.testing.assert_array_equal(thumbnails(greys)[:, 0], [0, 7, 255])


def test_a_thumbnail_holds_means():
    grey = np.zeros((1, 32, 32), np.uint8)
    grey[0, :4, 4:6] = 100  # half of the second of the first row's squares
    assert thumbnails(grey)[0, :3].tolist() == [0, 50, 0]
    assert thumbnails(grey).sum() == 50


@pytest.mark.parametrize("distance", [0, 1, 3, 4, 6])
def test_near_hashes_are_found_as_by_comparing_all_with_all(distance):
    some = _random(300)
    others = np.concatenate([_flipped(some, bits, seed=bits) for bits in (0, 3, 4, 5)])
    distances = np.unpackbits((some[:, None] ^ others[None]).view(np.uint8).reshape(300, 1200, 8), axis=2).sum(axis=2)
    np.testing.assert_array_equal(alike(some, others, distance), np.argwhere(distances <= distance))


def test_of_one_set_each_pair_is_named_once_and_none_with_itself():
    hashes = np.array([0b111111, 2**63, 0b1111, 2**63 + 1], np.uint64)
    assert alike(hashes, max_distance=3).tolist() == [[0, 2], [1, 3]]
    assert alike(hashes).tolist() == [[0, 2], [1, 3], [2, 3]]


def test_nothing_is_like_nothing():
    nothing = np.zeros(0, np.uint64)
    assert alike(nothing).shape == (0, 2)
    assert alike(nothing, _random(3)).shape == (0, 2)
    assert alike(_random(3), nothing).shape == (0, 2)
    assert look_alikes(nothing, np.zeros((0, 64), np.uint8)).shape == (0, 2)


def test_a_crowd_is_connected_but_not_compared_pair_by_pair():
    pairs = alike(np.zeros(2000, np.uint64))
    assert len(pairs) <= 2000 * MAX_PARTNERS
    assert set(np.unique(pairs)) == set(range(2000))
    pairs = alike(np.zeros(2000, np.uint64), np.zeros(1000, np.uint64))
    assert len(pairs) <= 2000 * MAX_PARTNERS * 5
    assert set(pairs[:, 0]) == set(range(2000))


@pytest.mark.slow
def test_two_hundred_thousand_hashes_take_seconds():
    train, val = _random(100_000), _random(100_000, seed=2)
    val[:500] = _flipped(train[:500], 4)
    assert alike(train, val).tolist() == [[number, number] for number in range(500)]


def _twins(data: bytes) -> dict[str, bytes]:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = image.size
    cut = image.crop((width // 100, height // 100, width - width // 100, height - height // 100))
    return {
        "encoded anew": encoded(image, quality=50),
        "half the size": encoded(image.resize((width // 2, height // 2)), quality=90),
        "brighter": encoded(ImageEnhance.Brightness(image).enhance(1.15), quality=90),
        "cut and darker": encoded(ImageEnhance.Brightness(cut).enhance(0.9), quality=75),
    }


def test_twins_are_found_and_others_are_not():
    pictures = [picture(120, 160, seed=seed) for seed in range(12)]
    twins = [twin for data in pictures for twin in _twins(data).values()]
    greys = _greys(*pictures, *twins)
    pairs = look_alikes(perceptual_hashes(greys), thumbnails(greys))
    origin = np.array([*range(12), *np.repeat(np.arange(12), 4)])
    assert (origin[pairs[:, 0]] == origin[pairs[:, 1]]).all()
    assert len({(a, b) for a, b in pairs.tolist() if a < 12}) >= 46  # of 48


def test_blank_pictures_agree_with_none():
    blank = np.full((2, 64), 250, np.uint8)
    blank[0, 3] = 252
    striped = np.tile(np.array([0, 200], np.uint8), (2, 32))
    striped[1] //= 2  # the same, darker
    pairs = np.array([[0, 1], [2, 3], [0, 2]])
    assert agree(np.concatenate([blank, striped]), pairs).tolist() == [False, True, False]


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "expected"), [("bccd", [("00037", "00038")]), ("coco128", [])])
def test_real_pictures(shared: Path, folder: str, expected: list):
    """BCCD holds one field of view twice, with another focus; nothing else there is one picture twice."""
    paths = sorted((shared / "data" / folder).rglob("*.jpg"))
    greys = _greys(*(path.read_bytes() for path in paths))
    pairs = look_alikes(perceptual_hashes(greys), thumbnails(greys))
    assert [(paths[a].stem[-5:], paths[b].stem[-5:]) for a, b in pairs] == expected
