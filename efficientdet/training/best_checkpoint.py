# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Keeps the best checkpoint of a run apart, where no newer one drives it out."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from efficientdet.atomic_write import replace_atomically
from efficientdet.errors import CheckpointError
from efficientdet.training.checkpoint_damage import damage_of
from efficientdet.training.checkpoint_files import CHECKSUMS, INCOMPLETE, checkpoint_prefix, files_of, saved_steps
from efficientdet.training.checkpoint_writing import list_checkpoints, publish, remove_checkpoint, remove_leftovers
from efficientdet.training.run_state import BestEvaluation
from efficientdet.training.stopping import is_better
from efficientdet.weights.damage import first_line

BEST = "best"
"""The folder of the best checkpoint, in that of the run."""
_RECORD = "metrics.json"

_logger = logging.getLogger(__name__)


def replace_best(folder: Path, prefix: str, record: Mapping[str, Any]) -> None:
    """Puts a checkpoint in the place of the best one so far; until it is there as a whole, the former one is.

    One of an earlier step with a better value of the same metric stays: a run that has lost its memory of it, for
    instance with its latest checkpoints, must not lose its weights.

    Args:
      folder: of the best one; is made if it does not exist.
      prefix: of a checkpoint of this run. Its files are linked where the file system can do that, copied elsewhere.
      record: what `metrics.json` is to say of it; "metric" and "value" are what it is compared by.

    Raises:
      CheckpointError: it is damaged, or cannot be written.
    """
    if problem := damage_of(prefix):
        raise CheckpointError(f"{prefix} cannot be kept as the best checkpoint, it is damaged: {problem}")
    step = int(Path(prefix).name.removeprefix("ckpt-"))
    if former := _better_before(folder, step, record):
        _logger.warning(
            "%s stays the best checkpoint: its %s is %g, that of step %d %g. Move the folder away to begin anew",
            checkpoint_prefix(folder, former.step), former.metric, former.value, step, record["value"],
        )  # fmt: skip
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
        if not _is_same(checkpoint_prefix(folder, step), prefix):
            if step in saved_steps(folder):  # of this step before a fault, after which the run came here anew
                remove_checkpoint(folder, step)
            (folder / INCOMPLETE).mkdir(exist_ok=True)
            for path in files_of(prefix):
                _link_or_copy(path, folder / INCOMPLETE / path.name)
            publish(folder, step)
        list_checkpoints(folder, [step])
        replace_atomically(folder / _RECORD, json.dumps({"step": step, **record}, indent=2) + "\n", durable=True)
        for other in saved_steps(folder):
            if other != step:
                remove_checkpoint(folder, other)
    except OSError as error:
        raise CheckpointError(f"cannot keep {prefix} as the best checkpoint: {first_line(error)}") from error


def _better_before(folder: Path, step: int, record: Mapping[str, Any]) -> BestEvaluation | None:
    """The evaluation of the kept checkpoint, if it is whole, of an earlier step, and better by the same metric."""
    try:
        kept = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        former, new = _evaluation(int(kept["step"]), kept), _evaluation(step, record)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if former is None or new is None or former.metric != new.metric or former.step >= step:
        return None
    is_kept = is_better(former, new) and not damage_of(checkpoint_prefix(folder, former.step))
    return former if is_kept else None


def _evaluation(step: int, record: Mapping[str, Any]) -> BestEvaluation | None:
    metric, value = record.get("metric"), record.get("value")
    return BestEvaluation(metric, float(value), step) if metric and isinstance(value, int | float) else None


def _is_same(kept: str, new: str) -> bool:
    lists = [Path(f"{prefix}{CHECKSUMS}") for prefix in (kept, new)]
    if not all(path.is_file() for path in lists) or damage_of(kept):
        return False
    return lists[0].read_bytes() == lists[1].read_bytes()


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # other errors than a file system without links show again
        shutil.copyfile(source, target)
