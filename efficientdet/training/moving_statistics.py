# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One value, on all replicas, for the moving statistics of batch normalisation."""

from __future__ import annotations

import tensorflow as tf
import tf_keras as keras


class MovingStatistics:
    """The moving statistics of a model, of which each replica moves its own.

    Wherever they are saved or evaluated one value stands for all, and training goes on from there: a run that is
    resumed could not but do the same. So a run that was stopped, and saved, between its intervals has synchronised them
    once more than one that was not: its weights are the same, its moving statistics but for the last bits.

    Args:
      strategy: of the run.
      model: made in its scope; all its variables exist.
    """

    def __init__(self, strategy: tf.distribute.Strategy, model: keras.Model) -> None:
        self._strategy = strategy
        own = [] if strategy.num_replicas_in_sync == 1 else model.variables
        self._variables = [v for v in own if v.synchronization == tf.VariableSynchronization.ON_READ]
        self._synchronized = tf.function(lambda: strategy.run(self._synchronize_replica), autograph=False)

    def synchronize(self) -> None:
        """Gives them the mean over all replicas. All workers have to call this; with one replica it does nothing."""
        if self._variables:
            self._synchronized()

    def _synchronize_replica(self) -> None:
        """In one exchange, for each costs a worker as much as the next: hundreds of them took many seconds."""
        flat = tf.concat([tf.reshape(variable, [-1]) for variable in self._variables], 0)
        mean = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, flat)
        sizes = [variable.shape.num_elements() for variable in self._variables]
        for variable, value in zip(self._variables, tf.split(mean, sizes), strict=True):
            variable.assign(tf.reshape(value, variable.shape))
