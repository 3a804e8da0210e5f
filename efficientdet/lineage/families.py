# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which pieces complete a model, by the type of its feature extractor."""

from __future__ import annotations

from typing import NamedTuple

from efficientdet.lineage import automl_pieces, shared_pieces, tfod_pieces


class Family(NamedTuple):
    """What is constant over the models of a family, beside what is so over all of a lineage.

    Attributes:
      tfod: pieces of `model.ssd`; the first that sets a field wins.
      automl: the same; None for a family that automl never had.
    """

    tfod: tuple[str, ...] = ()
    automl: tuple[str, ...] | None = ()


_FAMILIES = {
    "ssd_efficientnet-lite": Family(
        tfod=(shared_pieces.LITE, tfod_pieces.EFFICIENTNET),
        automl=(automl_pieces.LITE, shared_pieces.LITE, automl_pieces.EFFICIENTNET),
    ),
    "ssd_efficientnet-b0": Family(
        tfod=(shared_pieces.IMAGENET, tfod_pieces.EFFICIENTNET),
        automl=(automl_pieces.B0, shared_pieces.IMAGENET, automl_pieces.EFFICIENTNET),
    ),
    "ssd_efficientnet": Family(
        tfod=(shared_pieces.IMAGENET, tfod_pieces.EFFICIENTNET),
        automl=(shared_pieces.IMAGENET, automl_pieces.EFFICIENTNET),
    ),
    "ssd_vgg16_keras": Family(tfod=(tfod_pieces.VGG,), automl=None),
}
"""How the types of a family begin, the more particular beginnings first."""


def family_of(extractor_type: str) -> Family:
    """The family of a type; one without pieces of its own where none is known."""
    return next((family for start, family in _FAMILIES.items() if extractor_type.startswith(start)), Family())
