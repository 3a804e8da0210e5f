# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which backbone a file looks like, and the shapes that its tensors have once they are converted."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.modeling.efficientnet import block_specs
from efficientdet.modeling.scaling import BACKBONES
from efficientdet.weights.fitting import converted_shape, differences, fit_shapes, likely_backbone, listing
from efficientdet.weights.layout import Format, WeightFile, as_stored

from .stored import imagined
from .toy_detector_files import ToyLayout


def _kernels(variant: str, *, dead_blocks: bool) -> dict[str, tuple[int, ...]]:
    """The depthwise and squeezing kernels of a backbone, and an optimizer's copy of each."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number, spec in enumerate(block_specs(BACKBONES[variant])):
        if spec.stack == 6 and spec.block and not dead_blocks:
            continue
        filters = spec.in_filters * spec.expand_ratio
        shapes[f"{number}/depthwise"] = (spec.kernel_size, spec.kernel_size, filters, 1)
        if not BACKBONES[variant].lite:
            shapes[f"{number}/squeeze"] = (1, 1, spec.in_filters // 4, filters)
    return shapes | {f"slot/{name}": shape for name, shape in shapes.items()}


def _file(shapes: dict[str, tuple[int, ...]], format: Format = "object-based checkpoint") -> WeightFile:
    return WeightFile(imagined(shapes, format), ToyLayout())


@pytest.mark.parametrize("dead_blocks", [False, True])
@pytest.mark.parametrize("variant", BACKBONES)
def test_a_backbone_is_known_by_its_kernels(variant: str, dead_blocks: bool) -> None:
    assert likely_backbone(_file(_kernels(variant, dead_blocks=dead_blocks))) == variant


def test_what_is_no_backbone_looks_like_none() -> None:
    shapes = _kernels("b0", dead_blocks=True)
    del shapes["3/depthwise"]
    assert likely_backbone(_file(shapes)) is None
    assert likely_backbone(_file({})) is None


def test_ssd300_is_known_by_fc6() -> None:
    assert likely_backbone(_file({"backbone/fc6/conv/kernel": (3, 3, 512, 1024)})) == "vgg16"
    assert likely_backbone(_file({"slot/fc6/conv/kernel": (3, 3, 512, 1024)})) is None


def test_kernels_of_pytorch_have_their_axes_elsewhere() -> None:
    shapes = {name: shape[2:] + shape[:2] for name, shape in _kernels("lite1", dead_blocks=False).items()}
    assert likely_backbone(_file(shapes, "PyTorch file")) == "lite1"


def test_a_shape_is_converted_without_reading() -> None:
    contents = imagined({"a": (2, 3), "b": (), "c": ()}, "HDF5 file")
    assert converted_shape(contents, ["a"], as_stored, 6) == (2, 3)
    assert converted_shape(contents, ["a"], lambda values: values[0].T, 6) == (3, 2)
    assert converted_shape(contents, ["b", "c"], lambda values: np.stack(values)[:, None], 2) == (2, 1)
    # What cannot be converted is reported as it is.
    assert converted_shape(contents, ["a"], lambda values: values[0].transpose(2, 3, 1, 0), 6) == (2, 3)
    # Nor is what is of another size: stacking would make room for it.
    huge = imagined({"b": (10**12,), "c": (10**12,)}, "HDF5 file")
    assert converted_shape(huge, ["b", "c"], np.stack, 2) == (10**12,)


def test_shapes_fit_or_not() -> None:
    fit = fit_shapes({"a": (2,), "b": (3,)}, {"a": (2,), "b": (4,), "c": ()})
    assert fit.fitting == ("a",)
    assert fit.missing == ("c",)
    assert fit.misfits == {"b": ((3,), (4,))}
    text = "1 of another shape: b is (3,) in the file and (4,) here; 1 only in the model: c"
    assert differences(fit) == text
    assert differences(fit, ["d", "e"]) == f"{text}; 2 only in the file: d, e"
    assert differences(fit_shapes({"a": ()}, {"a": ()})) == ""


def test_long_listings_are_cut() -> None:
    assert listing(["a", "b", "c"]) == "a, b, c"
    assert listing(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
