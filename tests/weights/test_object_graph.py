# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Tensors are found by any path that leads to their variable, by optimizer slot, and by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tensorflow as tf
import tf_keras as keras
from google.protobuf.message import DecodeError

from efficientdet.training.moving_average import SLOT_NAME
from efficientdet.weights.object_graph import AVERAGE_SLOT, GRAPH_KEY, ObjectGraph, slot_key, value_key
from efficientdet.weights.tensorflow_checkpoint import read_checkpoint

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


def _graph(prefix: str) -> ObjectGraph:
    return ObjectGraph(tf.train.load_checkpoint(prefix).get_tensor(GRAPH_KEY))


def _shared_layer() -> tf.Module:
    """Two attributes lead to one layer."""
    model, layer = tf.Module(), tf.Module()
    layer.kernel = tf.Variable([1.0, 2.0], name="stem/kernel")
    model.first = layer
    model.second = layer
    return model


def test_both_paths_of_a_variable_lead_to_its_tensor(tmp_path: Path) -> None:
    graph = _graph(tf.train.Checkpoint(model=_shared_layer()).write(str(tmp_path / "ckpt")))
    assert graph.key("model/first/kernel") == f"model/first/kernel{_VALUE}"
    assert graph.key("model/second/kernel") == f"model/first/kernel{_VALUE}"
    assert graph.keys_by_full_name["stem/kernel"] == f"model/first/kernel{_VALUE}"


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    graph = _graph(tf.train.Checkpoint(model=_shared_layer()).write(str(tmp_path / "ckpt")))
    for path in ("", "model", "model/first", "model/first/bias", "model/first/kernel/x", "third/kernel"):
        assert graph.key(path) is None, path
        assert graph.slot_key(path, "momentum") is None, path


def test_slots_are_found_by_the_path_of_their_variable(tmp_path: Path) -> None:
    model = _shared_layer()
    optimizer = keras.optimizers.legacy.SGD(0.1, momentum=0.9)
    optimizer.apply_gradients([(tf.ones([2]), model.first.kernel)])
    optimizer.add_slot(model.first.kernel, AVERAGE_SLOT)
    contents = read_checkpoint(tf.train.Checkpoint(model=model, optimizer=optimizer).write(str(tmp_path / "ckpt")))
    graph = contents.graph
    assert graph is not None
    place = f"model/first/kernel/.OPTIMIZER_SLOT/optimizer/{AVERAGE_SLOT}{_VALUE}"
    assert graph.slot_key("model/second/kernel", AVERAGE_SLOT) == place
    assert graph.slot_key("model/second/kernel", "momentum") == place.replace(AVERAGE_SLOT, "momentum")
    assert graph.slot_key("model/second/kernel", "rms") is None
    assert all("OPTIMIZER_SLOT" not in key for key in graph.keys_by_full_name.values())
    assert slot_key(contents, "model/second/kernel", AVERAGE_SLOT) == place


def test_without_a_graph_the_name_of_the_tensor_counts(tmp_path: Path) -> None:
    contents = read_checkpoint(tf.train.Checkpoint(model=_shared_layer()).write(str(tmp_path / "ckpt")))
    bare = replace(contents, graph=None)
    assert value_key(contents, "model/second/kernel") == f"model/first/kernel{_VALUE}"
    assert value_key(bare, "model/first/kernel") == f"model/first/kernel{_VALUE}"
    assert value_key(bare, "model/second/kernel") is None
    assert slot_key(bare, "model/first/kernel", AVERAGE_SLOT) is None


def test_bytes_of_another_kind_are_an_error() -> None:
    with pytest.raises(DecodeError):
        ObjectGraph(b"\xff\xff\xff")


def test_the_averages_of_a_training_lie_in_the_slot_that_is_read() -> None:
    assert AVERAGE_SLOT == SLOT_NAME
