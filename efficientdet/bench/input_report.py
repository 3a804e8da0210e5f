# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""An input's stages in words: which of them costs most, what would help, and whether a step waits for it.

No TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from efficientdet.doctor.quantities import percent

_ADVICE = {
    "reading": "records on a faster disk, or in fewer and larger files, would help",
    "decoding": "images stored no larger than the network needs them would help: decoding costs as many pixels as "
    "there are in the file",
    "parsing": "fewer boxes in a record would help",
    "resizing and normalising": "images stored near the size of the input would help",
    "batching": "a smaller input would help",
    "matching": "fewer anchors (aspect_ratios, scales_per_octave), or fewer boxes in an image, would help",
}
_AUGMENTATION = "without train_config.data_augmentation_options {{ {name} }} an image would take {left:.3g} ms"
_CLOSE = 1.2  # an input that is only so many times as fast as the steps is no match for them


class Stage(NamedTuple):
    """What a stage costs."""

    name: str
    milliseconds: float  # of a processor, for an image


class InputFigures(NamedTuple):
    """What an input does.

    Attributes:
      stages: in their order.
      milliseconds: of a processor, for an image: of all stages together, as measured.
      images_per_second: of the whole input, with nothing else to do.
      images: that were looked at.
    """

    stages: tuple[Stage, ...]
    milliseconds: float
    images_per_second: float
    images: int


class StepPace(NamedTuple):
    """What a step needs: images, and the seconds that it takes where they are there already."""

    images: int
    seconds: float


def report_lines(figures: InputFigures, cores: int, step: StepPace | None) -> Iterator[str]:
    """The lines that are printed.

    Args:
      figures: of the input.
      cores: that it may use.
      step: None where none was measured.
    """
    stages, images_per_second = figures.stages, figures.images_per_second
    total = _total(figures)
    width = max(len(stage.name) for stage in stages)
    yield f"{'stage':<{width}}  {'CPU ms an image':>15}  {'share':>6}"
    for stage in stages:
        share = percent(stage.milliseconds / total)
        yield f"{stage.name:<{width}}  {stage.milliseconds:>15.3f}  {share:>6}"
    yield f"{'together':<{width}}  {figures.milliseconds:>15.3f}"
    yield f"the input gives {images_per_second:.0f} images/s on {cores} cores when nothing else is done"
    if step is not None:
        yield _pace(images_per_second, step)
    yield bottleneck(figures)


def bottleneck(figures: InputFigures) -> str:
    """Which stage costs most, and what would help, in a sentence."""
    total = _total(figures)
    most = max(figures.stages, key=lambda stage: stage.milliseconds)
    advice = _ADVICE.get(most.name)
    if advice is None:
        name = most.name.partition(" (")[0]
        advice = _AUGMENTATION.format(name=f"{name} {{}}", left=total - most.milliseconds)
    return f"{most.name} takes {percent(most.milliseconds / total)} of an image's {total:.3g} ms; {advice}"


def _total(figures: InputFigures) -> float:
    """What shares are of; noise lets stages add up to a little more, as none counts as less than nothing."""
    return figures.milliseconds or 1e-9


def _pace(images_per_second: float, step: StepPace) -> str:
    needed = step.images / step.seconds
    text = f"a step of {step.images} takes {step.seconds:.3g} s and needs {needed:.1f} images/s: "
    if images_per_second < needed:
        return text + "steps wait for the input"
    if images_per_second < _CLOSE * needed:
        return text + "the input hardly keeps up"
    return text + f"the input is {images_per_second / needed:.0f} times as fast as that"
