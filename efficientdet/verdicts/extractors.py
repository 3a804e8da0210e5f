# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The feature extractors that a config can name: what each needs of the rest of the config, and has no use for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Need(NamedTuple):
    """The one alternative of a choice that fits.

    Attributes:
      alternative: of the choice.
      reason: why, as it follows "needs ...: ".
    """

    alternative: str
    reason: str


class ExtractorFacts(NamedTuple):
    """What a type of `SsdFeatureExtractor` asks of a config; whatever asks nothing keeps its default.

    Attributes:
      num_maps: how many feature maps the heads read; None where that is the number of the pyramid's levels.
      smallest_input: pixels a side.
      foreign: fields of `SsdFeatureExtractor` that say nothing about it -> why, as it follows "must be left out with
        TYPE". The published numbers of a lineage must not set them.
      box_predictor: the heads that can read its maps.
      anchor_generator: the anchors that can follow its maps.
    """

    num_maps: int | None = None
    smallest_input: int = 1
    foreign: Mapping[str, str] = {}
    box_predictor: Need | None = None
    anchor_generator: Need | None = None

    @property
    def has_pyramid(self) -> bool:
        """Whether a BiFPN stands between the backbone and the heads."""
        return self.num_maps is None


_OF_EFFICIENTNETS = ": it is a property of EfficientNets"
_EFFICIENTNET_BIFPN = ExtractorFacts()
_SSD300 = ExtractorFacts(
    num_maps=6,
    smallest_input=257,  # one more than 4 cells of 64 pixels, for the 5 that its last two layers need
    foreign={
        "bifpn": ", which has no feature pyramid",
        "use_depthwise": ", whose convolutions are full ones",
        "endpoints": _OF_EFFICIENTNETS,
        "survival_probability": _OF_EFFICIENTNETS,
        "backbone_regularization": _OF_EFFICIENTNETS,
    },
    box_predictor=Need("convolutional_box_predictor", "the maps of ssd_vgg16_keras differ in their channels"),
    anchor_generator=Need("ssd_anchor_generator", "the maps of ssd_vgg16_keras do not halve from one to the next"),
)

EXTRACTORS: dict[str, ExtractorFacts] = {
    **{f"ssd_efficientnet-b{size}_bifpn_keras": _EFFICIENTNET_BIFPN for size in range(8)},
    **{f"ssd_efficientnet-lite{size}_bifpn_keras": _EFFICIENTNET_BIFPN for size in range(5)},
    "ssd_vgg16_keras": _SSD300,
}
"""`SsdFeatureExtractor.type` -> what it asks of a config."""

TYPE_RULE = "must be ssd_efficientnet-X_bifpn_keras, X one of b0 ... b7, lite0 ... lite4, or ssd_vgg16_keras"
