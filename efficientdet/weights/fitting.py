# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Whether what a file holds suffices for a model, and what to say if it does not."""

from __future__ import annotations

import collections
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from efficientdet.errors import CheckpointError
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import block_specs
from efficientdet.modeling.scaling import BACKBONES
from efficientdet.modeling.vgg_ssd import VggSsd
from efficientdet.weights.layout import Contents, WeightFile, as_stored
from efficientdet.weights.model_blocks import block_of, part_of
from efficientdet.weights.report import counted
from efficientdet.weights.roles import Role

_LAST_STACK = 6  # of which detectors keep the first block, and some the others
_TELLING_KERNELS = {VggSsd.fc6_shape: VggSsd.variant}  # that no other known backbone has
_LISTED = 3  # how many names of each kind of difference an error shows

Shape = tuple[int, ...]


class Fit(NamedTuple):
    """How the variables of a file compare with those of a model.

    Attributes:
      fitting: paths of the variables that can be restored.
      missing: paths of those that the file lacks.
      misfits: path -> (shape in the file, shape that it must have).
    """

    fitting: tuple[str, ...]
    missing: tuple[str, ...]
    misfits: Mapping[str, tuple[Shape, Shape]]


def fit_shapes(shapes: Mapping[str, Shape], needed: Mapping[str, Shape]) -> Fit:
    """Compares the shapes of a file's variables with those that they must have, both by path of our variable."""
    misfits = {path: (shapes[path], shape) for path, shape in needed.items() if shapes.get(path, shape) != shape}
    missing = tuple(path for path in needed if path not in shapes)
    fitting = tuple(path for path in needed if path in shapes and path not in misfits)
    return Fit(fitting, missing, misfits)


def converted_shape(
    contents: Contents,
    keys: Sequence[str],
    convert: Callable[..., np.ndarray],
    size: int,
    larger_shape: Shape = (),
) -> Shape:
    """The shape of a variable that is made of some tensors, without reading them; theirs if they cannot be converted.

    Args:
      contents: of the file.
      keys: the tensors.
      convert: see `layout.Origin`.
      size: of the variable, in numbers. What is not made of as many is not converted: that could take any memory.
      larger_shape: see `layout.Origin`; a tensor of this shape is converted too.
    """
    shapes = [contents.shapes[key] for key in keys]
    if convert is not as_stored and sum(map(math.prod, shapes)) != size and shapes != [larger_shape]:
        return shapes[0]
    try:
        return tuple(convert([np.broadcast_to(np.float32(0), shape) for shape in shapes]).shape)
    except (ValueError, IndexError, TypeError):
        return shapes[0]


def require_backbone(
    fit: Fit, model: DetectionModel, file: WeightFile, *, shapes: Mapping[str, Shape], min_share: float | None
) -> None:
    """Raises a CheckpointError unless a file holds enough of a model's backbone.

    Args:
      fit: of the variables to restore.
      model: which they belong to.
      file: that is restored from.
      shapes: of the variables to restore, by path.
      min_share: see `restore.RestoreRequest.min_backbone_share`.
    """
    backbone = {path: math.prod(shape) for path, shape in shapes.items() if part_of(path) == "backbone"}
    provided = sum(backbone.get(path, 0) for path in fit.fitting)
    total = sum(backbone.values())
    if provided >= (1 if min_share is None else min_share) * total:
        return
    figures = f"{provided:,} of {total:,} parameters fit"
    if min_share is not None:
        share = math.floor(provided / total * 1000) / 1000
        figures += f", a share of {share:g} where train_config.fine_tune_min_backbone_share asks for {min_share:g}"
    variant, likely = model.backbone.variant, likely_backbone(file)
    if likely not in (None, variant):
        raise CheckpointError(f"{file} holds backbone {likely}, this model has {variant} ({figures})")
    lacking = [path for path in backbone if path in fit.misfits or path in fit.missing]
    blocks = dict.fromkeys(block_of(path, model).removeprefix("backbone ") for path in lacking)
    misfits = {path: shapes for path, shapes in fit.misfits.items() if path in backbone}
    text = differences(Fit((), tuple(path for path in fit.missing if path in backbone), misfits))
    raise CheckpointError(
        f"{file} lacks variables of this model's backbone {variant} in {', '.join(blocks)} ({figures}). Variables "
        f"{text}"
    )


def require_all(fit: Fit, file: WeightFile) -> None:
    """Raises a CheckpointError unless all variables to restore are in a file."""
    if text := differences(fit):
        raise CheckpointError(f"{file} does not fit this model. Variables {text}")


def require_no_more(unknown: Sequence[str], file: WeightFile) -> None:
    """Raises a CheckpointError if a file holds more than a model: then it is one of another architecture."""
    if unknown:
        raise CheckpointError(
            f"{file} does not fit this model. It holds {counted(len(unknown), 'tensor')} that the model has no place "
            f"for: {listing(unknown)}"
        )


def likely_backbone(file: WeightFile) -> str | None:
    """Guesses the backbone that a file holds by the kernels in it; None if it is none that is known."""
    shapes = collections.Counter(
        (*shape[2:], *shape[:2]) if file.contents.format == "PyTorch file" else shape
        for key, shape in file.contents.shapes.items()
        if len(shape) == 4 and file.layout.role(key) not in (Role.SLOT, Role.AVERAGE)
    )
    for kernel, variant in _TELLING_KERNELS.items():
        if shapes[kernel]:
            return variant
    candidates = []
    for variant, scale in BACKBONES.items():
        specs = [spec for spec in block_specs(scale) if spec.stack < _LAST_STACK or spec.block == 0]
        needed = collections.Counter(
            (spec.kernel_size, spec.kernel_size, spec.in_filters * spec.expand_ratio, 1) for spec in specs
        )
        in_filters, expand_ratio = specs[-1].in_filters, specs[-1].expand_ratio
        squeezes = (1, 1, in_filters // 4, in_filters * expand_ratio) in shapes
        if needed <= shapes and squeezes != scale.lite:
            candidates.append((len(specs), variant))
    return max(candidates)[1] if candidates else None


def listing(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def differences(fit: Fit, surplus: Sequence[str] = ()) -> str:
    """How many variables differ, and the first few of each kind; empty if all fit.

    Args:
      fit: of the variables of a model.
      surplus: those that only the file holds.
    """
    shapes = [f"{path} is {file} in the file and {needed} here" for path, (file, needed) in fit.misfits.items()]
    kinds = (("of another shape", shapes), ("only in the model", fit.missing), ("only in the file", surplus))
    return "; ".join(f"{len(names)} {what}: {listing(names)}" for what, names in kinds if names)
