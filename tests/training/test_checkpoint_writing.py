# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checkpoints come and go; whatever stops a process at whichever moment, the rest is whole."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.training import checkpoint_writing
from efficientdet.training.best_checkpoint import replace_best
from efficientdet.training.checkpoint_damage import damage_of
from efficientdet.training.checkpoint_files import checkpoint_prefix, files_of, saved_steps
from efficientdet.training.checkpoint_writing import Retention, add_checkpoint, remove_leftovers, set_aside
from efficientdet.weights.files import find_file

_ENDS = (".crc", ".data-00000-of-00001", ".index")


def _content(step: int, size: int = 50) -> Callable[[str], str]:
    return tf.train.Checkpoint(step=tf.Variable(step), values=tf.Variable(tf.range(size) * step)).write


def _add(folder: Path, step: int, retention: Retention = Retention(2)) -> str:  # noqa: B008
    return add_checkpoint(folder, step, _content(step), retention=retention, num_bytes=204)


def _names(folder: Path) -> list[str]:
    return sorted(os.path.relpath(path, folder) for path in folder.rglob("*") if path.is_file())


def _expected(*steps: int) -> list[str]:
    return sorted(["checkpoint", *(f"ckpt-{step}{end}" for step in steps for end in _ENDS)])


@pytest.mark.parametrize(
    ("retention", "kept"),
    [
        (Retention(1), [7]),
        (Retention(2), [6, 7]),
        (Retention(9), [1, 2, 3, 4, 5, 6, 7]),
        (Retention(2, 3), [3, 6, 7]),
        (Retention(1, 2), [2, 4, 6, 7]),
        (Retention(2, 100), [6, 7]),
    ],
)
def test_the_latest_stay_and_multiples(retention: Retention, kept: list[int]) -> None:
    steps = list(range(1, 8))
    assert sorted(set(steps) - set(retention.outdated(steps))) == kept


def test_old_ones_go_and_the_list_tells_the_rest(tmp_path: Path) -> None:
    for step in (2, 4, 6):
        assert _add(tmp_path / "run", step) == str(tmp_path / "run" / f"ckpt-{step}")
    assert _names(tmp_path / "run") == _expected(4, 6)
    assert tf.train.latest_checkpoint(str(tmp_path / "run")) == str(tmp_path / "run" / "ckpt-6")
    listed = tf.train.get_checkpoint_state(str(tmp_path / "run")).all_model_checkpoint_paths
    assert [os.path.basename(path) for path in listed] == ["ckpt-4", "ckpt-6"]


def test_none_is_overwritten(tmp_path: Path) -> None:
    _add(tmp_path, 4)
    before = (tmp_path / "ckpt-4.index").stat().st_ino
    with pytest.raises(CheckpointError, match="holds a checkpoint of step 4 already"):
        _add(tmp_path, 4)
    assert (tmp_path / "ckpt-4.index").stat().st_ino == before
    assert _names(tmp_path) == _expected(4)


@pytest.fixture
def snapshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """What the folder `run` looked like before each change of a folder in it."""
    taken: list[Path] = []
    is_copying = False

    def watch(name: str) -> None:
        change = getattr(os, name)

        def watched(*args: object, **kwargs: object) -> object:
            nonlocal is_copying
            if not is_copying and (tmp_path / "run").exists():
                is_copying = True
                taken.append(shutil.copytree(tmp_path / "run", tmp_path / f"before-{len(taken)}"))
                is_copying = False
            return change(*args, **kwargs)

        monkeypatch.setattr(os, name, watched)

    for name in ("rename", "replace", "unlink", "rmdir", "mkdir"):
        watch(name)
    yield taken
    monkeypatch.undo()


