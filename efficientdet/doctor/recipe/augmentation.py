# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is done to the pictures of training."""

from __future__ import annotations

from collections.abc import Iterator

from efficientdet.doctor import cost
from efficientdet.doctor.cost import price
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.recipe.comparison import Comparison

_OPTIONS = "train_config.data_augmentation_options"
_FLIP = "data_augmentation_options { random_horizontal_flip {} }"
_JITTER = "random_scale_crop_and_pad_to_square"
_SQUARES = (_JITTER, "random_mosaic")
_WIDE = 0.3  # a jitter that shrinks objects to less than this
_SMALL_DATA = 5_000
_OTHER_RANGE = 1.5  # factor between two ranges that are not the same


def check_augmentation(comparison: Comparison) -> Iterator[Finding]:
    """Yields what is to be said of the augmentation."""
    if not comparison.trains:
        return
    steps = comparison.proto.train_config.data_augmentation_options
    if not steps:
        yield comparison.finding(
            "augmentation",
            Severity.WARNING,
            "images are not augmented",
            path=_OPTIONS,
            why="The network sees the same pixels in each epoch, and learns them by heart.",
            remedy=f"{_FLIP} data_augmentation_options {{ {_JITTER} {{ output_size: {comparison.model.image_size} "
            "scale_min: 0.6 scale_max: 1.6 } }",
            cost=cost.MIDDLING,
        )
        return
    yield from _flip(comparison)
    yield from _jitter(comparison)
    yield from _size(comparison)


def _flip(comparison: Comparison) -> Iterator[Finding]:
    if comparison.training.flip:
        return
    yield comparison.finding(
        "flip",
        Severity.WARNING if comparison.reproduces else Severity.NOTE,
        "images are not mirrored",
        path=_OPTIONS,
        why="A mirrored image is another one that costs nothing; one detector has lost several points without. (Text "
        "and digits must not be mirrored.)",
        remedy=_FLIP,
        cost=cost.LIGHT,
    )


def _jitter(comparison: Comparison) -> Iterator[Finding]:
    training, theirs = comparison.training, comparison.recipe.training
    path = _jitter_path(comparison)
    if not training.scales:
        if not training.other_scales:
            published = f", published with {theirs.scales[0]:g} to {theirs.scales[1]:g}" if theirs.scales else ""
            yield comparison.finding(
                "scale-jitter",
                Severity.WARNING if comparison.reproduces else Severity.NOTE,
                f"objects are shown at one size and place only{published}",
                path=_OPTIONS,
                why="Scale jitter with its random crop is the one strong augmentation of these recipes.",
                remedy=f"data_augmentation_options {{ {_JITTER} {{ output_size: {comparison.model.image_size} }} }}",
                cost=cost.MIDDLING,
            )
        return
    least, most = training.scales
    if comparison.reproduces and theirs.scales:
        factor = max(_ratio(least, theirs.scales[0]), _ratio(most, theirs.scales[1]))
        if factor > _OTHER_RANGE:
            yield comparison.finding(
                "scale-jitter",
                Severity.WARNING,
                f"scale jitter {least:g} to {most:g}, published {theirs.scales[0]:g} to {theirs.scales[1]:g}",
                path=path,
                why="Over 300 epochs a narrower range lets the network learn images by heart, and misses sizes.",
                remedy=f"scale_min: {theirs.scales[0]:g} scale_max: {theirs.scales[1]:g}",
                cost=price(cost.SETTING, factor),
            )
    elif not comparison.reproduces and least < _WIDE:
        yield _wide(comparison, path, least)


def _wide(comparison: Comparison, path: str, least: float) -> Finding:
    counted = comparison.train_images
    is_small = counted is not None and counted.number < _SMALL_DATA
    return comparison.finding(
        "jitter-wide",
        Severity.WARNING if is_small else Severity.NOTE,
        f"scale jitter shrinks objects to {least:g} of their size"
        + (f", of {counted.number:,} images" if counted else ""),
        path=path,
        why=f"An object of 32 pixels becomes one of {32 * least:.0f}, smaller than any anchor. COCO's range is for 300 "
        "epochs of 118,287 images. Of two Lite0s on blood cells, the one with that range ended with AP 0 for "
        "platelets, the one with 0.6 to 1.6 with 33 (they differ in more than this).",
        remedy="scale_min: 0.6 scale_max: 1.6",
        cost=cost.LIGHT,
    )


def _ratio(one: float, other: float) -> float:
    return max(one, other) / max(min(one, other), 1e-6)


def _jitter_path(comparison: Comparison) -> str:
    options = comparison.proto.train_config.data_augmentation_options
    index = next((index for index, step in enumerate(options) if step.HasField(_JITTER)), 0)
    return f"{_OPTIONS}[{index}].{_JITTER}"


def _size(comparison: Comparison) -> Iterator[Finding]:
    """Augmentations that make pictures of a size of their own."""
    wanted = comparison.model.image_size
    for index, step in enumerate(comparison.proto.train_config.data_augmentation_options):
        for kind in (kind for kind in _SQUARES if step.HasField(kind)):
            size = getattr(step, kind).output_size
            if wanted and size < wanted:
                yield comparison.finding(
                    "augmented-size",
                    Severity.WARNING,
                    f"training images are made {size} pixels wide and enlarged to {wanted}",
                    path=f"{_OPTIONS}[{index}].{kind}.output_size",
                    why="The network is trained on blurred images and evaluated on sharp ones; the detail of the "
                    "larger input is never seen.",
                    remedy=f"{kind} {{ output_size: {wanted} }}",
                    cost=price(cost.DATA, wanted / size),
                )
