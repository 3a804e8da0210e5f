# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds pictures that look alike: perceptual hashes, a search for near ones, and a second look at thumbnails.

The hash is that of the `imagehash` package (`phash`, 64 bits): the signs of the 8x8 lowest frequencies against their
median. It is taken of many pictures at once, in a tenth of the time. As hashes of unlike pictures of one kind
(microscopy, drawings, blank pages) can be near as well, a pair counts only if its thumbnails agree.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

GREY_SIDE = 32
_LOW = 8  # frequencies per axis
_BITS = 64

MAX_DISTANCE = 4
"""Bits of 64 in which hashes of one picture may differ, after scaling, encoding anew or a little cropping."""

MAX_PARTNERS = 16
"""Partners that `alike` gives a hash in each band; more than that are a crowd."""

# Hashes that one is compared with in a band: this many, or this many times what chance brings together.
_WINDOW = 256
_CROWD = 8
_MANY = 50_000  # pictures
_BLOCK = 1 << 20  # comparisons at a time

# Of thumbnails. Calibrated on BCCD and COCO128: twins of pictures that are cut by 1 % at each side, brightened and
# encoded anew correlate at .97 and above.
_LEAST_CORRELATION = 0.97
_LEAST_CONTRAST = 4.0  # standard deviation, in grey levels


def _dct_rows() -> np.ndarray:
    """float64 [8, 32], the lowest frequencies of a discrete cosine transform (type II, not normalised)."""
    frequencies, positions = np.arange(_LOW)[:, None], np.arange(GREY_SIDE)[None, :]
    return 2 * np.cos(np.pi * frequencies * (2 * positions + 1) / (2 * GREY_SIDE))


_DCT_ROWS = _dct_rows()


