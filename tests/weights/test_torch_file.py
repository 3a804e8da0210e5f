# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""PyTorch files: the format by hand, what is damaged, and that nothing in them is executed."""

from __future__ import annotations

import collections
import pickle
import resource
import struct
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from efficientdet.errors import CheckpointError
from efficientdet.weights.torch_file import read_torch


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

    def write(
        *, strides: tuple[int, ...] = (3, 1), offset: int = 0, size: int = 6, numbers: int = 6, more: Any = None
    ) -> Path:
        state = {"x": Tensor(strides, offset)} | (more or {})
        with open(tmp_path / "x.pth", "wb") as file:
            for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, state, ["7"]):
                Pickler(file, protocol=2).dump(value)
            file.write(struct.pack("<q", size) + np.arange(numbers, dtype="<f4").tobytes())
        return tmp_path / "x.pth"

    return write


@pytest.mark.parametrize(("strides", "expected"), [((3, 1), [[0, 1, 2], [3, 4, 5]]), ((1, 2), [[0, 2, 4], [1, 3, 5]])])
def test_the_format_by_hand(legacy_file: Callable[..., Path], strides: tuple[int, int], expected: list) -> None:
    contents = read_torch(legacy_file(strides=strides))
    assert contents.format == "PyTorch file"
    assert contents.graph is None
    assert contents.shapes == {"x": (2, 3)}
    np.testing.assert_array_equal(contents.read("x"), expected)
    assert contents.read("x").dtype == np.float32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"numbers": 5}, "truncated"),
        ({"size": 7}, "storage 7 has 7 numbers where 6 are announced"),
        ({"offset": 1}, "a tensor reaches to number 6 in a storage of 6"),
        ({"offset": -1}, "offset -1"),
        ({"strides": (3, -1)}, "strides .3, -1."),
        ({"strides": (3,)}, "shorter than"),
        ({"strides": ("3", 1)}, ""),
        ({"more": {"y": 3}}, "other things than tensors by name"),
        ({"more": {3: 3}}, "other things than tensors by name"),
    ],
)
def test_damage_is_named(legacy_file: Callable[..., Path], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=f"x.pth is not a PyTorch state dict .*{message}"):
        read_torch(legacy_file(**settings))


def test_every_truncation_is_named(legacy_file: Callable[..., Path], tmp_path: Path) -> None:
    whole = legacy_file().read_bytes()
    for size in range(len(whole)):
        (tmp_path / "short.pth").write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=r"short\.pth is not a PyTorch state dict"):
            read_torch(tmp_path / "short.pth")


class _Evil:
    """Would touch a file where it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self._witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._witness,)


def test_nothing_is_executed(legacy_file: Callable[..., Path], tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(_Evil(witness)))
    legacy_file(more={"y": _Evil(witness)})
    for name in ("evil.pth", "x.pth"):
        with pytest.raises(CheckpointError, match="it asks for"):
            read_torch(tmp_path / name)
    assert not witness.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", pickle.dumps(1), pickle.dumps([])])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a PyTorch state dict"):
        read_torch(tmp_path / "x.pth")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No such file"):
        read_torch(tmp_path / "x.pth")


@pytest.mark.parametrize(
    "text",
    [
        b"\x80\x02Nr\xff\xff\xff\x0f.",
        b"\x80\x02X\xff\xff\xff\x7fabc.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\x00\x00\x00.",
    ],
    ids=["a great index", "a long string", "long bytes"],
)
def test_memory_is_not_made_for_what_is_only_announced(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "bomb.pth").write_bytes(text)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=r"bomb\.pth is not a PyTorch state dict"):
        read_torch(tmp_path / "bomb.pth")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes
