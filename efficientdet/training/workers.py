# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which of several processes this one is, and what they tell each other.

`agree` and `gather` are collectives: all workers have to call them, at the same places of their runs and outside of
`strategy.run`. With one worker they cost nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from efficientdet.errors import UsageError, WorkerLostError

_ABORTED = "Collective ops is aborted"  # how TensorFlow begins what it says of them


@dataclasses.dataclass(frozen=True)
class Workers:
    """The place of a process among those that train one model together."""

    index: int = 0
    count: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this is the one that writes."""
        return self.index == 0


def workers_of(strategy: tf.distribute.Strategy) -> Workers:
    """Says which worker this process is.

    Args:
      strategy: as `distribution.choose_strategy` returned it. Several devices of one process are one worker.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return Workers()
    resolver = strategy.cluster_resolver
    tasks = {job: len(addresses) for job, addresses in resolver.cluster_spec().as_dict().items()}
    chiefs = tasks.get("chief", 0)
    index = resolver.task_id + (chiefs if resolver.task_type == "worker" else 0)
    return Workers(index, chiefs + tasks.get("worker", 0))


def agree(strategy: tf.distribute.Strategy, flag: bool) -> bool:
    """Whether any worker says so.

    Args:
      strategy: of the run.
      flag: what this worker says.
    """
    if workers_of(strategy).count == 1:
        return flag
    return int(_voting(strategy)(int(flag))) > 0


def first_told(strategy: tf.distribute.Strategy, number: int) -> int:
    """The number that the first of the workers with any but 0 has; 0 where all have 0.

    Args:
      strategy: of the run.
      number: what this worker has, from 0 to 255.
    """
    return next((content[0] for content in gather(strategy, bytes([number])) if content[0]), 0)


def gather(strategy: tf.distribute.Strategy, content: bytes) -> list[bytes]:
    """Hands what each worker has to all of them.

    Args:
      strategy: of the run.
      content: this worker's, of any length.

    Returns:
      The contents, in the order of the workers.
    """
    if workers_of(strategy).count == 1:
        return [content]
    lengths = _gather_rows(strategy, np.array([len(content)], np.int32))[:, 0]
    # All of one length, in integers, which every device can gather; nothing at all crashes TensorFlow.
    words = max(1, -(-int(lengths.max()) // 4))
    padded = np.frombuffer(content.ljust(4 * words, b"\0"), np.int32)
    rows = _gather_rows(strategy, padded)
    return [row.tobytes()[:length] for row, length in zip(rows, lengths, strict=True)]


class Team:
    """The workers of a strategy, as `evaluation.sharing.Peers`.

    Args:
      strategy: of the run.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self._strategy = strategy
        workers = workers_of(strategy)
        self.index, self.count = workers.index, workers.count

    def gather(self, content: bytes) -> list[bytes]:
        """See the function `gather`."""
        return gather(self._strategy, content)


def require_alike(strategy: tf.distribute.Strategy, what: str, value: str) -> None:
    """Makes sure that the workers do not start from different things.

    Args:
      strategy: of the run.
      what: is compared, as in "the config".
      value: on this worker.

    Raises:
      UsageError: another worker has another value.
    """
    for index, other in enumerate(gather(strategy, value.encode())):
        if other.decode() != value:
            raise UsageError(
                f"{what} differs between the workers: worker {workers_of(strategy).index} has {value}, worker {index} "
                f"has {other.decode()}"
            )


def tells_of_lost_worker(error: Exception) -> bool:
    """Whether an error is TensorFlow's about a collective that came to nothing."""
    return _ABORTED in str(error)


@contextlib.contextmanager
def loss_of_worker_told() -> Iterator[None]:
    """Says in a sentence that a worker was lost, where TensorFlow tells of a collective that came to nothing.

    Yields:
      Nothing.

    Raises:
      WorkerLostError: another worker ended, or did not answer for `distribution.SECONDS_TO_MISS`.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if not tells_of_lost_worker(error):
            raise
        named = re.search(r"/task:(\d+)", str(error))
        raise WorkerLostError(
            f"{f'worker {named[1]}' if named else 'another worker'} is lost: it has ended or does not answer, its own "
            "log tells more. Started again, all of them together, the training goes on from its latest checkpoint. "
            f"TensorFlow says: {str(error).strip().splitlines()[0]}"
        ) from error


def _gather_rows(strategy: tf.distribute.Strategy, row: np.ndarray) -> np.ndarray:
    """Stacks the rows of all workers, int32 [N] each and of one length, to int32 [W, N]."""
    rows = strategy.experimental_local_results(_gathering(strategy)(row))[0].numpy()
    return rows[:: len(strategy.extended.worker_devices)]  # all replicas of a worker say the same


# Traced once each: a run has one strategy.
@functools.cache
def _gathering(strategy: tf.distribute.Strategy) -> Callable[[np.ndarray], tf.Tensor]:
    def replica(row: tf.Tensor) -> tf.Tensor:
        return tf.distribute.get_replica_context().all_gather(row[tf.newaxis], axis=0)

    def gather_rows(row: tf.Tensor) -> tf.Tensor:
        return strategy.run(replica, args=(row,))

    return tf.function(gather_rows, autograph=False, input_signature=[tf.TensorSpec([None], tf.int32)])


@functools.cache
def _voting(strategy: tf.distribute.Strategy) -> Callable[[int], tf.Tensor]:
    def count_votes(vote: tf.Tensor) -> tf.Tensor:
        votes = strategy.run(lambda: vote)
        return strategy.reduce(tf.distribute.ReduceOp.SUM, votes, axis=None)

    return tf.function(count_votes, autograph=False, input_signature=[tf.TensorSpec([], tf.int32)])
