# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a person sees while a check runs: one live line on a terminal, else a line now and then."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

_TO_END_OF_LINE = "\x1b[K"


class LiveLine:
    """Shows what is being done, and how long it takes yet.

    Used in a `with` block, which takes the line away at its end.

    Args:
      stream: where to write; stderr when None.
      line_seconds: how often a line is written where it cannot be drawn over the one before.
      clock: seconds, from any origin.
    """

    def __init__(
        self,
        *,
        stream: TextIO | None = None,
        line_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._line_seconds = line_seconds
        self._clock = clock
        self._last: tuple[str, float] | None = None

    def __enter__(self) -> LiveLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.clear()

    def show(self, what: str, detail: str = "", seconds_left: float | None = None) -> None:
        """Shows a moment of the work.

        Args:
          what: is being done; a new one is always shown.
          detail: how far it is: "step 12".
          seconds_left: of this piece of work; None where nobody knows yet.
        """
        now = self._clock()
        is_due = self._last is None or self._last[0] != what or now - self._last[1] >= self._line_seconds
        if not self._live and not is_due:
            return
        self._last = (what, now)
        parts = [what, detail, "" if seconds_left is None else f"about {max(seconds_left, 0):.0f} s left"]
        text = ", ".join(part for part in parts if part)
        if self._live:
            self._stream.write(f"\r{text[: shutil.get_terminal_size().columns - 1]}{_TO_END_OF_LINE}")
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Takes the line away."""
        if self._live and self._last is not None:
            self._stream.write(f"\r{_TO_END_OF_LINE}")
            self._stream.flush()
        self._last = None
