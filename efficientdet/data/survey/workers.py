# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Surveys chunks in processes of their own, in order, and ends them whatever happens."""

from __future__ import annotations

import collections
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event

from efficientdet.data.importers.source import Entry
from efficientdet.data.survey.chunk import Chunk, Task, survey_chunk
from efficientdet.errors import DataError

Entries = Sequence[tuple[str, Entry]]

_CHUNKS_IN_FLIGHT = 3  # for each process: none waits for work, and results do not pile up


_NOT_STARTED = (
    "no process could be started to read pictures, see above: the script that runs must be a file, and what it does "
    'must stand under `if __name__ == "__main__":` (or read them in one process)'
)


def survey_chunks(task: Task, chunks: Iterator[Entries], processes: int) -> Iterator[Chunk]:
    """Surveys chunks of entries, in order.

    Args:
      task: the data set; `is_stopped` is replaced for the processes.
      chunks: splits and entries of the pictures.
      processes: 1 surveys in this process.

    Raises:
      DataError: processes cannot be started, or one of them died, for instance because there was no memory left.
    """
    if processes == 1:
        yield from (survey_chunk(task, entries) for entries in chunks)
        return
    # Not forked: this process may have threads (TensorFlow's, a progress line's), and a fork of those may hang.
    context = multiprocessing.get_context("spawn")
    stop, started, tasks = context.Event(), context.Event(), context.Queue()
    # Not as an argument of the initializer: for what is large, Python waits for ever if a process dies as it starts.
    tasks.cancel_join_thread()
    for _ in range(processes):
        tasks.put(task)
    pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(tasks, started, stop))
    waiting: collections.deque[tuple[Entries, Future[Chunk]]] = collections.deque()
    try:
        for entries in chunks:
            waiting.append((entries, pool.submit(_survey, entries)))
            while len(waiting) > processes * _CHUNKS_IN_FLIGHT:
                yield waiting[0][1].result()
                waiting.popleft()
        while waiting:
            yield waiting[0][1].result()
            waiting.popleft()
    except BrokenProcessPool:
        raise DataError(_explain(waiting[0][0]) if started.is_set() else _NOT_STARTED) from None
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _explain(entries: Entries) -> str:
    return (
        f"a process that reads pictures was ended from outside, at {entries[0][1]!s:.200} or some pictures after it: "
        "memory may have run out, or a picture may have crashed its decoder. Read them in fewer processes"
    )


_task: Task | None = None  # of this worker process


def _start(tasks: Queue[Task], started: Event, stop: Event) -> None:
    global _task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    started.set()
    _task = tasks.get()._replace(is_stopped=stop.is_set)


def _survey(entries: Entries) -> Chunk:
    if _task is None:
        raise RuntimeError("the worker process was not initialised")
    return survey_chunk(_task, entries)
