# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Paths of variables are the names that TensorFlow's own checkpoints give them."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from efficientdet.modeling.efficientdet import build_published
from efficientdet.weights.variables import variables_by_path


def test_paths_are_the_names_in_a_checkpoint(tmp_path: Path) -> None:
    model = build_published("d0")
    prefix = tf.train.Checkpoint(model=model).write(str(tmp_path / "ckpt"))
    stored = {
        name.removeprefix("model/").removesuffix("/.ATTRIBUTES/VARIABLE_VALUE"): tuple(shape)
        for name, shape in tf.train.list_variables(prefix)
        if name.startswith("model/")
    }
    paths = variables_by_path(model)
    assert {path: tuple(variable.shape) for path, variable in paths.items()} == stored
    assert len(paths) == len(model.variables)
    assert paths["backbone/blocks/1/expand/kernel"] is model.backbone.blocks[1].expand.kernel


def test_special_characters_are_written_as_tensorflow_writes_them(tmp_path: Path) -> None:
    root = tf.train.Checkpoint(part=tf.Module())
    root.part.parts = {"a/b": tf.Variable(1.0), "c.d": tf.Variable(2.0)}
    prefix = root.write(str(tmp_path / "ckpt"))
    names = {name for name, _ in tf.train.list_variables(prefix) if not name.startswith("_")}
    assert {f"{path}/.ATTRIBUTES/VARIABLE_VALUE" for path in variables_by_path(root)} == names - {
        "save_counter/.ATTRIBUTES/VARIABLE_VALUE"
    }
    assert set(variables_by_path(root.part)) == {"parts/a.Sb", "parts/c..d"}


def test_a_variable_on_two_paths_is_named_by_the_shorter() -> None:
    root, inner = tf.Module(), tf.Module()
    root.inner = inner
    inner.variable = tf.Variable(0.0)
    root.variable = inner.variable
    assert list(variables_by_path(root)) == ["variable"]


def test_an_object_without_variables_has_none() -> None:
    assert variables_by_path(tf.Module()) == {}
