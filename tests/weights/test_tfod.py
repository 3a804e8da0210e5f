# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""TFOD's checkpoints, against recorded names, shapes and values of real ones."""

from __future__ import annotations

import collections
import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientdet import build_published
from efficientdet.weights import tfod
from efficientdet.weights.files import open_contents
from efficientdet.weights.layout import PARTS, Contents
from efficientdet.weights.roles import Role
from efficientdet.weights.tensorflow_checkpoint import read_checkpoint
from efficientdet.weights.tfod import TfodLayout
from efficientdet.weights.variables import variables_by_path
from tests.modeling.tfod_variables import our_name
from tests.weights.stored import imagined

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_EFFICIENTNET = "model/_feature_extractor/_efficientnet"
_CLASSIFICATION = "model/_feature_extractor/classification_backbone"


@pytest.fixture(scope="module")
def d0() -> DetectionModel:
    return build_published("d0")


@pytest.fixture(scope="module")
def recorded(shared: Path) -> Contents:
    """A real checkpoint, which holds a model alone."""
    return open_contents(shared / "fixtures/tfod_d0_ckpt")


def recorded_names(shared: Path, size: str) -> Contents:
    """Names and shapes of a checkpoint of a training, with optimizer slots."""
    rows = json.loads((shared / f"facts/{size}_checkpoint_variables.json").read_text())
    return imagined({row["name"]: tuple(row["shape"]) for row in rows if row["dtype"] != "string"})


def layout_of(contents: Contents) -> TfodLayout:
    layout = tfod.detect_layout(contents)
    assert layout is not None
    return layout


def keys_by_path(contents: Contents, model: DetectionModel) -> dict[str, str]:
    """Path -> the one tensor; each is taken once, and has the variable's shape."""
    origins = layout_of(contents).origins(contents, model)
    keys = {path: origin.keys[0] for path, origin in origins.items()}
    assert len(set(keys.values())) == len(keys)
    variables = variables_by_path(model)
    for path, key in keys.items():
        assert contents.shapes[key] == tuple(variables[path].shape), path
    return keys


def test_every_variable_is_found_under_its_name_in_tfod(recorded: Contents, d0: DetectionModel) -> None:
    """The graph says what TFOD called each variable: an account that does not depend on numbers of layers."""
    assert recorded.graph is not None
    theirs = dict(recorded.graph.keys_by_full_name)
    assert theirs.pop("save_counter") == f"save_counter{_VALUE}"
    expected = {our_name(name): key for name, key in theirs.items() if our_name(name)}
    variables = variables_by_path(d0)
    keys = keys_by_path(recorded, d0)
    assert {variables[path].name.removesuffix(":0"): key for path, key in keys.items()} == expected
    assert len(keys) == len(d0.variables) == 676


def test_layers_have_the_recorded_numbers(recorded: Contents, d0: DetectionModel, shared: Path) -> None:
    names = json.loads((shared / "facts/tfod_d0_layer_with_weights_map.json").read_text())
    variables = variables_by_path(d0)
    for path, key in keys_by_path(recorded, d0).items():
        if match := re.search(r"layer_with_weights-(\d+)/(\w+)/", key):
            assert our_name(f"{names[match[1]]}/{match[2]}") == variables[path].name.removesuffix(":0")


def test_a_detector_of_coco_is_recognised(recorded: Contents) -> None:
    layout = layout_of(recorded)
    assert (layout.name, layout.parts) == ("TFOD checkpoint", PARTS)
    assert layout.conventions is not None
    assert layout.conventions[:3] == ("b0_layer_names", "aspect_major", (10.0, 10.0, 5.0, 5.0))
    assert layout.conventions.labels is not None
    assert layout.conventions.labels[0] == "person"


@pytest.mark.parametrize(
    ("size", "roles"),
    [
        ("d0", {Role.SLOT: 465, Role.TOP: 7, Role.COUNTER: 5}),
        ("d3", {Role.SLOT: 762, Role.TOP: 7, Role.DEAD_BLOCK: 19, Role.COUNTER: 5}),
    ],
)
def test_every_tensor_of_a_training_has_a_place_or_a_role(shared: Path, size: str, roles: dict[str, int]) -> None:
    contents, model = recorded_names(shared, size), build_published(size)
    keys = keys_by_path(contents, model)
    assert len(keys) == len(model.variables)
    layout = layout_of(contents)
    unused = [layout.role(key) for key in contents.shapes if key not in set(keys.values())]
    assert collections.Counter(unused) == roles
    assert len(keys) + len(unused) == len(contents.shapes)


