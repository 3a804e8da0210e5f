# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checkpoints that are complete, finite and compared with the model before anything of them is restored.

A checkpoint holds `model`, `optimizer` (with the moving averages as slots) and `step`: all that an exact resume needs,
because data order and random draws are functions of the seed and the step. Names are paths of objects, such as
`model/backbone/stem/kernel/.ATTRIBUTES/VARIABLE_VALUE`.
"""

from __future__ import annotations

import collections
import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras as keras

from efficientdet.errors import CheckpointError, TrainingError
from efficientdet.training.moving_average import SLOT_NAME
from efficientdet.training.optimizers import Optimizer

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_SLOT = re.compile(r"/\.OPTIMIZER_SLOT/optimizer/(?P<slot>[^/]+)" + re.escape(_VALUE) + "$")
# What TensorFlow raises on a damaged file; its reader lets some of the errors of its C++ part through as they are.
_DAMAGE = (tf.errors.OpError, IndexError, RuntimeError)
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"  # in every checkpoint of TensorFlow 2
_TFOD_PREFIX = "model/_feature_extractor/"
_LISTED = 3  # how many names of each kind of difference an error shows

_logger = logging.getLogger(__name__)


def has_checkpoints(directory: str | os.PathLike[str]) -> bool:
    """Whether a directory holds training checkpoints, damaged ones included; no if there is no such directory."""
    return bool(_newest_first(directory))


def resolve_checkpoint(path: str | os.PathLike[str]) -> str:
    """Returns the prefix of a checkpoint given by its prefix, by one of its files or by its directory (the latest).

    Raises:
      CheckpointError: there is none.
    """
    text = re.sub(r"\.(index|data-\d+-of-\d+)$", "", os.fspath(path))
    if os.path.isdir(text):
        # TensorFlow's list of checkpoints may be missing after a copy: then the files themselves count.
        if latest := tf.train.latest_checkpoint(text) or next(iter(_newest_first(text)), None):
            return latest
        raise CheckpointError(f"{text} holds no checkpoint")
    if not os.path.exists(f"{text}.index"):
        raise CheckpointError(f"{text} is not a checkpoint: there is no file {text}.index")
    return text


def checkpoint_step(path: str | os.PathLike[str]) -> int:
    """Returns the global step at which a checkpoint was saved; 0 where it holds a model alone, as exports do.

    Raises:
      CheckpointError: it cannot be read.
    """
    prefix = resolve_checkpoint(path)
    reader = _open(prefix)
    with _damage_named(prefix):
        return int(reader.get_tensor("step" + _VALUE)) if reader.has_tensor("step" + _VALUE) else 0


def restore_model(model: keras.Model, path: str | os.PathLike[str], *, averaged: bool = False) -> str:
    """Restores all weights of a model, for evaluation or export, from a training checkpoint or one of a model alone.

    Args:
      model: its variables exist already.
      path: see `resolve_checkpoint`.
      averaged: whether the moving averages take the place of the trained weights.

    Returns:
      The prefix that was read.

    Raises:
      CheckpointError: it does not fit the model (the text says what differs), cannot be read, or holds no averages.
    """
    prefix = resolve_checkpoint(path)
    reader = _open(prefix)
    expected = _variables_by_path(model, "model")
    _compare(prefix, reader, expected, roots=["model"])
    if averaged and not _holds_averages(reader, expected):
        raise CheckpointError(
            f"{prefix} holds no moving averages: it was trained with use_moving_average false. Evaluate and export it "
            "with eval_config.use_moving_averages false"
        )
    _read(prefix, reader, expected, averaged=averaged)
    return prefix


def restore_parts(parts: Mapping[str, tf.Module], path: str | os.PathLike[str]) -> str:
    """Restores parts of a model from a checkpoint of a whole one, to start a new training from them.

    Where the checkpoint holds moving averages of all that is trained in the parts, they are taken: by default they are
    what was evaluated.

    Args:
      parts: attribute path inside the model -> the object to restore, such as {"backbone": model.backbone}; the empty
        path stands for the whole model.
      path: see `resolve_checkpoint`.

    Returns:
      The prefix that was read.

    Raises:
      CheckpointError: a variable is missing or has another shape (the text says which), or the file cannot be read.
    """
    prefix = resolve_checkpoint(path)
    expected = {
        name: variable
        for part, root in parts.items()
        for name, variable in _variables_by_path(root, f"model/{part}".rstrip("/")).items()
    }
    reader = _open(prefix)
    _compare(prefix, reader, expected, roots=[f"model/{part}".rstrip("/") for part in parts])
    _read(prefix, reader, expected, averaged=_holds_averages(reader, expected))
    return prefix


class TrainingCheckpoints:
    """The checkpoints of one training run: `<directory>/ckpt-<step>`, the latest few of them.

    TensorFlow writes a checkpoint under a temporary name and renames it when it is complete: whatever interrupts a
    save, the checkpoint before it stays whole, and stays the latest.

    Args:
      directory: is made if it does not exist.
      model: its variables exist already.
      optimizer: its slots exist already.
      max_to_keep: older ones are deleted.
    """

    def __init__(
        self, directory: str | os.PathLike[str], *, model: keras.Model, optimizer: Optimizer, max_to_keep: int
    ) -> None:
        self.directory = Path(directory)
        self._model = model
        self._optimizer = optimizer
        self._saved_step: int | None = None
        self._checkpoint = tf.train.Checkpoint(step=optimizer.iterations, model=model, optimizer=optimizer)
        self._manager = tf.train.CheckpointManager(self._checkpoint, os.fspath(directory), max_to_keep=max_to_keep)

    def restore_latest(self) -> int | None:
        """Restores the latest checkpoint that can be read; a damaged one is named in the log and passed over.

        Returns:
          Its step, or None where the directory holds no checkpoint yet.

        Raises:
          CheckpointError: the latest one belongs to another model or optimizer, or none of them can be read.
        """
        prefixes = _newest_first(self.directory)
        for prefix in prefixes:
            try:
                self._restore(prefix)
            except _DAMAGE as error:
                _logger.warning("cannot read checkpoint %s, trying the one before it: %s", prefix, _first_line(error))
                continue
            self._saved_step = self._step()
            _logger.info("resumed from %s at step %d", prefix, self._step())
            return self._step()
        if prefixes:
            raise CheckpointError(f"none of the {len(prefixes)} checkpoints in {self.directory} can be read")
        return None

    def save(self) -> str:
        """Saves the present state, unless this step was the last to be saved or restored.

        Returns:
          The prefix.

        Raises:
          TrainingError: a weight is not finite; nothing is written.
          CheckpointError: it cannot be written, for instance because the disk is full.
        """
        step = self._step()
        if step == self._saved_step:
            return os.fspath(self.directory / f"ckpt-{step}")
        self._require_finite(step)
        try:
            prefix = self._manager.save(checkpoint_number=step)
        except (tf.errors.OpError, OSError) as error:
            raise CheckpointError(f"cannot write the checkpoint of step {step}: {_first_line(error)}") from error
        self._saved_step = step
        _logger.info("saved %s", prefix)
        return prefix

    def _restore(self, prefix: str) -> None:
        reader = tf.train.load_checkpoint(prefix)
        if not reader.has_tensor("step" + _VALUE):
            raise CheckpointError(f"{prefix} holds no step: it is not a checkpoint of a training")
        _compare(prefix, reader, _variables_by_path(self._model, "model"), roots=["model"])
        in_file = {match["slot"] for name in reader.get_variable_to_shape_map() if (match := _SLOT.search(name))}
        wanted = set(self._optimizer.get_slot_names())
        if in_file != wanted:
            raise CheckpointError(
                f"{prefix} was saved by another optimizer: it keeps {_listing(in_file)} per weight, this run needs "
                f"{_listing(wanted)}. Has train_config.optimizer (or its use_moving_average) changed since?"
            )
        settings = self._optimizer.get_config()
        self._checkpoint.restore(prefix).assert_existing_objects_matched()
        # The file holds the optimizer's settings too (momentum, epsilon, ...); those of this run's config count.
        for name, saved in self._optimizer.get_config().items():
            if saved != settings[name]:
                _logger.info("%s was %s until step %s, and is %s from here", name, saved, self._step(), settings[name])
                setattr(self._optimizer, name, settings[name])

    def _step(self) -> int:
        return int(self._optimizer.iterations.numpy())

    def _require_finite(self, step: int) -> None:
        slots = {variable.name: variable for variable in self._optimizer.variables()}
        for name, variable in (_variables_by_path(self._model, "model") | slots).items():
            if variable.dtype.is_floating and not bool(tf.reduce_all(tf.math.is_finite(variable.read_value()))):
                raise TrainingError(
                    f"{name} is not finite after step {step}: training stops, the checkpoint before stays the latest"
                )


def _newest_first(directory: str | os.PathLike[str]) -> list[str]:
    # The files themselves count, not TensorFlow's list of them, which may be missing after a copy: a run must never
    # start anew over checkpoints that are there.
    names = (re.fullmatch(r"ckpt-(\d+)\.index", path.name) for path in Path(directory).glob("ckpt-*.index"))
    steps = sorted((int(match[1]) for match in names if match), reverse=True)
    return [os.fspath(Path(directory) / f"ckpt-{step}") for step in steps]


def _variables_by_path(root: Any, prefix: str) -> dict[str, tf.Variable]:
    """Returns the variables below an object by the names that a checkpoint gives them, without `_VALUE`.

    A checkpoint names a variable by the shortest path of attributes that leads to it, as found breadth first.
    """
    view = tf.train.TrackableView(root)
    paths: dict[str, tf.Variable] = {}
    seen = {id(root)}
    queue = collections.deque([(prefix, root)])
    while queue:
        path, node = queue.popleft()
        if isinstance(node, tf.Variable):
            paths[path] = node
            continue
        for name, child in view.children(node).items():
            if id(child) not in seen:
                seen.add(id(child))
                queue.append((f"{path}/{name.replace('.', '..').replace('/', '.S')}", child))
    return paths


def _compare(prefix: str, reader: Any, expected: Mapping[str, tf.Variable], *, roots: list[str]) -> None:
    """Raises a CheckpointError unless the file holds exactly the expected variables below the given paths."""
    if origin := _foreign_origin(reader):
        raise CheckpointError(f"{prefix} is a checkpoint of {origin}, which cannot be read yet")
    in_file = {
        name.removesuffix(_VALUE): tuple(shape)
        for name, shape in reader.get_variable_to_shape_map().items()
        if name.endswith(_VALUE) and not _SLOT.search(name) and any(name.startswith(f"{root}/") for root in roots)
    }
    wanted = {name: tuple(variable.shape) for name, variable in expected.items()}
    shapes = [
        f"{name} is {in_file[name]} in the file and {shape} here"
        for name, shape in wanted.items()
        if name in in_file and in_file[name] != shape
    ]
    differences = [
        f"{len(names)} {what}: {_listing(names)}"
        for what, names in (
            ("of another shape", shapes),
            ("only in the model", sorted(wanted.keys() - in_file.keys())),
            ("only in the file", sorted(in_file.keys() - wanted.keys())),
        )
        if names
    ]
    if differences:
        raise CheckpointError(f"{prefix} does not fit this model. Variables {'; '.join(differences)}")


def _foreign_origin(reader: Any) -> str | None:
    """Which other library a checkpoint comes from, where its names tell."""
    if not reader.has_tensor(_OBJECT_GRAPH):
        return "TensorFlow 1 (it knows variables by name, not by object)"
    if any(name.startswith(_TFOD_PREFIX) for name in reader.get_variable_to_shape_map()):
        return "the TensorFlow Object Detection API"
    return None


def _average_name(name: str) -> str:
    return f"{name}/.OPTIMIZER_SLOT/optimizer/{SLOT_NAME}{_VALUE}"


def _holds_averages(reader: Any, expected: Mapping[str, tf.Variable]) -> bool:
    """Whether the file holds the moving average of each trainable variable, and of one at least."""
    trained = [name for name, variable in expected.items() if variable.trainable]
    return bool(trained) and all(reader.has_tensor(_average_name(name)) for name in trained)


def _read(prefix: str, reader: Any, expected: Mapping[str, tf.Variable], *, averaged: bool) -> None:
    """Assigns the values of the file, which has been compared; of trainable variables the averages if so wished."""
    with _damage_named(prefix):
        for name, variable in expected.items():
            take_average = averaged and variable.trainable
            variable.assign(reader.get_tensor(_average_name(name) if take_average else name + _VALUE))
    which = "the moving averages of the weights" if averaged else "the weights as trained, no averages"
    _logger.info("restored %d variables from %s: %s", len(expected), prefix, which)


@contextlib.contextmanager
def _damage_named(prefix: str) -> Iterator[None]:
    """Turns what TensorFlow raises of a file that is damaged, or was deleted meanwhile, into an error that names it."""
    try:
        yield
    except _DAMAGE as error:
        raise CheckpointError(f"{prefix} is damaged: {_first_line(error)}") from error


def _open(prefix: str) -> Any:
    try:
        return tf.train.load_checkpoint(prefix)
    except (*_DAMAGE, ValueError) as error:
        raise CheckpointError(f"cannot read checkpoint {prefix}: {_first_line(error)}") from error


def _listing(names: Any) -> str:
    names = sorted(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more if names else "nothing"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
