# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The paths that a model's trainable variables have, without building it.

A superset: as many blocks as the largest backbone has, and both the ways in which layers can be normalised. An
expression that matches none of these matches nothing in the model either.
"""

from __future__ import annotations

from collections.abc import Iterator

from efficientdet.doctor.recipe.settings import ModelSettings

_MOST_BLOCKS = 60  # B7 has 55
_MOST_LEVELS = 6  # D7x
_NORM = ("gamma", "beta")
_BLOCK = (
    "expand/kernel", *(f"expand_norm/{name}" for name in _NORM),
    "depthwise/depthwise_kernel", *(f"depthwise_norm/{name}" for name in _NORM),
    "squeeze_excite/reduce/kernel", "squeeze_excite/reduce/bias",
    "squeeze_excite/expand/kernel", "squeeze_excite/expand/bias",
    "project/kernel", *(f"project_norm/{name}" for name in _NORM),
)  # fmt: skip
_SEPARABLE = ("depthwise_kernel", "pointwise_kernel", "kernel", "bias")
_VGG_CONVOLUTIONS = (2, 2, 3, 3, 3)
_VGG_EXTRAS = 4
_SSD_MAPS = 6


def variable_paths(model: ModelSettings) -> list[str]:
    """The paths, those of the backbone first."""
    return list(_efficientdet(model) if model.pyramid else _vgg_ssd())


def _efficientdet(model: ModelSettings) -> Iterator[str]:
    _, iterations, head_layers = model.pyramid
    yield "backbone/stem/kernel"
    yield from (f"backbone/stem_norm/{name}" for name in _NORM)
    for block in range(_MOST_BLOCKS):
        yield from (f"backbone/blocks/{block}/{name}" for name in _BLOCK)
    for extra in range(3):
        yield from (f"fpn/extra/{extra}/{name}" for name in _conv_and_norm())
    for node in range(2 * (_MOST_LEVELS - 1) * iterations):
        yield f"fpn/nodes/{node}/fusion/weights"
        yield from (f"fpn/nodes/{node}/conv/{name}" for name in _SEPARABLE)
        yield from (f"fpn/nodes/{node}/norm/{name}" for name in _NORM)
        for resample in range(3):
            yield from (f"fpn/nodes/{node}/resamples/{resample}/{name}" for name in _conv_and_norm())
    for head in ("boxes", "classes"):
        for layer in range(head_layers):
            yield from (f"heads/{head}/convs/{layer}/{name}" for name in _SEPARABLE)
        for level in range(_MOST_LEVELS):
            for layer in range(head_layers):
                yield from (f"heads/{head}/norms/{level}/{layer}/{name}" for name in _NORM)
        yield from (f"heads/{head}/final/{name}" for name in _SEPARABLE)


def _vgg_ssd() -> Iterator[str]:
    places = [f"stages/{stage}/{conv}" for stage, convs in enumerate(_VGG_CONVOLUTIONS) for conv in range(convs)]
    places += [
        "fc6",
        "fc7",
        *(f"extras/{extra}/{part}" for extra in range(_VGG_EXTRAS) for part in ("narrow", "shrink")),
    ]
    for place in places:
        yield from (f"backbone/{place}/{name}" for name in _conv_and_norm())
    yield "backbone/conv4_3_norm/scale"
    for head in ("boxes", "classes"):
        for map_ in range(_SSD_MAPS):
            yield from (f"heads/{head}/{map_}/final/{name}" for name in _SEPARABLE)
            yield from (f"heads/{head}/{map_}/convs/0/{name}" for name in _conv_and_norm())


def _conv_and_norm() -> tuple[str, ...]:
    return "conv/kernel", "conv/bias", *(f"norm/{name}" for name in _NORM)
