# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What earlier starts of a training recorded of its evaluations."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from efficientdet.evaluation.metrics_file import forget_after, recorded
from efficientdet.training.steering import Scalars

_logger = logging.getLogger(__name__)


class RecordedResults:
    """The metrics.jsonl of every reader of evaluation data.

    Args:
      files: one of each reader, in their order; need not exist.
      writes: whether this process is the one that writes there.
    """

    def __init__(self, files: Sequence[Path], *, writes: bool) -> None:
        self._files = files
        self._writes = writes

    def of(self, step: int) -> Scalars | None:
        """What is recorded of the first reader's evaluation at a step, if those of the others are recorded too."""
        found = [recorded(path, step) for path in self._files]
        return found[0] if found and all(line is not None for line in found) else None

    def begin(self, step: int) -> None:
        """Takes away what is recorded of later steps than the one a start goes on from; copies of the files stay."""
        for path in self._files if self._writes else ():
            if count := forget_after(path, step, keep_copy=True):
                _logger.warning(
                    "%s: %d lines of evaluations after step %d, from which training goes on, are taken out; the file "
                    "as it was stays beside it, as %s.before-*", path, count, step, path.name
                )  # fmt: skip

    def forget_after(self, step: int) -> None:
        """Removes what is recorded of later steps than the one that this start went back to."""
        for path in self._files if self._writes else ():
            forget_after(path, step)
