# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Writes a surveyed data set: shuffled shards of records and COCO annotations for each split, in several processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from efficientdet.data.dataset_files.coco_json import join_pieces
from efficientdet.data.dataset_files.shards import Row, Shard, ShardWriter, count_shards
from efficientdet.data.dataset_files.splits import SplitPlan
from efficientdet.data.dataset_files.tfrecord_writer import shard_paths
from efficientdet.data.label_map import LabelMap
from efficientdet.data.survey import Survey
from efficientdet.data.worker_pool import Job, Step, work_at

_SAMPLED = 200  # pictures whose size in bytes stands for that of all
_WORTH_PROCESSES = 200  # pictures; fewer are written before a process has started
_ID_DIGITS = 19  # of an int64
_JOB = Job("write records", lambda shard: shard.path.name)


class WrittenSplit(NamedTuple):
    """What became of a split."""

    name: str
    pattern: str  # name of its file, or the glob of its shards
    num_shards: int
    rows: np.ndarray  # int64 [n], of the survey, in the survey's order


def write_dataset(
    survey: Survey,
    plan: SplitPlan,
    label_map: LabelMap,
    folder: Path,
    *,
    seed: int = 0,
    processes: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[WrittenSplit]:
    """Writes `<split>.record` (or shards of it) and `<split>.json` for each split, and nothing of other names.

    Args:
      survey: of the data set.
      plan: see `splits.plan_splits`.
      label_map: has every class of the survey.
      folder: exists and is empty; what is left in it after an error is of no use.
      seed: of the shuffling.
      processes: None for one on each core.
      on_progress: called with (pictures done, pictures in all).

    Raises:
      DataError: the data set changed since the survey, or a worker process died.
    """
    splits, shards = [], []
    draws = np.random.default_rng(seed)
    for name in plan.names:
        rows = plan.rows(name)
        count = count_shards(len(rows), len(rows) * _mean_bytes(survey, rows))
        paths = shard_paths(folder / f"{name}.record", count)
        shares = np.array_split(draws.permutation(rows), count)
        ids = _image_ids(survey, rows)
        shards += [(path, share, ids) for path, share in zip(paths, shares, strict=True)]
        pattern = paths[0].name if count == 1 else f"{name}.record-?????-of-{count:05d}"
        splits.append(WrittenSplit(name, pattern, count, rows))
    writer = ShardWriter(survey.source, survey.fixes, label_map.id_of)
    total = sum(len(split.rows) for split in splits)
    processes = min(os.cpu_count() or 1 if processes is None else processes, len(shards))
    processes = processes if total >= _WORTH_PROCESSES else 1
    pieces = (Shard(path, _rows(survey, share, ids)) for path, share, ids in shards)
    for _ in work_at(_JOB, _write_shard, writer, pieces, processes, lambda done: on_progress(done, total)):
        pass
    for split in splits:
        paths = shard_paths(folder / f"{split.name}.record", split.num_shards)
        join_pieces(folder / f"{split.name}.json", label_map, paths)
    return splits


def _mean_bytes(survey: Survey, rows: np.ndarray) -> float:
    sizes = []
    for row in rows[:: -(-len(rows) // _SAMPLED)].tolist():
        image = survey.source.read(survey.entries[row])
        with contextlib.suppress(OSError):  # a picture that is gone is the writer's to tell
            sizes.append(image.path.stat().st_size if image.encoded is None else len(image.encoded))
    return float(np.mean(sizes)) if sizes else 0.0


def _image_ids(survey: Survey, rows: np.ndarray) -> np.ndarray:
    """int64 [P], an id for each row that is among `rows`: COCO's own, unless those of several files clash."""
    ids = np.arange(1, len(survey) + 1)
    if survey.source.format == "coco":
        own = [survey.source.read(survey.entries[row]).source_id for row in rows.tolist()]
        are_numbers = all(id_.isdecimal() and len(id_) < _ID_DIGITS for id_ in own)
        if are_numbers and len(set(map(int, own))) == len(own):  # "7" and "007" are one number
            ids[rows] = [int(id_) for id_ in own]
    return ids


def _rows(survey: Survey, rows: np.ndarray, image_ids: np.ndarray) -> list[Row]:
    return [
        Row(
            survey.entries[row],
            survey.files[row],
            int(image_ids[row]),
            int(survey.box_bounds[row]) + 1,
            int(survey.box_bounds[row + 1] - survey.box_bounds[row]),
        )
        for row in rows.tolist()
    ]


def _write_shard(writer: ShardWriter, shard: Shard, step: Step) -> None:
    writer.write(shard, step)
