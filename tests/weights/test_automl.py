# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""google/automl's detectors: every variable of every size has its place, by name and by attribute path."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientdet import build_published
from efficientdet.ops.box_coder import BoxScales
from efficientdet.weights import automl
from efficientdet.weights.files import open_contents
from efficientdet.weights.layout import Contents, Origin
from efficientdet.weights.roles import Role
from efficientdet.weights.variables import variables_by_path

from .automl_variables import COUNTS, PUBLISHED, detector_variables
from .stored import imagined, write_keras_h5

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_QUICK = ("d0", "d7x", "lite3x")  # the smallest, the one of six levels, and one without squeeze-and-excite
_SIZES = [pytest.param(size, marks=() if size in _QUICK else pytest.mark.slow) for size in PUBLISHED]


@pytest.fixture(scope="module")
def d0() -> DetectionModel:
    return build_published("d0", endpoints="last_block")


def check_one_to_one(model: DetectionModel, origins: dict[str, Origin], shapes: dict[str, tuple[int, ...]]) -> None:
    """Every variable of the model has an origin of its own, of its shape, and no tensor of `shapes` is left."""
    variables = variables_by_path(model)
    assert origins.keys() == variables.keys()
    keys = [key for origin in origins.values() for key in origin.keys]
    assert len(keys) == len(set(keys))
    assert set(keys) == shapes.keys()
    for path, origin in origins.items():
        value = origin.convert([np.broadcast_to(np.float32(0), shapes[key]) for key in origin.keys])
        assert value.shape == tuple(variables[path].shape), path


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_expected_variables_are_those_that_were_counted(size: str) -> None:
    variables = detector_variables(size)
    assert (len(variables), sum(int(np.prod(variable.shape)) for variable in variables)) == COUNTS[size]
    assert (
        len({variable.name for variable in variables})
        == len({variable.path for variable in variables})
        == len(variables)
    )


def test_the_expected_variables_of_d0_are_the_real_ones(shared: Path) -> None:
    variables = detector_variables("d0")
    real = {
        name: tuple(shape) for name, shape in json.loads((shared / "fixtures/automl_d0_ckpt_keys_tf1.json").read_text())
    }
    averages = {f"{variable.name}/ExponentialMovingAverage": variable.shape for variable in variables}
    assert real == {variable.name: variable.shape for variable in variables} | averages | {"global_step": ()}
    real = {
        name: tuple(shape) for name, shape in json.loads((shared / "fixtures/automl_d0_ckpt_keys_tf2.json").read_text())
    }
    graph = {"_CHECKPOINTABLE_OBJECT_GRAPH": ()}
    assert real == {f"{variable.path}{_VALUE}": variable.shape for variable in variables} | graph


@pytest.mark.parametrize("size", _SIZES)
def test_every_variable_of_every_size_has_its_place(size: str) -> None:
    model, expected = build_published(size, endpoints="last_block"), detector_variables(size)
    named = {variable.name: variable.shape for variable in expected}
    for format in ("name-based checkpoint", "HDF5 file"):
        contents = imagined(named, format)
        check_one_to_one(model, automl.AutomlNames(contents).origins(contents, model), named)
    paths = {f"{variable.path}{_VALUE}": variable.shape for variable in expected}
    contents = imagined(paths, "object-based checkpoint")
    check_one_to_one(model, automl.AutomlPaths(contents).origins(contents, model), paths)


def test_both_fixtures_hold_the_same_weights(shared: Path, d0: DetectionModel) -> None:
    values = []
    for path in ("tf1/model.ckpt-0", "tf2/model"):
        contents = open_contents(shared / "fixtures/automl_d0_ckpt" / path)
        layout = automl.detect_layout(contents)
        origins = layout.origins(contents, d0)
        assert origins.keys() == variables_by_path(d0).keys()
        values.append(
            {
                ours: origin.convert([contents.read(key) for key in origin.average_keys or origin.keys])
                for ours, origin in origins.items()
            }
        )
        assert layout.conventions.endpoints == "last_block"
        assert layout.conventions.anchor_order == "scale_major"
        assert layout.conventions.box_scales == BoxScales(1, 1, 1, 1)
        assert layout.conventions.labels[0] == "person"
        assert layout.conventions.labels[89] == "toothbrush"
    for path, value in values[0].items():
        np.testing.assert_array_equal(value, values[1][path], err_msg=path)
        assert np.any(value), path