def test_a_kill_at_any_change_leaves_whole_checkpoints_and_no_debris(tmp_path: Path, snapshots: list[Path]) -> None:
    run = tmp_path / "run"
    for step in (2, 4, 6):
        _add(run, step, Retention(1))
        replace_best(run / "best", checkpoint_prefix(run, step), {"value": step})
    assert len(snapshots) > 50
    newest = 0
    bests = 0
    for snapshot in list(snapshots):
        for folder in (snapshot, snapshot / "best"):
            before = saved_steps(folder)
            if before:
                assert find_file(folder) in [checkpoint_prefix(folder, step) for step in before]
            remove_leftovers(folder)
            assert saved_steps(folder) == before
            assert [damage_of(checkpoint_prefix(folder, step)) for step in before] == [None] * len(before)
            whole = {path.name for step in before for path in files_of(checkpoint_prefix(folder, step))}
            there = {path.name for path in folder.glob("*")} | {path.name for path in folder.glob(".*")}
            assert there - whole <= {"checkpoint", "metrics.json", "best"}
        assert max(saved_steps(snapshot), default=0) >= newest
        newest = max(saved_steps(snapshot), default=0)
        assert max(saved_steps(snapshot / "best"), default=0) >= bests
        bests = max(saved_steps(snapshot / "best"), default=0)
    assert (newest, bests) == (6, 6)


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    _add(tmp_path, 2)

    def fail(prefix: str) -> None:
        Path(f"{prefix}_temp").mkdir()
        Path(f"{prefix}_temp", "part").write_bytes(b"half")
        raise tf.errors.ResourceExhaustedError(None, None, "part; No space left on device\nmore")

    with pytest.raises(CheckpointError) as caught:
        add_checkpoint(tmp_path, 4, fail, retention=Retention(1), num_bytes=1_230_000)
    text = str(caught.value)
    start = f"cannot write the checkpoint of step 4 to {tmp_path}: No space left on device. It takes 1.2 MB, "
    assert text.startswith(start)
    assert text.endswith(" MB are free; those before it are whole")
    assert _names(tmp_path) == _expected(2)


def test_a_file_cut_short_by_a_limit_is_one_sentence(tmp_path: Path) -> None:
    _add(tmp_path, 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def write_limited(prefix: str) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            _content(4, size=10_000)(prefix)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    with pytest.raises(CheckpointError, match="cannot write the checkpoint of step 4"):
        add_checkpoint(tmp_path, 4, write_limited, retention=Retention(1), num_bytes=40_000)
    assert _names(tmp_path) == _expected(2)


def test_what_cannot_be_read_back_does_not_count(tmp_path: Path) -> None:
    _add(tmp_path, 2)

    def write_badly(prefix: str) -> None:
        _content(4)(prefix)
        data = Path(f"{prefix}.data-00000-of-00001")
        data.write_bytes(data.read_bytes()[:-1] + b"\xaa")

    with pytest.raises(CheckpointError, match="of step 4 cannot be read after it was written"):
        add_checkpoint(tmp_path, 4, write_badly, retention=Retention(1), num_bytes=204)
    assert _names(tmp_path) == _expected(2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root mounts file systems")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_the_last_one(small_disk: Path) -> None:
    def add(step: int) -> None:
        content = _content(step, size=60_000)  # 240 kB: four of them fit
        add_checkpoint(small_disk, step, content, retention=Retention(9), num_bytes=240_004)

    for step in (1, 2, 3, 4):
        add(step)
    kept = _names(small_disk)
    with pytest.raises(CheckpointError, match=r"of step 5 to .*/disk: No space left on device. It takes 0.2 MB, 0.\d "):
        add(5)
    assert _names(small_disk) == kept == _expected(1, 2, 3, 4)
    assert damage_of(checkpoint_prefix(small_disk, 4)) is None
    checkpoint_writing.remove_checkpoint(small_disk, 1)
    add(5)
    assert saved_steps(small_disk) == [5, 4, 3, 2]


def test_leftovers_are_ours_alone(tmp_path: Path) -> None:
    _add(tmp_path, 2)
    users = ["ckpt-4.index.bak", "notes.tmp", ".notes.tmp", "ckpt-5_temp.txt", "my_temp/a", "ckpt-x_temp/a", ".cache/a"]
    users += [".notes.1.tmp", ".incomplete/thesis.txt", ".incomplete/drafts/ckpt-1.index"]
    ours = [".incomplete/ckpt-4_temp/part", ".checkpoint.efficientdet-123.tmp", "ckpt-4_temp/part-00000-of-00001.index"]
    ours += [".incomplete/ckpt-4.index", ".incomplete/ckpt-4.data-00000-of-00001.tempstate17"]
    for name in (*users, *ours):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert _names(tmp_path) == sorted([*_expected(2), *users])
    _add(tmp_path, 4, Retention(1))
    assert _names(tmp_path) == sorted([*_expected(4), *users])
    remove_leftovers(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()


def test_what_is_set_aside_stays_under_another_name(tmp_path: Path) -> None:
    for _ in range(2):
        _add(tmp_path, 2)
        content = (tmp_path / "ckpt-2.index").read_bytes()
        end = set_aside(tmp_path, 2)
        assert (tmp_path / f"ckpt-2.index{end}").read_bytes() == content
    assert end == ".damaged2"
    assert _names(tmp_path) == sorted(["checkpoint", *(f"ckpt-2{e}{d}" for e in _ENDS for d in (".damaged", end))])
