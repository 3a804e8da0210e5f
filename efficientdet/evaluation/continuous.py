# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Evaluates the checkpoints of a run as they appear, beside the process that trains."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.evaluation.evaluator import Evaluation, Evaluator

_logger = logging.getLogger(__name__)


def evaluate_continuously(
    evaluator: Evaluator,
    checkpoint_dir: str | Path,
    restore: Callable[[str], int],
    *,
    timeout: float,
    last_step: int | None = None,
    max_evaluations: int | None = None,
) -> Iterator[Evaluation]:
    """Evaluates the newest checkpoint, then each that follows, within a second or two of its appearance.

    Checkpoints that are written while another one is being evaluated are skipped, except for the newest.

    Args:
      evaluator: evaluates the weights that `restore` put in place.
      checkpoint_dir: the folder that training writes its checkpoints to; it need not exist yet.
      restore: restores the checkpoint of the given path, returns its step; raises CheckpointError where it cannot.
      timeout: ends when no new checkpoint appeared for so many seconds.
      last_step: ends when the checkpoint of this step, or a later one, was evaluated.
      max_evaluations: ends after so many.

    Yields:
      Each evaluation, as soon as it is done.

    Raises:
      CheckpointError: a checkpoint that is there cannot be restored.
    """
    done = 0
    for path in tf.train.checkpoints_iterator(str(checkpoint_dir), timeout=timeout):
        try:
            step = restore(path)
        except CheckpointError:
            # Training keeps its newest few checkpoints only, and may delete this one while it is being read: its index
            # first, then the rest.
            if os.path.exists(f"{path}.index"):
                raise
            _logger.warning("%s was deleted before it could be evaluated: waiting for the next", path)
            continue
        yield evaluator.evaluate(step)
        done += 1
        if (last_step is not None and step >= last_step) or done == max_evaluations:
            return
    _logger.info("no new checkpoint in %s for %.0f s: evaluation ends", checkpoint_dir, timeout)
