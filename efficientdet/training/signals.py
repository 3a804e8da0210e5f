# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Signals that ask a training to end: noted, so that the work is saved, and obeyed within seconds."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, NoReturn

from efficientdet.training.unheard_signals import UnheardSignals

# SIGUSR1 is what SLURM's `--signal` is mostly told to send some minutes before it kills a job.
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
# One press of Ctrl-C can arrive twice: from the terminal, and from a parent that passes it on.
_SECONDS_OF_ONE_PRESS = 0.5

_logger = logging.getLogger(__name__)


class StoppedBySignalError(SystemExit):
    """Training ended because a signal asked for it; the process ends with 128 and the signal's number, as in a shell.

    Args:
      number: of the signal.
    """

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(128 + number)
        self.number = number


class StopSignals:
    """Notes SIGTERM, SIGINT and SIGUSR1 for the time of a `with` block.

    Before `hold_back` there is nothing to save, and a signal ends the process at once. After it the training looks at
    `requested` once per step, and does in `interrupting` what may be cut anywhere. A SIGINT that follows another signal
    ends the process at once.

    Where the main thread waits inside TensorFlow, and no handler can run, that SIGINT ends the process within seconds,
    and any signal within a minute; nothing is saved then.

    Handlers can be set in the main thread only: in another one the block changes nothing.
    """

    def __init__(self) -> None:
        self._noted: signal.Signals | None = None
        self._noted_at = 0.0
        self._is_held_back = False
        self._may_interrupt = False
        self.is_urgent = False
        """Whether there is no time to save."""
        self._before: dict[signal.Signals, Any] = {}
        self._unheard: UnheardSignals | None = None

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._unheard = UnheardSignals(_SIGNALS, same_press=_SECONDS_OF_ONE_PRESS)
            self._before = {number: signal.signal(number, self._take) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            # None: it was set by something other than Python, which cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before = {}
        if self._unheard is not None:
            self._unheard.close()
            self._unheard = None

    @property
    def requested(self) -> bool:
        """Whether a signal has asked for the end."""
        return self._noted is not None

    @property
    def number(self) -> int:
        """Of the signal that asked for the end; 0 where none has."""
        return 0 if self._noted is None else int(self._noted)

    def hold_back(self) -> None:
        """From now on signals are noted and not obeyed at once: there is work to save."""
        self._is_held_back = True

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """Lets a signal end what is done in this block at once; for work that may be cut anywhere.

        Yields:
          Nothing.

        Raises:
          KeyboardInterrupt: see `leave`.
          StoppedBySignalError: likewise.
        """
        self.check()
        self._may_interrupt = True
        try:
            yield
        finally:
            self._may_interrupt = False

    def check(self) -> None:
        """Raises what `leave` raises if a signal has asked for the end; for work that need not be finished."""
        if self.requested:
            self.leave()

    def leave(self, number: int = 0) -> NoReturn:
        """Ends what is going on.

        Args:
          number: of the signal that it ends by, where several workers end by one; 0: that of this process.

        Raises:
          KeyboardInterrupt: by SIGINT.
          StoppedBySignalError: by another signal.
        """
        number = number or self.number or signal.SIGTERM
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise StoppedBySignalError(signal.Signals(number))

    def _take(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._unheard is not None:
            self._unheard.heard()
        now, name = time.monotonic(), signal.Signals(number).name
        if self._noted is not None:
            if number == signal.SIGINT and now - self._noted_at > _SECONDS_OF_ONE_PRESS:
                self.is_urgent = True
                raise KeyboardInterrupt
            return
        self._noted, self._noted_at = signal.Signals(number), now
        if not self._is_held_back:
            _logger.warning("%s before the first step: training ends, and there is nothing new to save", name)
            self.leave()
        _logger.warning("%s: training is saved and ends after this step; Ctrl-C once more ends it at once", name)
        if self._may_interrupt:
            self.leave()
