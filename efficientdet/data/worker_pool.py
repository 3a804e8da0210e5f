# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Works at the pieces of something large in processes of their own, and ends them whatever happens."""

from __future__ import annotations

import collections
import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterator, MutableSequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import Queue
from typing import Any, NamedTuple, Protocol, TypeVar

from efficientdet.errors import DataError

_Shared = TypeVar("_Shared")
_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")

Step = Callable[[], None]
"""Work calls it after each picture: that counts it, and ends the work where nobody waits for the result any more."""

Work = Callable[[_Shared, _Piece, Step], _Result]
"""A function of a module, so that it can be named to another process."""

_PIECES_IN_FLIGHT = 3  # for each process: none waits for work, and results do not pile up
_SECONDS_BETWEEN_LOOKS = 0.2  # at what has been counted

_NOT_STARTED = (
    "no process could be started to {task}, see above: the script that runs must be a file, and what it does must "
    'stand under `if __name__ == "__main__":` (or let one process do it)'
)
_ENDED = (
    "a process that was to {task} was ended from outside, at {place:.200} or something after it: memory may have run "
    "out, or a picture may have crashed its decoder. Try fewer processes"
)


class Interrupted(Exception):
    """The whole is over before it is done."""


class Job(NamedTuple):
    """What error messages need to know of some work.

    Attributes:
      task: what the processes are to do: "read pictures".
      place_of: names a piece.
    """

    task: str
    place_of: Callable[[Any], str]


def work_at(
    job: Job,
    work: Work[_Shared, _Piece, _Result],
    shared: _Shared,
    pieces: Iterator[_Piece],
    processes: int,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Iterator[_Result]:
    """Yields what `work` makes of each piece, in order.

    Args:
      job: for error messages.
      work: called with `shared`, a piece and a Step.
      shared: what all pieces need, of any size; it travels to each process once.
      pieces: taken as results are.
      processes: 1 works in this process.
      on_progress: called with the number of steps made so far, now and then.

    Raises:
      DataError: processes cannot be started, or one of them died, for instance because there was no memory left; and
        whatever the work raises.
    """
    if processes == 1:
        counted = _Counted(on_progress)
        yield from (work(shared, piece, counted) for piece in pieces)
        return
    # Not forked: this process may have threads (TensorFlow's, a progress line's), and a fork of those may hang.
    context = multiprocessing.get_context("spawn")
    # Without locks, which a process that dies might hold for ever.
    state = _State(context.RawValue("b", 0), context.RawValue("b", 0), context.RawArray("q", processes))
    tasks = context.Queue()
    # Not as an argument of the initializer: for what is large, Python waits for ever if a process dies as it starts.
    tasks.cancel_join_thread()
    task = pickle.dumps((work, shared))  # here: what cannot travel is an error at once
    for number in range(processes):
        tasks.put((number, task))
    pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(tasks, state))
    waiting: collections.deque[tuple[_Piece, Future[_Result]]] = collections.deque()

    def first() -> _Result:
        while not wait([waiting[0][1]], _SECONDS_BETWEEN_LOOKS).done:
            on_progress(sum(state.counts))
        result = waiting[0][1].result()
        waiting.popleft()
        on_progress(sum(state.counts))
        return result

    try:
        for piece in pieces:
            waiting.append((piece, pool.submit(_work, piece)))
            if len(waiting) > processes * _PIECES_IN_FLIGHT:
                yield first()
        while waiting:
            yield first()
    except BrokenProcessPool:
        message = _ENDED if state.is_started.value else _NOT_STARTED
        raise DataError(message.format(task=job.task, place=job.place_of(waiting[0][0]))) from None
    finally:
        state.is_stopped.value = 1
        pool.shutdown(wait=True, cancel_futures=True)


class _Flag(Protocol):
    value: int


class _State(NamedTuple):
    """What the processes see of each other."""

    is_started: _Flag
    is_stopped: _Flag
    counts: MutableSequence[int]  # steps of each process


class _Counted:
    """The Step of work in this process."""

    def __init__(self, on_progress: Callable[[int], None]) -> None:
        self._on_progress = on_progress
        self._done = 0

    def __call__(self) -> None:
        self._done += 1
        self._on_progress(self._done)


class _Worker(NamedTuple):
    number: int
    work: Work[Any, Any, Any]
    shared: Any
    state: _State

    def step(self) -> None:
        self.state.counts[self.number] += 1
        if self.state.is_stopped.value:
            raise Interrupted


_worker: _Worker | None = None  # this worker process


def _start(tasks: Queue[tuple[int, bytes]], state: _State) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    state.is_started.value = 1
    number, task = tasks.get()
    work, shared = pickle.loads(task)
    _worker = _Worker(number, work, shared, state)


def _work(piece: Any) -> Any:
    if _worker is None:
        raise RuntimeError("the worker process was not initialised")
    return _worker.work(_worker.shared, piece, _worker.step)
