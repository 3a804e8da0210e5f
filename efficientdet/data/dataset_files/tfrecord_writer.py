# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Writes annotated pictures as TFRecord shards: all or none, with a summary of what was mended or left out."""

from __future__ import annotations

import contextlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from efficientdet.data.dataset_files.preparation import prepare_record
from efficientdet.data.importers.annotation import AnnotatedImage, Note
from efficientdet.data.record_encoding import frame_record
from efficientdet.errors import DataError, UsageError

SKIPPED_UNREADABLE = "skipped: picture that cannot be read"

_PICTURES_IN_FLIGHT = 64  # bounds memory: a slow disk must not let encoded pictures pile up


@dataclass
class Summary:
    """What a conversion did."""

    files: list[str]
    num_images: int = 0
    num_without_boxes: int = 0
    boxes_by_class: Counter[str] = field(default_factory=Counter)
    notes: list[Note] = field(default_factory=list)

    def lines(self, max_listed: int) -> Iterator[str]:
        """The summary for people; `max_listed` cases of each kind of note, 0 for all."""
        total = sum(self.boxes_by_class.values())
        files = Path(self.files[0]).name if len(self.files) == 1 else f"{len(self.files)} files"
        yield f"{files}: {self.num_images} images ({self.num_without_boxes} without boxes), {total} boxes"
        for name, count in sorted(self.boxes_by_class.items()):
            yield f"  {name}: {count} boxes"
        by_kind: dict[str, list[str]] = defaultdict(list)
        for note in self.notes:
            by_kind[note.kind].append(note.detail)
        for kind, details in sorted(by_kind.items()):
            yield f"{kind}: {len(details)}"
            shown = details[: max_listed or None]
            yield from (f"  {detail}" for detail in shown)
            if len(shown) < len(details):
                yield f"  ... and {len(details) - len(shown)} more (--max_listed 0 lists all)"


class _Record(NamedTuple):
    serialized: bytes | None  # None: the picture had to be left out
    names: tuple[str, ...]
    notes: list[Note]


def shard_paths(output_path: Path, num_shards: int) -> list[Path]:
    """`output_path` itself for one shard, else `output_path-IIIII-of-NNNNN`."""
    if num_shards == 1:
        return [output_path]
    return [output_path.with_name(f"{output_path.name}-{i:05d}-of-{num_shards:05d}") for i in range(num_shards)]


def write_records(
    images: Sequence[AnnotatedImage],
    ids: dict[str, int],
    output_path: Path,
    *,
    num_shards: int = 1,
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Summary:
    """Writes pictures as TFRecords, shuffled, through temporary files that are renamed when all of them are whole.

    Args:
      images: what to write; a picture without boxes is a valid negative.
      ids: label-map id by class name.
      output_path: the file, or with several shards what their names start with.
      num_shards: number of files, at most one per picture; their sizes differ by one picture at most.
      seed: of the shuffling.
      on_progress: called with (pictures done, pictures in all).

    Raises:
      DataError: when a class name has no id, or no picture could be read.
      UsageError: when there are more shards than pictures, or other shards of that name are there already.
    """
    _check_names(images, ids)
    if not 1 <= num_shards <= len(images):
        raise UsageError(f"num_shards ({num_shards}) must be between 1 and the number of pictures ({len(images)})")
    paths = shard_paths(output_path, num_shards)
    _refuse_leftovers(output_path, paths)
    order = np.random.default_rng(seed).permutation(len(images))
    summary = Summary([str(path) for path in paths])
    output_path.parent.mkdir(parents=True, exist_ok=True)
    temporary = [path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in paths]
    with contextlib.ExitStack() as stack:
        for path in temporary:
            stack.callback(path.unlink, missing_ok=True)
        records = stack.enter_context(contextlib.closing(_prepare_all([images[i] for i in order], ids)))
        done = 0
        for path, share in zip(temporary, np.array_split(order, num_shards), strict=True):
            with path.open("wb") as file:
                for _ in share:
                    _take(next(records), file, summary)
                    done += 1
                    on_progress(done, len(images))
        if not summary.num_images:
            raise DataError(f"none of the {len(images)} pictures can be read; the first: {summary.notes[0].detail}")
        for source, target in zip(temporary, paths, strict=True):
            source.replace(target)
    return summary


def _check_names(images: Sequence[AnnotatedImage], ids: dict[str, int]) -> None:
    for image in images:
        for index, box in enumerate(image.boxes):
            if box.name not in ids:
                known = ", ".join(map(repr, sorted(ids)))
                raise DataError(f"{image.filename}: box {index} has class {box.name!r}, the label map has only {known}")


def _refuse_leftovers(output_path: Path, paths: Sequence[Path]) -> None:
    """Shards of an earlier run with another count would match the same glob, and every picture be read twice."""
    pattern = f"{output_path.name}-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]"
    there = {path for path in (output_path, *output_path.parent.glob(pattern)) if path.exists()}
    if other := sorted(there - set(paths)):
        raise UsageError(f"{other[0]} is there already, of a run with another number of shards: remove it first")


def _prepare_all(images: Sequence[AnnotatedImage], ids: dict[str, int]) -> Generator[_Record, None, None]:
    """Prepares pictures on every core (decoders release Python's lock) and yields them in order."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for start in range(0, len(images), _PICTURES_IN_FLIGHT):
            yield from pool.map(lambda image: _prepare(image, ids), images[start : start + _PICTURES_IN_FLIGHT])


def _take(record: _Record, file: BinaryIO, summary: Summary) -> None:
    summary.notes += record.notes
    if record.serialized is None:
        return
    file.writelines(frame_record(record.serialized))
    summary.num_images += 1
    summary.num_without_boxes += not record.names
    summary.boxes_by_class.update(record.names)


def _prepare(image: AnnotatedImage, ids: dict[str, int]) -> _Record:
    try:
        serialized, _, boxes, notes = prepare_record(image, ids)
    except DataError as error:
        return _Record(None, (), [Note(SKIPPED_UNREADABLE, str(error))])
    return _Record(serialized, tuple(box.name for box in boxes), notes)
