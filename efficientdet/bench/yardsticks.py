# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What work would take at the pace of the machine, measured in the process that does the work."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import tensorflow as tf

from efficientdet.bench.figures import Yardstick
from efficientdet.bench.timing import runs
from efficientdet.data.records import decode_image

_SIDE = 2048  # of the matrices: large enough for the full pace, small enough to take a tenth of a second
_PRODUCTS = 9
_LOOPS = 9


class GemmPace:
    """How many floating-point operations a second products of fp32 matrices reach on all cores.

    It is taken when constructed and again whenever asked for: the best counts, for it is a limit.
    """

    def __init__(self) -> None:
        matrix = tf.random.stateless_normal([_SIDE, _SIDE], [1, 2])
        product = tf.function(lambda: tf.matmul(matrix, matrix), autograph=False)
        self._run = lambda: product().numpy()
        self._best = 0.0
        self._measure()

    def yardstick(self, flops: float) -> Yardstick:
        """Of work of so many operations."""
        self._measure()
        return Yardstick("fp32 GEMM", flops / self._best, self._best / 1e9, "GFLOP/s")

    def _measure(self) -> None:
        quickest = min(run.seconds for run in runs(self._run, _PRODUCTS))
        self._best = max(self._best, 2.0 * _SIDE**3 / quickest)


def python_pace() -> Yardstick:
    """A loop in Python, for work that is mostly Python: no limit, but it follows the pace of a core."""
    quickest = min(run.seconds for run in runs(_loop, _LOOPS, warm_up=1))
    return Yardstick("Python", quickest, 1 / quickest, "loops/s")


def _loop() -> None:
    found: dict[int, tuple[int, str]] = {}
    for number in range(200_000):
        found[number % 1000] = (number, str(number))


def decoding_pace(encoded: Sequence[bytes], images: int) -> Yardstick:
    """Decoding of pictures on all cores, and nothing else.

    Args:
      encoded: JPEG or PNG files.
      images: how many pictures the work has.
    """
    pictures = tf.data.Dataset.from_tensor_slices(list(encoded)).cache()
    decoded = pictures.map(lambda content: decode_image(content)[0, 0, 0], num_parallel_calls=tf.data.AUTOTUNE)
    everything = functools.partial(decoded.reduce, tf.zeros([], tf.int64), lambda count, _: count + 1)
    quickest = min(run.seconds for run in runs(lambda: everything().numpy(), 5, warm_up=2)) / len(encoded)
    return Yardstick("JPEG decoding", images * quickest, 1 / quickest, "images/s")