def test_the_classes_of_a_detector_are_counted(shared: Path) -> None:
    contents = recorded_names(shared, "d0")
    own = dict(contents.shapes)
    final = "model/_box_predictor/_prediction_heads/class_predictions_with_background/_class_predictor_layers/0"
    own[f"{final}/bias{_VALUE}"], own[f"{final}/pointwise_kernel{_VALUE}"] = (27,), (1, 1, 64, 27)
    layout = layout_of(imagined(own))
    assert layout.conventions is not None
    assert layout.conventions.labels is None  # 3 classes, which the file does not name
    assert len(keys_by_path(imagined(own), build_published("d0", num_classes=3))) == 676


def _variables_of(layer: str) -> int:
    return 4 if layer.endswith("_bn") else 2 if "/se_" in layer or layer == "logits" else 1


@pytest.mark.parametrize(
    "size", ["d0", "d1", *(pytest.param(f"d{number}", marks=pytest.mark.slow) for number in range(2, 8))]
)
def test_counts_of_all_sizes_are_those_of_tfod(shared: Path, size: str) -> None:
    rows = json.loads((shared / "facts/tfod_model_table.json").read_text())
    (row,) = (row for row in rows if row["d"] == int(size[1:]))
    model = build_published(size)
    variables = variables_by_path(model)
    paths = layout_of(imagined(_DETECTOR))._paths(model, "a file")
    shapes = {candidates[0]: tuple(variables[path].shape) for path, candidates in paths.items()}
    assert len(shapes) == len(variables) == row["n_vars"] - sum(_variables_of(layer) for layer in row["dead_layers"])
    assert sum(math.prod(shape) for shape in shapes.values()) == row["inference_params"]
    numbers = {int(match[1]) for path in shapes if (match := re.search(r"layer_with_weights-(\d+)/", path))}
    assert numbers == set(range(len(numbers)))


# All that tells a detector of 90 classes from a classification network.
_PREDICTOR = "model/_box_predictor"
_CLASS_HEAD = f"{_PREDICTOR}/_prediction_heads/class_predictions_with_background/_class_predictor_layers/0"
_DETECTOR = {
    f"{_EFFICIENTNET}/layer_with_weights-2/depthwise_kernel{_VALUE}": (3, 3, 32, 1),
    f"{_EFFICIENTNET}/layer_with_weights-4/bias{_VALUE}": (8,),
    f"{_PREDICTOR}/_box_prediction_head/_box_encoder_layers/0/bias{_VALUE}": (36,),
    f"{_CLASS_HEAD}/bias{_VALUE}": (810,),
}


def _tree(values: Mapping[str, np.ndarray]) -> tf.Module:
    """Objects whose attributes are the parts of the paths."""
    root = tf.Module()
    for path, value in values.items():
        node = root
        *folders, name = path.split("/")
        for folder in folders:
            if not hasattr(node, folder):
                setattr(node, folder, tf.Module())
            node = getattr(node, folder)
        setattr(node, name, tf.Variable(value))
    return root


def _values(contents: Contents) -> dict[str, np.ndarray]:
    """Path below the model -> value."""
    keys = (key for key in contents.shapes if key.startswith("model/"))
    return {key.removeprefix("model/").removesuffix(_VALUE): contents.read(key) for key in keys}


def test_shared_layers_are_found_whichever_path_they_are_stored_under(
    recorded: Contents, d0: DetectionModel, tmp_path: Path
) -> None:
    # The attribute that is set first is the one that names the shared variables in the file.
    values = {
        path.replace("/_efficientnet/", "/classification_backbone/"): value
        for path, value in sorted(_values(recorded).items(), key=lambda item: "_feature_extractor" not in item[0])
    }
    model = _tree(values)
    whole = model._feature_extractor.classification_backbone
    model._feature_extractor._efficientnet = in_use = tf.Module()
    for number in range(128):
        setattr(in_use, f"layer_with_weights-{number}", getattr(whole, f"layer_with_weights-{number}"))
    other = read_checkpoint(tf.train.Checkpoint(model=model).write(str(tmp_path / "ckpt")))
    assert not any(key.startswith(_EFFICIENTNET) for key in other.shapes)

    keys, others = keys_by_path(recorded, d0), keys_by_path(other, d0)
    assert others["backbone/stem/kernel"] == f"{_CLASSIFICATION}/layer_with_weights-0/kernel{_VALUE}"
    assert keys.keys() == others.keys()
    for path in keys:
        np.testing.assert_array_equal(recorded.read(keys[path]), other.read(others[path]))
    assert keys_by_path(replace(other, graph=None), d0) == others
    unused = other.shapes.keys() - set(others.values())
    assert collections.Counter(map(layout_of(other).role, unused)) == {Role.TOP: 7}


