# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""TensorFlow's checkpoints: what they hold, and what is said of damaged ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.weights.tensorflow_checkpoint import read_checkpoint

_KEY = "numbers/.ATTRIBUTES/VARIABLE_VALUE"


def _write(folder: Path) -> str:
    checkpoint = tf.train.Checkpoint(
        numbers=tf.Variable([[1.5, -2.0]]), count=tf.Variable(7, dtype=tf.int64), text=tf.Variable("a string")
    )
    return checkpoint.write(str(folder / "ckpt-3"))


def _read_all(prefix: str) -> dict[str, np.ndarray]:
    contents = read_checkpoint(prefix)
    return {name: contents.read(name) for name in contents.shapes}


def test_an_object_based_checkpoint_holds_its_numbers(tmp_path: Path) -> None:
    prefix = _write(tmp_path)
    contents = read_checkpoint(prefix)
    assert contents.path == prefix
    assert contents.format == "object-based checkpoint"
    assert contents.shapes == {"count/.ATTRIBUTES/VARIABLE_VALUE": (), _KEY: (1, 2)}  # neither the string nor the graph
    np.testing.assert_array_equal(contents.read(_KEY), np.array([[1.5, -2.0]], np.float32))
    assert contents.read("count/.ATTRIBUTES/VARIABLE_VALUE") == 7
    assert contents.graph is not None
    assert contents.graph.key("numbers") == _KEY


def test_a_name_based_checkpoint_holds_its_numbers(tmp_path: Path) -> None:
    prefix = str(tmp_path / "model.ckpt-5")
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=["stem/kernel", "global_step"],
        shape_and_slices=["", ""],
        tensors=[tf.ones([3, 1], tf.float16), tf.constant(5, tf.int64)],
    )
    contents = read_checkpoint(prefix)
    assert contents.format == "name-based checkpoint"
    assert contents.graph is None
    assert contents.shapes == {"global_step": (), "stem/kernel": (3, 1)}
    np.testing.assert_array_equal(contents.read("stem/kernel"), np.ones([3, 1]))


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_damaged(tmp_path: Path, suffix: str, share: float) -> None:
    prefix = _write(tmp_path)
    file = Path(f"{prefix}.{suffix}")
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(CheckpointError, match="ckpt-3 is damaged: "):
        _read_all(prefix)


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_no_flipped_bit_goes_unnoticed(tmp_path: Path, suffix: str) -> None:
    prefix = _write(tmp_path)
    intact = _read_all(prefix)
    file = Path(f"{prefix}.{suffix}")
    content = file.read_bytes()
    for position in range(len(content)):
        file.write_bytes(content[:position] + bytes([content[position] ^ 16]) + content[position + 1 :])
        try:
            values = _read_all(prefix)
        except CheckpointError as error:
            assert "ckpt-3 is damaged: " in str(error)  # noqa: PT017
        else:  # a byte that nothing depends on
            assert values.keys() == intact.keys()
            assert all(np.array_equal(values[name], intact[name]) for name in intact)


def test_a_flipped_bit_of_a_value_is_named_as_such(tmp_path: Path) -> None:
    prefix = _write(tmp_path)
    data = Path(f"{prefix}.data-00000-of-00001")
    content = data.read_bytes()
    place = content.index(np.array([1.5, -2.0], np.float32).tobytes())
    data.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    contents = read_checkpoint(prefix)
    contents.read("count/.ATTRIBUTES/VARIABLE_VALUE")
    with pytest.raises(CheckpointError, match=r"ckpt-3 is damaged: .*Checksum does not match"):
        contents.read(_KEY)


def test_a_missing_data_file_is_named(tmp_path: Path) -> None:
    prefix = _write(tmp_path)
    data = Path(f"{prefix}.data-00000-of-00001")
    data.rename(tmp_path / "ckpt-30.data-00000-of-00001")
    with pytest.raises(CheckpointError, match=r"ckpt-3 is incomplete: .*ckpt-3\.data-00000-of-00001 is not"):
        read_checkpoint(prefix)
    (tmp_path / "ckpt-3.data-00001-of-00002").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"ckpt-3\.data-00000-of-00002 is not"):
        read_checkpoint(prefix)


@pytest.mark.parametrize("content", [b"", b"not an index", b"version https://git-lfs.github.com/spec/v1\n" * 9])
def test_a_file_of_another_kind_is_damaged(tmp_path: Path, content: bytes) -> None:
    prefix = _write(tmp_path)
    Path(f"{prefix}.index").write_bytes(content)
    with pytest.raises(CheckpointError, match="ckpt-3 is damaged: "):
        read_checkpoint(prefix)


def test_a_tensor_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="ckpt-3"):
        read_checkpoint(_write(tmp_path)).read("weights")
