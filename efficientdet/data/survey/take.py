# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Takes a survey: chunks of pictures are looked at in worker processes, and their columns put together."""

from __future__ import annotations

import functools
import itertools
import operator
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

import numpy as np

from efficientdet.data import MAX_PIXELS
from efficientdet.data.faults import Fault
from efficientdet.data.importers.fixes import Fixes
from efficientdet.data.importers.source import Entry, Source, reader_of
from efficientdet.data.survey.boxes import Tally
from efficientdet.data.survey.chunk import Chunk, PictureColumns, Task, survey_chunk
from efficientdet.data.survey.survey import Survey
from efficientdet.data.texts import Texts
from efficientdet.data.worker_pool import Job, work_at

_MAX_CHUNK = 128  # pictures: enough for the work on arrays to cost nothing, few enough to end soon
_CHUNKS_PER_PROCESS = 4
_MIN_PICTURES_PER_PROCESS = 64  # fewer are read sooner than a process has started
_JOB = Job("read pictures", lambda chunk: str(chunk[0][1]))


def take_survey(
    source: Source,
    *,
    fixes: Fixes | None = None,
    processes: int | None = None,
    max_pixels: int = MAX_PIXELS,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Survey:
    """Reads every annotation and decodes every picture of a data set, once; twice where x and y are exchanged all over.

    Args:
      source: the data set.
      fixes: edits to make on the way.
      processes: how many work at it; None for one per core. The result is the same whatever their number.
      max_pixels: larger pictures are not decoded.
      on_progress: called with (pictures done, pictures in all).

    Raises:
      DataError: an edit of `fixes` does not fit what stands there or finds nothing, or a worker process died.
    """
    total = len(listed := _Listed(source))
    wanted = (os.cpu_count() or 1) if processes is None else max(processes, 1)
    workers = min(wanted, -(-total // _MIN_PICTURES_PER_PROCESS)) or 1
    size = min(max(total // (workers * _CHUNKS_PER_PROCESS), 1), _MAX_CHUNK)
    task = Task(reader_of(source), fixes, max_pixels)
    found = _survey(task, listed, size, workers, on_progress)
    if _tally(found).axes_exchanged:
        # That is told by all boxes together; to say it of each of them takes another look.
        found = _survey(task._replace(axes_exchanged=True), listed, size, workers, on_progress)
    if fixes is not None:
        fixes.used.update(*(chunk.used_fixes for chunk in found))
        fixes.check_all_used()
    return _assemble(source, fixes, listed, found, size)


class _Listed:
    """The entries of all splits, one after the other, that nobody copies.

    Args:
      source: that lists them.
    """

    def __init__(self, source: Source) -> None:
        self._splits = list(source.splits.items())
        self._ends = np.cumsum([len(entries) for _, entries in self._splits], dtype=np.int64)

    def __len__(self) -> int:
        return int(self._ends[-1]) if self._splits else 0

    def chunks(self, size: int) -> Iterator[Sequence[tuple[str, Entry]]]:
        """(split, entry) of all, `size` at a time."""
        entries = ((split, entry) for split, entries in self._splits for entry in entries)
        while chunk := list(itertools.islice(entries, size)):
            yield chunk

    def at(self, number: int) -> Entry:
        """One of them."""
        split = int(np.searchsorted(self._ends, number, side="right"))
        _, entries = self._splits[split]
        return entries[number - (int(self._ends[split - 1]) if split else 0)]


class _Entries(Sequence[Entry]):
    """Some of what is listed."""

    def __init__(self, listed: _Listed, numbers: np.ndarray) -> None:
        self._listed = listed
        self._numbers = numbers

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(index, slice):
            return _Entries(self._listed, self._numbers[index])
        return self._listed.at(int(self._numbers[index]))

    def __len__(self) -> int:
        return len(self._numbers)


def _survey(
    task: Task, listed: _Listed, size: int, workers: int, on_progress: Callable[[int, int], None]
) -> list[Chunk]:
    """All chunks, after an empty one that knows shape and kind of every column."""
    chunks, total = listed.chunks(size), len(listed)
    found = work_at(_JOB, survey_chunk, task, chunks, workers, lambda done: on_progress(done, total))
    return [survey_chunk(task, []), *found]


def _tally(chunks: Iterable[Chunk]) -> Tally:
    return functools.reduce(operator.add, (chunk.boxes.tally for chunk in chunks), Tally())


def _assemble(source: Source, fixes: Fixes | None, listed: _Listed, chunks: list[Chunk], size: int) -> Survey:
    """Puts the columns of chunks together; the first chunk is empty, the others are of `size` entries each."""
    splits = tuple(dict.fromkeys([*source.splits, *(split for chunk in chunks for split in chunk.splits)]))
    class_names = tuple(sorted({name for chunk in chunks for name in chunk.boxes.names}))
    kept = [np.array(chunk.kept, np.int64) + number * size for number, chunk in enumerate(chunks[1:])]
    pictures = PictureColumns(*map(np.concatenate, zip(*(chunk.pictures for chunk in chunks), strict=True)))
    return Survey(
        source=source,
        fixes=fixes,
        splits=splits,
        split_of=_numbered([chunk.splits for chunk in chunks], splits),
        entries=_Entries(listed, np.concatenate([np.zeros(0, np.int64), *kept])),
        names=Texts(name for chunk in chunks for name in chunk.names),
        files=Texts(file for chunk in chunks for file in chunk.files),
        **pictures._asdict(),
        box_bounds=np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate([c.box_counts for c in chunks]))]),
        boxes=np.concatenate([chunk.boxes.boxes for chunk in chunks]),
        box_classes=np.concatenate(
            [_numbered([chunk.boxes.names], class_names)[chunk.boxes.classes] for chunk in chunks]
        ),
        class_names=class_names,
        box_flags=np.concatenate([chunk.boxes.flags for chunk in chunks]),
        box_numbers=np.concatenate([chunk.boxes.numbers for chunk in chunks]),
        faults=_faults(source, chunks),
    )


def _numbered(names: Iterable[Sequence[str]], known: Sequence[str]) -> np.ndarray:
    """int32, the index of each name among those that are known."""
    numbers = {name: number for number, name in enumerate(known)}
    return np.array([numbers[name] for part in names for name in part], np.int32)


def _faults(source: Source, chunks: Sequence[Chunk]) -> list[Fault]:
    faults: dict[Fault, Fault] = {fault: fault for fault in source.faults}
    first_row = 0
    for chunk in chunks:
        found = sorted([*chunk.faults, *chunk.boxes.faults], key=lambda fault: fault.row)  # stable: pictures first
        for fault in found:
            # Once, even if the picture stands in two splits.
            faults.setdefault(fault._replace(row=-1), fault._replace(row=first_row + fault.row))
        first_row += len(chunk.names)
    return list(faults.values())
