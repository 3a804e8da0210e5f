# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""HDF5 files: what Keras writes, what others write, and what is damaged."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import tf_keras as keras

from efficientdet.errors import CheckpointError
from efficientdet.weights.hdf5_file import read_hdf5

from .stored import write_keras_h5


@pytest.fixture
def model() -> keras.Model:
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, name="hidden", bias_initializer="ones")(inputs)
    return keras.Model(inputs, keras.layers.Activation("relu", name="no_weights")(hidden))


_SHAPES = {"hidden/kernel": (4, 3), "hidden/bias": (3,)}


def test_keras_weights(tmp_path: Path, model: keras.Model) -> None:
    model.save_weights(tmp_path / "x.h5")
    contents = read_hdf5(tmp_path / "x.h5")
    assert contents.format == "HDF5 file"
    assert contents.path == str(tmp_path / "x.h5")
    assert contents.shapes == _SHAPES
    np.testing.assert_array_equal(contents.read("hidden/bias"), [1, 1, 1])
    np.testing.assert_array_equal(contents.read("hidden/kernel"), model.get_weights()[0])


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_whole_keras_model(tmp_path: Path, model: keras.Model) -> None:
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 4)), np.ones((2, 3)))
    model.save(tmp_path / "x.h5")
    contents = read_hdf5(tmp_path / "x.h5")
    assert contents.shapes.items() >= _SHAPES.items()
    others = contents.shapes.keys() - _SHAPES.keys()
    assert others
    assert all(name.startswith("optimizer_weights/") for name in others)


def test_the_weights_h5_of_newer_keras(tmp_path: Path, model: keras.Model) -> None:
    model.save_weights(tmp_path / "x.weights.h5")
    contents = read_hdf5(tmp_path / "x.weights.h5")
    assert {name.rsplit("/", 2)[2]: shape for name, shape in contents.shapes.items()} == {"0": (4, 3), "1": (3,)}
    (bias,) = [name for name in contents.shapes if name.endswith("/vars/1")]
    np.testing.assert_array_equal(contents.read(bias), model.get_weights()[1])


def test_long_lists_of_names(tmp_path: Path) -> None:
    """Keras splits a list that is too long for one attribute: that of D7x' pyramid is."""

    class Many(keras.layers.Layer):
        def build(self, shape: object) -> None:
            for number in range(250):
                self.add_weight(f"{'long_' * 60}{number}", ())

        def call(self, inputs: object) -> object:
            return inputs

    inputs = keras.Input((1,))
    model = keras.Model(inputs, Many()(inputs))
    model.save_weights(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5") as file:
        assert "weight_names1" in file["many"].attrs
    contents = read_hdf5(tmp_path / "x.h5")
    assert len(contents.shapes) == 250
    assert all(name.startswith("many/long_") for name in contents.shapes)


def test_two_weights_of_one_name_are_both_kept(tmp_path: Path) -> None:
    write_keras_h5(tmp_path / "x.h5", {"a": {"w": np.zeros(1)}, "b": {"w": np.ones(2)}})
    contents = read_hdf5(tmp_path / "x.h5")
    assert contents.shapes == {"w": (1,), "b/w:0": (2,)}
    np.testing.assert_array_equal(contents.read("b/w:0"), [1, 1])


def test_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["deep/in/it"] = np.zeros((2, 0), np.float16)
        file["scalar"] = 3
        file["text"] = "abc"
        file["nothing"] = h5py.Empty("f")
    assert read_hdf5(tmp_path / "x.h5").shapes == {"deep/in/it": (2, 0), "scalar": ()}


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04 a zip"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.h5").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"x\.h5 is no HDF5 file that can be read: "):
        read_hdf5(tmp_path / "x.h5")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"x\.h5 is no HDF5 file .*No such file"):
        read_hdf5(tmp_path / "x.h5")


def test_every_truncation_is_named(tmp_path: Path) -> None:
    write_keras_h5(tmp_path / "whole.h5", {"a": {"w": np.arange(100.0)}})
    whole = (tmp_path / "whole.h5").read_bytes()
    for size in range(0, len(whole), 97):
        (tmp_path / "x.h5").write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=r"x\.h5 is no HDF5 file that can be read: "):
            read_hdf5(tmp_path / "x.h5")


def test_damage_that_shows_when_a_value_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("w", data=np.arange(1000.0), chunks=(1000,), fletcher32=True)
        offset = file["w"].id.get_chunk_info(0).byte_offset
    content = bytearray((tmp_path / "x.h5").read_bytes())
    content[offset + 10] ^= 1
    (tmp_path / "x.h5").write_bytes(content)
    contents = read_hdf5(tmp_path / "x.h5")
    assert contents.shapes == {"w": (1000,)}
    with pytest.raises(CheckpointError, match=r"x\.h5 is no HDF5 file that can be read: "):
        contents.read("w")


def test_names_within_names(tmp_path: Path) -> None:
    write_keras_h5(tmp_path / "x.h5", {"a": {"a/w": np.zeros(1)}, "a/b": {"a/b/w": np.zeros(2)}, "c": {}})
    assert read_hdf5(tmp_path / "x.h5").shapes == {"a/w": (1,), "a/b/w": (2,)}


def test_other_files_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(40))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["w"] = np.zeros(3)
    with h5py.File(tmp_path / "linked.h5", "w") as file:
        file["w"] = h5py.ExternalLink("other.h5", "w")
    assert read_hdf5(tmp_path / "linked.h5").shapes == {}
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file.create_dataset("w", (10,), "f4", external=[(str(tmp_path / "secret.bin"), 0, 40)])
    with pytest.raises(CheckpointError, match="w is kept in another file"):
        read_hdf5(tmp_path / "external.h5")
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "w", (3,))
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("w", layout)
    with pytest.raises(CheckpointError, match="w is kept in another file"):
        read_hdf5(tmp_path / "virtual.h5")