def test_averages_are_told_from_the_trained_copy(shared: Path, d0: DetectionModel) -> None:
    contents = open_contents(shared / "fixtures/automl_d0_ckpt/tf1/model.ckpt-0")
    layout = automl.detect_layout(contents)
    origins = layout.origins(contents, d0)
    for origin in origins.values():
        assert origin.average_keys == tuple(f"{key}/ExponentialMovingAverage" for key in origin.keys)
    used = {key for origin in origins.values() for key in (*origin.keys, *origin.average_keys)}
    assert {key: layout.role(key) for key in contents.shapes.keys() - used} == {"global_step": Role.COUNTER}
    assert not np.any(contents.read("class_net/class-0/pointwise_kernel"))


def test_fusion_weights_keep_their_order(shared: Path, d0: DetectionModel) -> None:
    contents = open_contents(shared / "fixtures/automl_d0_ckpt/tf2/model")
    origins = automl.detect_layout(contents).origins(contents, d0)
    (origin,) = [origin for path, origin in origins.items() if path.startswith("fpn/nodes/4/fusion/")]
    node = "fpn_cells/cells/0/fnodes/4"
    assert origin.keys == tuple(f"{node}/{name}{_VALUE}" for name in ("WSM", "WSM_1", "WSM_2"))
    np.testing.assert_array_equal(origin.convert([np.float32(1), np.float32(2), np.float32(3)]), [[1], [2], [3]])


def test_a_lost_average_or_scalar_is_not_made_up(d0: DetectionModel) -> None:
    names = {variable.name: variable.shape for variable in detector_variables("d0")}
    averages = {f"{name}/ExponentialMovingAverage": shape for name, shape in names.items()}
    del averages["fpn_cells/cell_1/fnode5/WSM_2/ExponentialMovingAverage"], names["fpn_cells/cell_1/fnode4/WSM_1"]
    contents = imagined(names | averages, "name-based checkpoint")
    origins = automl.detect_layout(contents).origins(contents, d0)
    missing = variables_by_path(d0).keys() - origins.keys()
    assert [path.rsplit("/", 1)[0] for path in missing] == ["fpn/nodes/12/fusion"]
    without = [path for path, origin in origins.items() if not origin.average_keys]
    assert [path.rsplit("/", 1)[0] for path in without] == ["fpn/nodes/13/fusion"]


def test_a_shape_is_not_hidden(d0: DetectionModel) -> None:
    names = {variable.name: variable.shape for variable in detector_variables("d0")}
    names |= dict.fromkeys(["fpn_cells/cell_0/fnode0/WSM", "fpn_cells/cell_0/fnode0/WSM_1"], (64,))  # per channel
    contents = imagined(names, "name-based checkpoint")
    origins = automl.detect_layout(contents).origins(contents, d0)
    (origin,) = [origin for path, origin in origins.items() if path.startswith("fpn/nodes/0/fusion/")]
    assert origin.convert([contents.read(key) for key in origin.keys]).shape == (2, 1, 64)


def test_a_model_inside_a_checkpoint_and_averages_in_slots(tmp_path: Path, d0: DetectionModel) -> None:
    """As a training with a moving-average optimizer saves it, around the model."""
    root = tf.train.Checkpoint()
    holder, expected = tf.train.Checkpoint(), {}
    root.model = holder
    for number, variable in enumerate(detector_variables("d0")):
        node = holder
        *parents, leaf = variable.path.split("/")
        for name in parents:
            if not hasattr(node, name):
                setattr(node, name, tf.train.Checkpoint())
            node = getattr(node, name)
        setattr(node, leaf, tf.Variable(tf.fill(variable.shape, float(number))))
        expected[f"model/{variable.path}{_VALUE}"] = float(number)
    prefix = root.write(str(tmp_path / "x"))
    contents = open_contents(prefix)
    layout = automl.detect_layout(contents)
    origins = layout.origins(contents, d0)
    assert {key for origin in origins.values() for key in origin.keys} == expected.keys()
    assert layout.conventions.labels is not None
    kernel = "model/box_net/boxes/pointwise_kernel"
    slots = {f"{kernel}/.OPTIMIZER_SLOT/optimizer/{slot}{_VALUE}": (1, 1, 64, 36) for slot in ("average", "momentum")}
    flat = imagined(contents.shapes | slots, "object-based checkpoint")
    origins = automl.AutomlPaths(flat, "model/").origins(flat, d0)
    assert origins["heads/boxes/final/pointwise_kernel"].average_keys == tuple(slots)[:1]
    assert origins["heads/boxes/final/bias"].average_keys == ()
    assert [layout.role(slot) for slot in slots] == [Role.AVERAGE, Role.SLOT]


