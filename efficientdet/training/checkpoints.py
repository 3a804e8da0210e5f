# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checkpoints of a training, to resume it: complete, finite, and compared with the model before they are restored.

A checkpoint holds `model`, `optimizer` (with the moving averages as slots) and `step`: all that an exact resume needs,
because data order and random draws are functions of the seed and the step. Names are paths of objects, such as
`model/backbone/stem/kernel/.ATTRIBUTES/VARIABLE_VALUE`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import tensorflow as tf
import tf_keras as keras

from efficientdet.errors import CheckpointError, TrainingError
from efficientdet.training.best_checkpoint import BEST, replace_best
from efficientdet.training.checkpoint_damage import damage_of
from efficientdet.training.checkpoint_files import STEP_KEY, checkpoint_prefix, saved_steps
from efficientdet.training.checkpoint_writing import (
    Retention,
    add_checkpoint,
    list_checkpoints,
    remove_leftovers,
    set_aside,
)
from efficientdet.training.optimizers import Optimizer
from efficientdet.training.workers import Workers
from efficientdet.weights.damage import first_line
from efficientdet.weights.fitting import differences, fit_shapes, listing
from efficientdet.weights.object_graph import GRAPH_KEY, SLOT, VALUE
from efficientdet.weights.tensorflow_checkpoint import DAMAGE
from efficientdet.weights.variables import variables_by_path

_TFOD_PREFIX = "model/_feature_extractor/"
# What a checkpoint holds besides the extras; TensorFlow's own manager, which wrote earlier ones, counted its saves.
_ALWAYS = frozenset({"model", "optimizer", "step", "save_counter", GRAPH_KEY})
_ALONE = Workers()
Extra: TypeAlias = "tf.Module | tf.train.experimental.PythonState"

_logger = logging.getLogger(__name__)


