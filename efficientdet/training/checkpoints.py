# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checkpoints of a training, to resume it: complete, finite, and compared with the model before they are restored.

A checkpoint holds `model`, `optimizer` (with the moving averages as slots) and `step`: all that an exact resume needs,
because data order and random draws are functions of the seed and the step. Names are paths of objects, such as
`model/backbone/stem/kernel/.ATTRIBUTES/VARIABLE_VALUE`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import tensorflow as tf
import tf_keras as keras

from efficientdet.errors import CheckpointError, TrainingError
from efficientdet.training.optimizers import Optimizer
from efficientdet.weights.damage import first_line
from efficientdet.weights.files import open_contents
from efficientdet.weights.fitting import differences, fit_shapes, listing
from efficientdet.weights.object_graph import SLOT, VALUE
from efficientdet.weights.tensorflow_checkpoint import DAMAGE
from efficientdet.weights.variables import variables_by_path

_STEP = f"step{VALUE}"
_TFOD_PREFIX = "model/_feature_extractor/"

_logger = logging.getLogger(__name__)


def has_checkpoints(directory: str | os.PathLike[str]) -> bool:
    """Whether a directory holds training checkpoints, damaged ones included; no if there is no such directory."""
    return bool(_newest_first(directory))


def checkpoint_step(path: str | os.PathLike[str]) -> int:
    """Returns the global step at which weights were saved; 0 where they do not tell, as those of an export.

    Args:
      path: see `weights.files.find_file`.

    Raises:
      CheckpointError: they cannot be read.
    """
    contents = open_contents(path)
    return int(contents.read(_STEP)) if _STEP in contents.shapes else 0


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
            except CheckpointError:  # is a ValueError, as damage can be
                raise
            except DAMAGE as error:
                _logger.warning("cannot read checkpoint %s, trying the one before it: %s", prefix, first_line(error))
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
            raise CheckpointError(f"cannot write the checkpoint of step {step}: {first_line(error)}") from error
        self._saved_step = step
        _logger.info("saved %s", prefix)
        return prefix

    def _restore(self, prefix: str) -> None:
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
        if _STEP not in shapes:
            raise CheckpointError(f"{prefix} holds no step: it is not a checkpoint of a training")
        _compare(prefix, shapes, self._model)
        in_file = {slot for name in shapes if (slot := _slot_of(name))}
        wanted = set(self._optimizer.get_slot_names())
        if in_file != wanted:
            raise CheckpointError(
                f"{prefix} was saved by another optimizer: it keeps {_slots(in_file)} per weight, this run needs "
                f"{_slots(wanted)}. Has train_config.optimizer (or its use_moving_average) changed since?"
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
        weights = {f"model/{name}": variable for name, variable in variables_by_path(self._model).items()}
        for name, variable in (weights | slots).items():
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


def _compare(prefix: str, shapes: Mapping[str, Sequence[int]], model: keras.Model) -> None:
    """Raises a CheckpointError unless a file holds exactly the variables of a model.

    Args:
      prefix: of the file.
      shapes: of its tensors.
      model: that is going to be restored.
    """
    if any(name.startswith(_TFOD_PREFIX) for name in shapes):
        raise CheckpointError(
            f"{prefix} is a checkpoint of the TensorFlow Object Detection API, whose training cannot be resumed here: "
            "to start from its weights, choose another --model_dir and name it in train_config.fine_tune_checkpoint"
        )
    in_file = {
        name.removesuffix(VALUE): tuple(shape)
        for name, shape in shapes.items()
        if name.endswith(VALUE) and SLOT not in name and name.startswith("model/")
    }
    needed = {f"model/{name}": tuple(variable.shape) for name, variable in sorted(variables_by_path(model).items())}
    if text := differences(fit_shapes(in_file, needed), sorted(in_file.keys() - needed.keys())):
        raise CheckpointError(f"{prefix} does not fit this model. Variables {text}")


def _slots(names: Collection[str]) -> str:
    return listing(sorted(names)) or "nothing"


def _slot_of(name: str) -> str | None:
    """The slot that a tensor is kept in, such as "momentum"; None for a tensor that is no optimizer's."""
    _, _, place = name.partition(SLOT)
    return place.split("/")[1] if place else None  # behind the name of the optimizer
