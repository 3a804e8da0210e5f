# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a person sees of a training while it runs: one live line on a terminal, or now and then a line in a log file."""

from __future__ import annotations

import collections
import logging
import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

from efficientdet.evaluation.evaluator import Evaluation
from efficientdet.training.outcome import StepOutcome
from efficientdet.training.trainer import Trainer
from efficientdet.types import Losses

_WINDOW = 20  # steps over which the speed is averaged
_TO_END_OF_LINE = "\x1b[K"


class Progress:
    """An Observer: writes step and total, images per second, the losses, the time left and the last AP.

    Used in a `with` block, during which log lines push the live line out of their way.

    Args:
      num_steps: the step at which training ends.
      batch_size: images of a step, over all replicas.
      stream: where to write; a terminal gets a live line, anything else a line of its own now and then.
      line_seconds: how often such a line is written.
      clock: seconds, from any origin.
    """

    def __init__(
        self,
        num_steps: int,
        batch_size: int,
        *,
        stream: TextIO | None = None,
        line_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._num_steps = num_steps
        self._batch_size = batch_size
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._line_seconds = line_seconds
        self._clock = clock
        self._seconds: collections.deque[float] = collections.deque(maxlen=_WINDOW)
        self._steps_shown = 0
        self._last_line: float | None = None
        self._average_precision: float | None = None
        self._line_is_shown = False
        self._log_handler = _ClearsLine(self)

    def __enter__(self) -> Progress:
        # First in the list, so that the line is gone before any other handler writes.
        logging.getLogger().handlers.insert(0, self._log_handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        logging.getLogger().removeHandler(self._log_handler)
        self.close()

    def on_step(self, trainer: Trainer, outcome: StepOutcome) -> None:
        """Shows a step that has been done."""
        # The first step of a process is left out of the speed: it traces the graph.
        if self._steps_shown > 0:
            self._seconds.append(outcome.seconds)
        self._steps_shown += 1
        text = self._text(outcome.step, outcome.losses)
        if self._live:
            width = shutil.get_terminal_size().columns
            self._stream.write(f"\r{text[: width - 1]}{_TO_END_OF_LINE}")
            self._line_is_shown = True
        elif not self._is_time(outcome.step):
            return
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Takes the headline of an evaluation into the line: its first metric, the AP of the first set computed."""
        self._average_precision = next(iter(evaluation.metrics.values()), None)

    def close(self) -> None:
        """Ends the live line, which stays as it is."""
        if self._line_is_shown:
            self._stream.write("\n")
            self._stream.flush()
            self._line_is_shown = False

    def clear(self) -> None:
        """Takes the live line away until the next update."""
        if self._line_is_shown:
            self._stream.write(f"\r{_TO_END_OF_LINE}")
            self._stream.flush()
            self._line_is_shown = False

    def _is_time(self, step: int) -> bool:
        now = self._clock()
        due = self._last_line is None or now - self._last_line >= self._line_seconds or step == self._num_steps
        if due:
            self._last_line = now
        return due

    def _text(self, step: int, losses: Losses) -> str:
        parts = [
            f"step {step}/{self._num_steps}",
            f"loss {losses.total:.4f} (box {losses.localization:.4f} class {losses.classification:.4f} "
            f"reg {losses.regularization:.4f})",
        ]
        if self._seconds:
            step_seconds = sum(self._seconds) / len(self._seconds)
            parts.insert(1, f"{self._batch_size / step_seconds:.1f} images/s")
            parts.insert(2, f"{_duration((self._num_steps - step) * step_seconds)} left")
        if self._average_precision is not None:
            parts.append(f"AP {self._average_precision:.3f}")
        return " | ".join(parts)


class _ClearsLine(logging.Handler):
    """Takes the live line away before a log line is written."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.clear()


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