class TrainingCheckpoints:
    """The checkpoints of one training run: `<directory>/ckpt-<step>`, the latest few of them, and the best.

    Each is read back and compared before it counts; whatever interrupts a save, the checkpoint before it stays whole,
    and stays the latest.

    Args:
      directory: is made if it does not exist. Of all workers the same.
      model: its variables exist already.
      optimizer: its slots exist already.
      retention: which checkpoints stay when there are newer ones.
      extras: what else is saved, and restored where a checkpoint has it; by names other than model, optimizer and step.
      workers: which of the processes that train together this one is. The first one writes; they restore together.
      meet: waits until all workers have come to the same place.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        model: keras.Model,
        optimizer: Optimizer,
        retention: Retention,
        extras: Mapping[str, Extra] | None = None,
        workers: Workers = _ALONE,
        meet: Callable[[], object] = lambda: None,
    ) -> None:
        self.directory = Path(directory)
        self._model = model
        self._optimizer = optimizer
        self._retention = retention
        self._extras = dict(extras or {})
        self._workers = workers
        self._meet = meet
        self._saved_step: int | None = None

    def restore_latest(self) -> int | None:
        """Restores the latest checkpoint that can be read. What a killed process left is removed.

        Damaged ones are named in the log and passed over; once one before them is restored, they are renamed to
        `*.damaged`.

        Returns:
          Its step, or None where the directory holds no checkpoint yet.

        Raises:
          CheckpointError: the latest one belongs to another model or optimizer, or none of them can be read.
        """
        if self._workers.is_chief:
            self._tidy()
        self._meet()  # a file that goes while another worker lists or reads it would look like damage
        restored, damaged = self._restore_first(saved_steps(self.directory))
        self._meet()
        if damaged and self._workers.is_chief:
            self._set_aside(damaged)
        return restored

    def _restore_first(self, steps: Sequence[int]) -> tuple[int | None, list[int]]:
        """Restores the first of these checkpoints that can be read; returns its step, and those that cannot."""
        damaged: list[int] = []
        for step in steps:
            prefix = checkpoint_prefix(self.directory, step)
            problem = damage_of(prefix) or self._restore(prefix)
            if problem:
                _logger.warning("checkpoint %s is damaged, trying the one before it: %s", prefix, problem)
                damaged.append(step)
                continue
            self._saved_step = self._step()
            _logger.info("resumed from %s at step %d", prefix, self._step())
            return self._step(), damaged
        if steps:
            raise CheckpointError(f"none of the {len(steps)} checkpoints in {self.directory} can be read")
        return None, []

    def save(self) -> str:
        """Saves the present state, unless this step was the last to be saved or restored.

        Returns:
          The prefix.

        Raises:
          TrainingError: a weight is not finite; nothing is written.
          CheckpointError: it cannot be written, for instance because the disk is full. Those before it are whole.
        """
        step = self._step()
        if step == self._saved_step:
            return checkpoint_prefix(self.directory, step)
        self._require_finite(step)
        if self._workers.is_chief:
            prefix = add_checkpoint(
                self.directory,
                step,
                self._checkpoint(self._extras).write,
                retention=self._retention,
                num_bytes=sum(variable.dtype.size * variable.shape.num_elements() for variable in self._variables()),
            )
            _logger.info("saved %s", prefix)
        self._saved_step = step
        return checkpoint_prefix(self.directory, step)

    def keep_best(
        self, prefix: str, value: float, *, metric: str = "", metrics: Mapping[str, float] | None = None
    ) -> None:
        """Keeps a checkpoint of this run in `<directory>/best`, in the place of the one there.

        Args:
          prefix: of a checkpoint that `save` returned.
          value: why it is the best; written to `best/metrics.json` with the step.
          metric: the name of that value.
          metrics: of the whole evaluation, for the same file.

        Raises:
          CheckpointError: it is damaged, or cannot be written.
        """
        if self._workers.is_chief:
            record = {"metric": metric, "value": value, "metrics": dict(metrics or {})}
            replace_best(self.directory / BEST, prefix, record)

    def _checkpoint(self, extras: Mapping[str, Extra]) -> tf.train.Checkpoint:
        return tf.train.Checkpoint(
            step=self._optimizer.iterations, model=self._model, optimizer=self._optimizer, **extras
        )

    def _tidy(self) -> None:
        try:
            for folder in (self.directory, self.directory / BEST):
                remove_leftovers(folder)
        except OSError as error:
            raise CheckpointError(
                f"cannot remove what a killed process left in {self.directory}: {first_line(error)}"
            ) from error

    def _set_aside(self, steps: Sequence[int]) -> None:
        try:
            for step in steps:
                end = set_aside(self.directory, step)
                _logger.warning("renamed the files of ckpt-%d to ckpt-%d.*%s", step, step, end)
            list_checkpoints(self.directory, saved_steps(self.directory))
        except OSError as error:
            raise CheckpointError(
                f"cannot rename a damaged checkpoint in {self.directory}: {first_line(error)}"
            ) from error

    def _restore(self, prefix: str) -> str | None:
        """Restores a checkpoint, or says why it cannot be read."""
        try:
            self._restore_fitting(prefix)
        except CheckpointError:  # is a ValueError, as damage can be
            raise
        except DAMAGE as error:
            return first_line(error)
        return None

    def _restore_fitting(self, prefix: str) -> None:
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
        if STEP_KEY not in shapes:
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
        self._checkpoint(self._extras_in(prefix, shapes)).read(prefix).assert_existing_objects_matched()
        # The file holds the optimizer's settings too (momentum, epsilon, ...); those of this run's config count.
        for name, saved in self._optimizer.get_config().items():
            if saved != settings[name]:
                _logger.info("%s was %s until step %s, and is %s from here", name, saved, self._step(), settings[name])
                setattr(self._optimizer, name, settings[name])

    def _extras_in(self, prefix: str, names: Collection[str]) -> dict[str, Extra]:
        """Those of the extras that a file has; the log says which have no part on the other side."""
        in_file = {name.partition("/")[0] for name in names} - _ALWAYS
        for name in sorted(self._extras.keys() - in_file):
            _logger.info("%s holds no %s, which starts anew", prefix, name)
        for name in sorted(in_file - self._extras.keys()):
            _logger.info("%s holds %s, which this run has no use for", prefix, name)
        return {name: extra for name, extra in self._extras.items() if name in in_file}

    def _step(self) -> int:
        return int(self._optimizer.iterations.numpy())

    def _variables(self) -> list[tf.Variable]:
        return [*variables_by_path(self._model).values(), *self._optimizer.variables()]

    def _require_finite(self, step: int) -> None:
        slots = {variable.name: variable for variable in self._optimizer.variables()}
        weights = {f"model/{name}": variable for name, variable in variables_by_path(self._model).items()}
        for name, variable in (weights | slots).items():
            if variable.dtype.is_floating and not bool(tf.reduce_all(tf.math.is_finite(variable.read_value()))):
                raise TrainingError(
                    f"{name} is not finite after step {step}: training stops, the checkpoint before stays the latest"
                )


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
