# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Adds checkpoints to a folder and takes old ones away, so that a kill or a full disk at any moment harms none.

A checkpoint is written into the folder `.incomplete`, read back and compared, flushed to the disk, and moved up, its
index last: until then it is none. Only after that older ones go, through the same folder, their index first. What a
killed process leaves in the folder above is thus always named by an index in `.incomplete`.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from efficientdet import atomic_write
from efficientdet.errors import CheckpointError
from efficientdet.training.checkpoint_damage import unreadable_part, write_checksums
from efficientdet.training.checkpoint_files import INCOMPLETE, INDEX, checkpoint_prefix, files_of, saved_steps
from efficientdet.weights.damage import first_line

_LIST = "checkpoint"  # TensorFlow's list of the checkpoints of a folder
_TF_SCRATCH = re.compile(r"ckpt-\d+_temp")  # where TensorFlow writes; earlier versions let it do so in the folder above
_UNFINISHED = re.compile(r"ckpt-\d+\.(index|crc|data-\d{5}-of-\d{5})(\.tempstate\d+)?")  # TensorFlow's while it writes
_DAMAGED = ".damaged"
_MEGABYTE = 1e6

_logger = logging.getLogger(__name__)


class Retention(NamedTuple):
    """Which checkpoints stay when a new one has been written."""

    max_to_keep: int  # the latest so many
    every_n_steps: int = 0  # and all of multiples of so many steps; 0: no others

    def outdated(self, steps: Sequence[int]) -> list[int]:
        """Those of the steps of checkpoints that go."""
        latest = sorted(steps)[-self.max_to_keep :]
        return [s for s in steps if s not in latest and not (self.every_n_steps and s % self.every_n_steps == 0)]


def add_checkpoint(
    directory: Path, step: int, write: Callable[[str], object], *, retention: Retention, num_bytes: int
) -> str:
    """Writes a checkpoint, makes sure that it can be read, and deletes those that are outdated by it.

    Args:
      directory: is made if it does not exist.
      step: of the checkpoint; there must be none of it yet.
      write: writes it as the prefix that it is given.
      retention: which others stay.
      num_bytes: what it takes, about; to be named when there is no room for it.

    Returns:
      Its prefix.

    Raises:
      CheckpointError: it cannot be written, or not be read again. Those before it are whole, and nothing is left of it.
    """
    if step in saved_steps(directory):
        raise CheckpointError(
            f"{directory} holds a checkpoint of step {step} already, from which this run did not start: it is not "
            "overwritten. Choose another --model_dir"
        )
    try:
        _write_whole(directory, step, write)
        outdated = retention.outdated(saved_steps(directory))
        list_checkpoints(directory, [kept for kept in saved_steps(directory) if kept not in outdated])
        for old in outdated:
            remove_checkpoint(directory, old)
    except (tf.errors.OpError, OSError) as error:
        room = f"It takes {num_bytes / _MEGABYTE:,.1f} MB{_free(directory)}; those before it are whole"
        raise CheckpointError(
            f"cannot write the checkpoint of step {step} to {directory}: {reason_of(error)}. {room}"
        ) from error
    return checkpoint_prefix(directory, step)


def _write_whole(directory: Path, step: int, write: Callable[[str], object]) -> None:
    try:
        _roll_back(directory)
        staged = checkpoint_prefix(directory / INCOMPLETE, step)
        Path(staged).parent.mkdir(parents=True, exist_ok=True)
        write(staged)
        if problem := unreadable_part(staged):
            raise CheckpointError(f"the checkpoint of step {step} cannot be read after it was written: {problem}")
        write_checksums(staged)
        publish(directory, step)
    finally:
        with contextlib.suppress(OSError):
            _roll_back(directory)


def publish(directory: Path, step: int) -> None:
    """Moves a checkpoint that is complete from `.incomplete` to the folder above; its index, which makes it one, last.

    Raises:
      OSError: the disk does not take it.
    """
    incomplete = directory / INCOMPLETE
    files = files_of(checkpoint_prefix(incomplete, step))
    for path in (*files, incomplete):
        atomic_write.flush_to_disk(path)
    for path in files:
        if path.suffix == INDEX:
            atomic_write.flush_to_disk(directory)
        path.rename(directory / path.name)
    atomic_write.flush_to_disk(directory)
    _clear(incomplete)


def remove_checkpoint(directory: Path, step: int) -> None:
    """Deletes a checkpoint: first its index, without which it is none.

    Raises:
      OSError: it cannot be deleted.
    """
    incomplete = directory / INCOMPLETE
    incomplete.mkdir(exist_ok=True)
    for path in reversed(files_of(checkpoint_prefix(directory, step))):
        path.rename(incomplete / path.name)
    _clear(incomplete)


def list_checkpoints(directory: Path, steps: Sequence[int]) -> None:
    """Writes TensorFlow's list of a folder's checkpoints, in which `tf.train.latest_checkpoint` looks.

    Args:
      directory: of the list.
      steps: of the checkpoints; without any the list goes.

    Raises:
      OSError: it cannot be written.
    """
    if not steps:
        (directory / _LIST).unlink(missing_ok=True)
        return
    lines = [f'model_checkpoint_path: "ckpt-{max(steps)}"']
    lines += [f'all_model_checkpoint_paths: "ckpt-{step}"' for step in sorted(steps)]
    atomic_write.replace_atomically(directory / _LIST, "\n".join((*lines, "")), durable=True)


def set_aside(directory: Path, step: int) -> str:
    """Renames the files of a checkpoint that cannot be read, so that they are in nobody's way and nothing is lost.

    Args:
      directory: of the checkpoint.
      step: of it.

    Returns:
      What their names end with from now on.

    Raises:
      OSError: they cannot be renamed.
    """
    files = files_of(checkpoint_prefix(directory, step))
    ends = (f"{_DAMAGED}{number}" for number in itertools.chain([""], itertools.count(2)))
    end = next(end for end in ends if not any(os.path.exists(f"{path}{end}") for path in files))
    for path in reversed(files):
        path.rename(f"{path}{end}")
    return end


def remove_leftovers(directory: Path) -> None:
    """Removes what killed processes left in a folder of checkpoints, where no other process writes now.

    Args:
      directory: need not exist.

    Raises:
      OSError: something cannot be removed.
    """
    _roll_back(directory)
    _remove_scratch(directory)
    atomic_write.remove_leftovers(directory)


def _roll_back(directory: Path) -> None:
    incomplete = directory / INCOMPLETE
    if not incomplete.is_dir():
        return
    for index in incomplete.glob(f"ckpt-*{INDEX}"):
        if not (directory / index.name).exists():
            for path in files_of(directory / index.stem):
                path.unlink()
    _clear(incomplete)


def _clear(incomplete: Path) -> None:
    """Removes `.incomplete`, or only what is ours in it where a user keeps something there."""
    _remove_scratch(incomplete)
    for path in incomplete.glob("ckpt-*"):
        if _UNFINISHED.fullmatch(path.name):
            path.unlink()
    try:
        incomplete.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _remove_scratch(folder: Path) -> None:
    for path in folder.glob("ckpt-*_temp"):
        if _TF_SCRATCH.fullmatch(path.name) and path.is_dir():
            shutil.rmtree(path)


def reason_of(error: Exception) -> str:
    """What the system says; TensorFlow puts its operation and a temporary file's name around that."""
    return first_line(error).partition(" [Op:")[0].rpartition("; ")[2]


def _free(directory: Path) -> str:
    try:
        return f", {shutil.disk_usage(directory).free / _MEGABYTE:,.1f} MB are free"
    except OSError:
        return ""