def test_averages_are_found_in_their_slots(recorded: Contents, d0: DetectionModel, tmp_path: Path) -> None:
    model = _tree(_values(recorded))
    optimizer = keras.optimizers.legacy.SGD(0.1, momentum=0.9)
    optimizer._create_all_weights(model.trainable_variables)
    for variable in model.trainable_variables:
        optimizer.add_slot(variable, "average")
    contents = read_checkpoint(tf.train.Checkpoint(model=model, optimizer=optimizer).write(str(tmp_path / "ckpt")))
    origins = layout_of(contents).origins(contents, d0)
    assert len(origins) == 676
    for path, origin in origins.items():
        (average,) = origin.average_keys
        assert contents.shapes[average] == contents.shapes[origin.keys[0]], path
        assert "/.OPTIMIZER_SLOT/optimizer/average/" in average
        assert layout_of(contents).role(average) == Role.AVERAGE


def test_a_classification_network_is_a_backbone(recorded: Contents, d0: DetectionModel, tmp_path: Path) -> None:
    layers = {
        re.sub(r"^_feature_extractor/\w+/", "feature_extractor/", path): value
        for path, value in _values(recorded).items()
        if "layer_with_weights" in path
    }
    root = _tree(layers)
    contents = read_checkpoint(
        tf.train.Checkpoint(feature_extractor=root.feature_extractor).write(str(tmp_path / "ckpt"))
    )
    layout = layout_of(contents)
    assert (layout.name, layout.parts, layout.conventions) == ("TFOD classification checkpoint", ("backbone",), None)
    keys, expected = keys_by_path(contents, d0), keys_by_path(recorded, d0)
    assert keys.keys() == {path for path in expected if path.startswith("backbone/")}
    for path, key in keys.items():
        np.testing.assert_array_equal(contents.read(key), recorded.read(expected[path]))
    unused = contents.shapes.keys() - set(keys.values())
    assert collections.Counter(map(layout.role, unused)) == {Role.TOP: 7}


def test_what_a_training_of_tfod_saves_first_is_a_backbone(shared: Path, d0: DetectionModel) -> None:
    every = recorded_names(shared, "d0").shapes
    first = imagined({key: every[key] for key in every if "layer_with_weights" in key and "OPTIMIZER" not in key})
    layout = layout_of(first)
    assert (layout.parts, layout.conventions) == (("backbone",), None)
    assert all(path.startswith("backbone/") for path in keys_by_path(first, d0))


def test_a_saved_model_of_tfod_is_read(recorded: Contents, d0: DetectionModel, tmp_path: Path) -> None:
    module = tf.Module()
    module._model = _tree(_values(recorded))
    tf.saved_model.save(module, str(tmp_path / "saved_model"))
    contents = open_contents(tmp_path)
    keys, expected = keys_by_path(contents, d0), keys_by_path(recorded, d0)
    assert keys.keys() == expected.keys()
    for path, key in keys.items():
        np.testing.assert_array_equal(contents.read(key), recorded.read(expected[path]))


def test_files_of_others_are_not_of_tfod(shared: Path) -> None:
    for name in ("tf1", "tf2"):
        assert tfod.detect_layout(open_contents(shared / "fixtures/automl_d0_ckpt" / name)) is None
    assert tfod.detect_layout(imagined({"model/backbone/stem/kernel" + _VALUE: (3, 3, 3, 32)})) is None


@pytest.mark.parametrize("root", [_CLASSIFICATION, "feature_extractor"])
def test_other_networks_of_tfod_are_not_taken_for_ours(root: str) -> None:
    mobilenet = {0: "kernel", 1: "gamma", 2: "depthwise_kernel", 3: "gamma", 4: "kernel", 5: "gamma"}
    resnet = {0: "kernel", 1: "gamma", 2: "kernel", 3: "gamma", 4: "kernel", 5: "gamma"} | {4: "bias"}
    for layers in (mobilenet, resnet):
        names = {f"{root}/layer_with_weights-{number}/{name}{_VALUE}": (8,) for number, name in layers.items()}
        assert tfod.detect_layout(imagined(names)) is None