@pytest.mark.parametrize("chunk", [None, 100])
def test_hdf5_files_have_the_same_names(tmp_path: Path, d0: DetectionModel, chunk: int | None) -> None:
    layers: dict[str, dict[str, np.ndarray]] = {}
    variables = detector_variables("d0")
    for number, variable in enumerate(variables):
        layer = variable.name.split("/")[0]
        layers.setdefault(layer, {})[variable.name] = np.full(variable.shape, number, np.float32)
    write_keras_h5(tmp_path / "d0.h5", layers, chunk=chunk)
    contents = open_contents(tmp_path / "d0.h5")
    layout = automl.detect_layout(contents)
    assert layout.name == "google/automl detector, HDF5 file"
    check_one_to_one(d0, layout.origins(contents, d0), {variable.name: variable.shape for variable in variables})
    for number in (0, 300, 708):
        np.testing.assert_array_equal(contents.read(variables[number].name), np.full(variables[number].shape, number))


def test_other_classes_have_no_labels() -> None:
    names = {variable.name: variable.shape for variable in detector_variables("lite0")}
    names["class_net/class-predict/bias"] = (9 * 20,)
    assert automl.detect_layout(imagined(names, "name-based checkpoint")).conventions.labels is None


@pytest.mark.parametrize(
    ("key", "role"),
    [
        ("global_step", Role.COUNTER),
        ("learning_rate", Role.COUNTER),
        ("class_net/class-0/bias/Momentum", Role.SLOT),
        ("efficientnet-b0/blocks_3/conv2d/kernel/RMSProp_1", Role.SLOT),
        ("efficientnet-b0/blocks_3/conv2d/kernel/ExponentialMovingAverage", Role.AVERAGE),
        ("efficientnet-b0/blocks_3/conv2d/kernel", Role.DEAD_BLOCK),
        ("efficientnet-b0/head/dense/kernel", Role.TOP),
        ("class_net/class-0-bn-8/gamma", Role.UNKNOWN),
        ("fpn_cells/cell_0/fnode0/WSM", Role.UNKNOWN),
    ],
)
def test_roles_of_names(key: str, role: str) -> None:
    assert automl.role_of_name(key) == role


@pytest.mark.parametrize(
    ("key", "role"),
    [
        ("optimizer/iter", Role.COUNTER),
        ("save_counter", Role.COUNTER),
        ("backbone/_blocks/22/_bn0/gamma", Role.DEAD_BLOCK),
        ("backbone/_head/_conv_head/kernel", Role.TOP),
        ("fpn_cells/cells/8/fnodes/0/WSM", Role.UNKNOWN),
    ],
)
def test_roles_of_paths(key: str, role: str) -> None:
    assert automl.AutomlPaths(imagined({}, "object-based checkpoint")).role(key + _VALUE) == role


def test_other_files_are_not_taken_for_a_detector(tmp_path: Path) -> None:
    def fits(names: list[str], contents: Contents | None = None) -> bool:
        return automl.detect_layout(contents or imagined(dict.fromkeys(names, ()), "name-based checkpoint")) is not None

    assert not fits([])
    assert not fits(["efficientnet-b0/stem/conv2d/kernel"])  # a classification network
    assert not fits(["fpn_cells/cell_0/fnode0/WSM"])
    assert fits(["efficientnet-b0/stem/conv2d/kernel", "fpn_cells/cell_0/fnode0/WSM"])
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.zeros(3)
    assert not fits([], open_contents(tmp_path / "x.h5"))
    assert not fits([], imagined({}, "PyTorch file"))
