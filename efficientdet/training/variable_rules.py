# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which variables a training updates, and by how much of their gradient and of their update."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import tensorflow as tf
import tf_keras as keras

from efficientdet.weights.variables import variables_by_path

_NO_FACTORS: Mapping[str, float] = {}


def trainable_by_path(model: keras.Model) -> dict[str, tf.Variable]:
    """Returns a model's trainable variables in the model's order, by path: "backbone/blocks/3/expand/kernel"."""
    paths = {variable.ref(): path for path, variable in variables_by_path(model).items()}
    return {paths[variable.ref()]: variable for variable in model.trainable_variables}


def matching(paths: Iterable[str], expression: str) -> list[str]:
    """The paths that a regular expression matches from their start."""
    return [path for path in paths if re.match(expression, path)]


def is_bias(path: str) -> bool:
    """Whether a path leads to the bias of a convolution or dense layer, and not to the offset of a normalisation."""
    return path.rpartition("/")[2] == "bias"


class VariableRules:
    """What a training does with each trainable variable of a model.

    Args:
      variables: path -> variable: all that are trainable, see `trainable_by_path`.
      frozen: paths of those that keep their values, bit by bit.
      bias_gradient_factor: what the gradients of biases are multiplied by, before they are clipped.
      update_factors: path -> what the update of a variable is multiplied by: a rate of its own, for any optimizer.

    Raises:
      ValueError: all of them are frozen.
    """

    def __init__(
        self,
        variables: Mapping[str, tf.Variable],
        *,
        frozen: Collection[str] = (),
        bias_gradient_factor: float = 1.0,
        update_factors: Mapping[str, float] = _NO_FACTORS,
    ) -> None:
        trained = {path: variable for path, variable in variables.items() if path not in frozen}
        if not trained:
            raise ValueError(f"all {len(variables)} trainable variables are frozen")
        self._num_parameters = _parameters(variables.values())
        self._num_variables = len(variables)
        self._bias_gradient_factor = bias_gradient_factor
        self._biases = {variable.ref() for path, variable in trained.items() if is_bias(path)}
        self._scaled = [(v, factor) for path, v in trained.items() if (factor := update_factors.get(path, 1.0)) != 1.0]
        self.trained = tuple(trained.values())
        """The variables that are updated, in the model's order."""

    def weighed(self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]) -> Sequence[tf.Tensor]:
        """Multiplies the gradients of biases; those of other variables pass as they are."""
        if self._bias_gradient_factor == 1.0:
            return gradients
        return [
            self._bias_gradient_factor * gradient if variable.ref() in self._biases else gradient
            for gradient, variable in zip(gradients, variables, strict=True)
        ]

    @contextlib.contextmanager
    def scaled_updates(self, strategy: tf.distribute.Strategy) -> Iterator[None]:
        """Multiplies whatever the `with` block adds to variables that have a factor.

        Args:
          strategy: in whose cross-replica context the block is, and in whose scope the variables were made.

        Yields:
          Nothing.
        """
        before = strategy.run(lambda: [variable.read_value() for variable, _ in self._scaled]) if self._scaled else []
        yield
        for (variable, factor), value in zip(self._scaled, before, strict=True):
            strategy.extended.update(variable, _shorten, args=(value, factor))

    def lines(self) -> list[str]:
        """What is not as usual, in words; nothing where every variable is trained alike."""
        lines = []
        if frozen := self._num_variables - len(self.trained):
            parameters = self._num_parameters - _parameters(self.trained)
            lines.append(
                f"frozen: {frozen} of {self._num_variables} trainable variables, {parameters:,} of "
                f"{self._num_parameters:,} parameters; statistics of batch normalisation move all the same, "
                "where freeze_batchnorm does not keep them"
            )
        if self._bias_gradient_factor != 1.0:
            lines.append(f"gradients of {len(self._biases)} biases are multiplied by {self._bias_gradient_factor:g}")
        for factor in sorted({factor for _, factor in self._scaled}):
            scaled = [variable for variable, own in self._scaled if own == factor]
            lines.append(f"learning rate times {factor:g}: {len(scaled)} variables, {_parameters(scaled):,} parameters")
        return lines


def _shorten(variable: tf.Variable, before: tf.Tensor, factor: float) -> tf.Operation:
    return variable.assign(before + factor * (variable - before), read_value=False)


def _parameters(variables: Iterable[tf.Variable]) -> int:
    return sum(variable.shape.num_elements() for variable in variables)
