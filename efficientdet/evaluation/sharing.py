# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How workers share an evaluation, so that it ends as if one of them had done all of it.

Worker w of W evaluates the batches w, w + W, w + 2 W ... of a data set. Every few batches what they found goes to all
of them, and the first worker, the chief, takes it in the order of the batches: sums, metrics and files are those of a
single worker, to the last digit. Nothing is exchanged for each batch, as some workers have one batch less than others.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from efficientdet.errors import EfficientDetError
from efficientdet.evaluation.batch_result import BatchResult, as_bytes, from_bytes

_BATCHES_PER_EXCHANGE = 16
_DONE, _FAILED = b"+", b"-"  # what an exchanged content begins with


class Peers(Protocol):
    """The workers that share an evaluation, as one of them sees them."""

    @property
    def index(self) -> int:
        """Which of them this process is; 0 is the chief."""

    @property
    def count(self) -> int:
        """How many there are."""

    def gather(self, content: bytes) -> list[bytes]:
        """What each of them has, in their order; all have to call it."""


class PeerError(EfficientDetError):
    """Another worker could not do its part, or was told to stop; its own log tells more."""


class _Alone:
    """A worker without others."""

    index, count = 0, 1

    def gather(self, content: bytes) -> list[bytes]:
        return [content]


ALONE: Peers = _Alone()


class SharedEvaluation:
    """One evaluation that several workers share.

    Args:
      peers: the workers.
    """

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._failed = False

    def run(self, results: Iterable[BatchResult], conclude: Callable[[Iterable[BatchResult]], bytes]) -> bytes:
        """Brings the results together.

        Args:
          results: this worker's, in the order of its batches.
          conclude: takes the results of all workers in the order of their batches; called by the chief alone.

        Returns:
          What `conclude` returned, on all workers.

        Raises:
          PeerError: another worker has failed, or was told to stop. Every worker raises an error then.
        """
        merged = self._in_order(results)
        if self._peers.index == 0:
            return self._exchange(lambda: conclude(merged))[0]
        for _ in merged:
            pass  # there are none for it
        return self._exchange(bytes)[0]

    def _in_order(self, results: Iterable[BatchResult]) -> Iterator[BatchResult]:
        """The results of all workers, in the order of their batches, for the chief; nothing for the others."""
        own = iter(results)
        while True:
            contents = self._exchange(lambda: as_bytes(list(itertools.islice(own, _BATCHES_PER_EXCHANGE))))
            of_chief = from_bytes(contents[0])
            if self._peers.index == 0:
                parts = [of_chief, *map(from_bytes, contents[1:])]
                turns = itertools.chain.from_iterable(itertools.zip_longest(*parts))
                yield from (result for result in turns if result is not None)
            if len(of_chief) < _BATCHES_PER_EXCHANGE:  # no other has more batches than the chief
                return

    def _exchange(self, make: Callable[[], bytes]) -> list[bytes]:
        """Hands what each worker makes to all of them, in their order; what one raises is told to the others."""
        try:
            content = make()
        except BaseException as error:
            if not self._failed:  # else all know
                self._failed = True
                self._peers.gather(_FAILED + f"{type(error).__name__}: {error}".encode())
            raise
        contents = self._peers.gather(_DONE + content)
        for index, other in enumerate(contents):
            if other.startswith(_FAILED):
                self._failed = True
                reason = other[1:].decode("utf-8", "replace")
                raise PeerError(f"worker {index} did not end its part of the evaluation: {reason}")
        return [content[1:] for content in contents]
