# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Evaluates the checkpoints of a run as they appear, beside the process that trains."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.evaluation.evaluator import Evaluation

_logger = logging.getLogger(__name__)
_POLL_SECONDS = 1.0


def evaluate_continuously(
    evaluate: Callable[[int], Evaluation],
    checkpoint_dir: str | Path,
    restore: Callable[[str], int],
    *,
    timeout: float,
    last_step: Callable[[], int | None] = lambda: None,
    max_evaluations: int | None = None,
) -> Iterator[Evaluation]:
    """Evaluates the newest checkpoint, then each that follows, within a second or two of its appearance.

    Checkpoints that are written while another one is being evaluated are skipped, except for the newest.

    Args:
      evaluate: evaluates the weights that `restore` put in place, given their step.
      checkpoint_dir: the folder that training writes its checkpoints to; it need not exist yet. The prefix of one
        checkpoint stands for that one, which is evaluated once.
      restore: restores the checkpoint of the given path, returns its step; raises CheckpointError where it cannot.
      timeout: ends when no new checkpoint appeared for so many seconds.
      last_step: is asked after each evaluation; ends when it was that of this step, or of a later one. None: goes on.
      max_evaluations: ends after so many.

    Yields:
      Each evaluation, as soon as it is done.

    Raises:
      CheckpointError: a checkpoint that is there cannot be restored, or none came before the timeout.
    """
    done = 0
    for path in _appearing(str(checkpoint_dir), timeout):
        try:
            step = restore(path)
        except CheckpointError:
            # Training keeps its newest few checkpoints only, and may delete this one while it is being read: its index
            # first, then the rest.
            if os.path.exists(f"{path}.index"):
                raise
            _logger.warning("%s was deleted before it could be evaluated: waiting for the next", path)
            continue
        yield evaluate(step)
        done += 1
        last = last_step()
        if (last is not None and step >= last) or done == max_evaluations:
            return
    if not done:
        raise CheckpointError(f"no checkpoint to evaluate in {checkpoint_dir}, after a wait of {timeout:g} s")
    _logger.info("no new checkpoint in %s for %.0f s: evaluation ends", checkpoint_dir, timeout)


def _appearing(place: str, timeout: float) -> Iterator[str]:
    """The prefixes of checkpoints as they appear, until none did for `timeout` seconds; or the one that `place` is."""
    prefix = place.removesuffix(".index")
    if os.path.exists(f"{prefix}.index"):
        yield prefix
        return
    previous = _latest(place)
    if previous is None:
        _logger.info("waiting for checkpoints in %s, for %.0f s at most", place, timeout)
    else:
        yield previous
    deadline = time.monotonic() + timeout
    while True:
        latest = _latest(place)
        if latest is not None and latest != previous:
            previous = latest
            yield latest
            deadline = time.monotonic() + timeout
        elif time.monotonic() >= deadline:
            return
        else:
            time.sleep(min(_POLL_SECONDS, max(deadline - time.monotonic(), 0.0)))


def _latest(directory: str) -> str | None:
    """The prefix of the latest checkpoint; where TensorFlow's list is missing, as after a copy, by the files' numbers.

    Training writes the list last. Without it, files may be on their way: those count that do not grow.
    """
    if latest := tf.train.latest_checkpoint(directory):
        return latest
    stems = [path.stem for path in Path(directory).glob("ckpt-*.index")]
    steps = [int(stem.removeprefix("ckpt-")) for stem in stems if stem.removeprefix("ckpt-").isdecimal()]
    if not steps:
        return None
    prefix = Path(directory) / f"ckpt-{max(steps)}"
    before = _sizes(prefix)
    time.sleep(_POLL_SECONDS)
    return str(prefix) if _sizes(prefix) == before else None


def _sizes(prefix: Path) -> dict[str, int]:
    """Bytes of each file of a checkpoint. Times of files say little: clocks jump, and differ between machines."""
    sizes = {}
    for path in prefix.parent.glob(f"{prefix.name}.*"):
        with contextlib.suppress(OSError):  # deleted meanwhile
            sizes[path.name] = path.stat().st_size
    return sizes