def perceptual_hashes(greys: np.ndarray) -> np.ndarray:
    """Hashes of pictures.

    Args:
      greys: uint8 [n, 32, 32].

    Returns:
      uint64 [n]; the first bit of `imagehash.phash` is the highest one.
    """
    # Rounded, so that frequencies which are not there count as equal on every machine.
    low = np.round(_DCT_ROWS @ greys.astype(np.float64) @ _DCT_ROWS.T, 6).reshape(-1, _LOW * _LOW)
    bits = low > np.median(low, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8").astype(np.uint64).reshape(-1)


def thumbnails(greys: np.ndarray) -> np.ndarray:
    """uint8 [n, 64]: 8x8 means of pictures uint8 [n, 32, 32], row by row."""
    side = GREY_SIDE // _LOW
    means = greys.reshape(-1, _LOW, side, _LOW, side).mean(axis=(2, 4))
    return np.round(means).astype(np.uint8).reshape(-1, _LOW * _LOW)


def look_alikes(hashes: np.ndarray, thumbnails: np.ndarray, max_distance: int | None = None) -> np.ndarray:
    """Pairs of pictures that show the same: near hashes, and thumbnails that agree.

    Args:
      hashes: uint64 [n].
      thumbnails: uint8 [n, 64].
      max_distance: see `alike`, whose limits for crowds hold here as well; None for MAX_DISTANCE, and 2 bits more for
        sets that are small enough to look that far in a second: it finds a twentieth more of pictures that were cut.

    Returns:
      int64 [m, 2], the smaller index first, in ascending order.
    """
    if max_distance is None:
        max_distance = MAX_DISTANCE if len(hashes) > _MANY else MAX_DISTANCE + 2
    pairs = alike(hashes, max_distance=max_distance)
    return pairs[agree(thumbnails, pairs)]


def agree(thumbnails: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Whether the thumbnails of pairs show the same, brighter, darker or more contrasted.

    Pictures with next to nothing on them agree with none: there is no telling whether they are the same.

    Args:
      thumbnails: uint8 [n, 64].
      pairs: int64 [m, 2], indices into `thumbnails`.

    Returns:
      bool [m].
    """
    result = np.zeros(len(pairs), bool)
    for start in range(0, len(pairs), _BLOCK // 64):  # bounds memory: 64 floats for each picture of a pair
        block = pairs[start : start + _BLOCK // 64]
        first, second = (thumbnails[block[:, side]].astype(np.float32) for side in (0, 1))
        first -= first.mean(axis=1, keepdims=True)
        second -= second.mean(axis=1, keepdims=True)
        contrasts = np.sqrt([np.mean(first**2, axis=1), np.mean(second**2, axis=1)])
        likeness = np.mean(first * second, axis=1) / np.maximum(contrasts.prod(axis=0), 1e-6)
        shows_something = contrasts.min(axis=0) >= _LEAST_CONTRAST
        result[start : start + len(block)] = shows_something & (likeness >= _LEAST_CORRELATION)
    return result


def alike(hashes_a: np.ndarray, hashes_b: np.ndarray | None = None, max_distance: int = MAX_DISTANCE) -> np.ndarray:
    """Pairs of hashes that differ in few bits.

    Hashes are cut into one band more than bits may differ, so that a pair agrees in at least one band completely; only
    those that do are compared. All pairs are found, except in crowds (a thousand pictures of one fixed camera, blank
    pages): there each hash gets its first `MAX_PARTNERS` partners of a band, so that time and memory stay bounded.

    Args:
      hashes_a: uint64 [a].
      hashes_b: uint64 [b]; None to compare `hashes_a` with themselves.
      max_distance: bits in which a pair may differ, 0 to 15.

    Returns:
      int64 [n, 2], index into a and index into b, in ascending order; of a set with itself the smaller index first, and
      each pair once.
    """
    number = len(hashes_a) if hashes_b is None else len(hashes_b)
    found = [np.zeros(0, np.int64)]
    for shift, width in _bands(max_distance + 1):
        turned_a, order_a = _sorted_by_band(hashes_a, shift)
        turned_b, order_b = (turned_a, order_a) if hashes_b is None else _sorted_by_band(hashes_b, shift)
        starts, ends = _ranges(turned_a, turned_b, width, is_same=hashes_b is None)
        for first, second in _near(turned_a, turned_b, starts, ends, max_distance):
            a, b = order_a[first], order_b[second]
            if hashes_b is None:
                a, b = np.minimum(a, b), np.maximum(a, b)
            found.append(a * number + b)
    codes = np.unique(np.concatenate(found))
    return np.stack(np.divmod(codes, max(number, 1)), axis=1)


def _bands(number: int) -> list[tuple[int, int]]:
    """(shift to the left that brings a band to the top, its width in bits) of bands that make up 64 bits."""
    edges = [round(i * _BITS / number) for i in range(number + 1)]
    return [(start, end - start) for start, end in itertools.pairwise(edges)]


def _sorted_by_band(hashes: np.ndarray, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Hashes turned so that a band is at the top, sorted, and the order (int64) that sorts them."""
    turned = (hashes << np.uint64(shift)) | (hashes >> np.uint64(_BITS - shift)) if shift else hashes
    order = np.argsort(turned, kind="stable")
    return turned[order], order


def _ranges(a: np.ndarray, b: np.ndarray, width: int, is_same: bool) -> tuple[np.ndarray, np.ndarray]:
    """int64 starts and ends, for each of `a`, of those of `b` that agree in the top `width` bits; in crowds, some."""
    drop = np.uint64(_BITS - width)
    window = max(_WINDOW, _CROWD * len(b) >> width)
    ends = np.searchsorted(b >> drop, a >> drop, side="right")
    if is_same:
        starts = np.arange(1, len(a) + 1)
    else:
        # In a crowd, those nearest in the order of the other bits, from the first one that is equal.
        starts = np.searchsorted(b >> drop, a >> drop, side="left")
        middle = np.searchsorted(b, a, side="left") - window // 2
        starts = np.maximum(starts, np.minimum(middle, ends - window))
    return starts, np.minimum(ends, starts + window)


def _near(
    a: np.ndarray, b: np.ndarray, starts: np.ndarray, ends: np.ndarray, max_distance: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Compares each of `a` with its range of `b`; yields positions of near ones, in blocks.

    In a crowd the first few of a range are enough; the rest is looked at where they were not.
    """
    middles = np.minimum(ends, starts + 2 * MAX_PARTNERS)
    partners = np.zeros(len(a), np.int64)
    for begins, stops in ((starts, middles), (middles, ends)):
        rows = np.flatnonzero((begins < stops) & (partners < MAX_PARTNERS))
        for block in _blocks(rows, (stops - begins)[rows]):
            counts = (stops - begins)[block]
            first = np.repeat(block, counts)
            second = np.arange(len(first)) + np.repeat(begins[block] - np.cumsum(counts) + counts, counts)
            near = np.flatnonzero(_count_bits(a[first] ^ b[second]) <= max_distance)
            first, second = first[near], second[near]
            few = partners[first] + _ranks(first) < MAX_PARTNERS
            yield first[few], second[few]
            partners += np.bincount(first, minlength=len(a))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Position of each of sorted values within its run of equal ones, from 0."""
    positions = np.arange(len(values))
    is_start = np.concatenate([[True], values[1:] != values[:-1]])[: len(values)]
    return positions - np.maximum.accumulate(np.where(is_start, positions, 0))


def _blocks(rows: np.ndarray, counts: np.ndarray) -> Iterator[np.ndarray]:
    """Cuts rows into blocks of about _BLOCK comparisons."""
    edges = np.searchsorted(np.cumsum(counts), np.arange(_BLOCK, counts.sum(), _BLOCK))
    yield from (block for block in np.split(rows, edges) if len(block))


def _count_bits(values: np.ndarray) -> np.ndarray:
    """Number of bits that are set in each uint64."""
    if hasattr(np, "bitwise_count"):  # since NumPy 2.0
        return np.bitwise_count(values)
    return _BITS_OF_BYTE[values.view(np.uint8).reshape(-1, 8)].sum(axis=1, dtype=np.uint8)


_BITS_OF_BYTE = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)
