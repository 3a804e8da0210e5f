# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Compound scaling: every published model is a row of one table, every backbone a row of another.

References: Tan et al. 2020, EfficientDet, table 1 (arXiv:1911.09070); Tan & Le 2019, EfficientNet (arXiv:1905.11946).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

CombineMethod = Literal["fast_attention", "attention", "weighted_sum", "sum"]


class BackboneScale(NamedTuple):
    """How an EfficientNet grows from B0.

    Lite backbones (made for mobile hardware) have no squeeze-and-excite, relu6 in place of silu, and leave the stem and
    the repeats of the first and last stack as they are in B0.
    """

    width: float
    depth: float
    lite: bool = False


class ModelSize(NamedTuple):
    """One published detector: the settings in which it differs from its neighbours."""

    backbone: str
    image_size: int  # pixels, both sides
    fpn_filters: int  # also the depth of the heads
    fpn_iterations: int
    head_layers: int
    max_level: int = 7
    anchor_scale: float = 4.0
    combine_method: CombineMethod = "fast_attention"


BACKBONES = {
    "b0": BackboneScale(1.0, 1.0),
    "b1": BackboneScale(1.0, 1.1),
    "b2": BackboneScale(1.1, 1.2),
    "b3": BackboneScale(1.2, 1.4),
    "b4": BackboneScale(1.4, 1.8),
    "b5": BackboneScale(1.6, 2.2),
    "b6": BackboneScale(1.8, 2.6),
    "b7": BackboneScale(2.0, 3.1),
    "lite0": BackboneScale(1.0, 1.0, lite=True),
    "lite1": BackboneScale(1.0, 1.1, lite=True),
    "lite2": BackboneScale(1.1, 1.2, lite=True),
    "lite3": BackboneScale(1.2, 1.4, lite=True),
    "lite4": BackboneScale(1.4, 1.8, lite=True),
}

# D0-D7 as the TensorFlow Object Detection API ships them; D7x and the Lites exist in google/automl only.
MODELS = {
    "d0": ModelSize("b0", 512, 64, 3, 3),
    "d1": ModelSize("b1", 640, 88, 4, 3),
    "d2": ModelSize("b2", 768, 112, 5, 3),
    "d3": ModelSize("b3", 896, 160, 6, 4),
    "d4": ModelSize("b4", 1024, 224, 7, 4),
    "d5": ModelSize("b5", 1280, 288, 7, 4),
    "d6": ModelSize("b6", 1408, 384, 8, 5, combine_method="sum"),
    "d7": ModelSize("b6", 1536, 384, 8, 5, combine_method="sum"),
    "d7x": ModelSize("b7", 1536, 384, 8, 5, max_level=8, combine_method="sum"),
    "lite0": ModelSize("lite0", 320, 64, 3, 3, anchor_scale=3.0, combine_method="sum"),
    "lite1": ModelSize("lite1", 384, 88, 4, 3, anchor_scale=3.0, combine_method="sum"),
    "lite2": ModelSize("lite2", 448, 112, 5, 3, anchor_scale=3.0, combine_method="sum"),
    "lite3": ModelSize("lite3", 512, 160, 6, 4, combine_method="sum"),
    "lite3x": ModelSize("lite3", 640, 200, 6, 4, anchor_scale=3.0, combine_method="sum"),
    "lite4": ModelSize("lite4", 640, 224, 7, 4, combine_method="sum"),
}

# The two rows in which google/automl (and the paper) differ.
AUTOML_MODELS = MODELS | {
    "d6": MODELS["d6"]._replace(image_size=1280),
    "d7": MODELS["d7"]._replace(anchor_scale=5.0),
}
