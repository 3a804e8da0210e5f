# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Sets of anchors of all kinds, and boxes to set against them."""

from __future__ import annotations

import numpy as np

from efficientdet.ops.anchors import generate_anchors
from efficientdet.ops.ssd_anchors import box_shapes, even_scales, generate_ssd_anchors
from tests.ops.test_anchors import AUTOML, TFOD

_RATIOS = [[1.0, 2.0, 0.5], [1.0, 2.0, 3.0, 0.5, 1 / 3], [1.0]]
_SSD = generate_ssd_anchors(
    (300, 260),
    [(19, 17), (10, 9), (3, 3)],
    box_shapes(even_scales(0.2, 0.9, 3), _RATIOS, interpolated_aspect_ratio=1.0, reduce_lowest=True),
)
ANCHOR_SETS = {
    "TFOD": generate_anchors((128, 128), **TFOD),
    "TFOD, sides that strides do not divide": generate_anchors((100, 130), **TFOD),
    "automl, odd levels": generate_anchors((100, 130), **AUTOML),
    "two levels of one size": generate_anchors((128, 128), **(TFOD | {"anchor_scale": [8.0, 4.0, 4.0, 4.0, 2.0]})),
    "SSD": _SSD,
    "in pixels": generate_anchors((128, 96), **AUTOML) * np.float32([128, 96, 128, 96]),
    "rounded": generate_anchors((96, 96), **AUTOML).round(6),
    "in any order, some twice": np.random.default_rng(1).permutation(np.concatenate([_SSD, _SSD[:500]])),
    "without some": np.random.default_rng(2).permutation(_SSD)[: len(_SSD) * 3 // 4],
    "no grid": np.sort(np.random.default_rng(3).random((300, 2, 2)), axis=1).reshape(-1, 4).astype(np.float32),
}


def random_boxes(seed: int, count: int) -> np.ndarray:
    """Float32 [count, 4], of all sizes from a hundredth of the picture on; some reach out of it."""
    random = np.random.default_rng(seed)
    centers, sizes = random.random((count, 2)), np.exp(random.uniform(np.log(0.01), 0, (count, 2)))
    return np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1).astype(np.float32)
