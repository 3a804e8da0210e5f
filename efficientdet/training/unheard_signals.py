# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Ends a process whose main thread never comes to hear of a signal.

Python runs signal handlers in the main thread, between two of its own instructions. While that thread waits inside
TensorFlow, for a batch that never comes, say, no handler runs, and neither Ctrl-C nor SIGTERM would end the process.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable

_HEARD = 0  # no signal has this number
_PAUSE = 0.25


class UnheardSignals:
    """Watches, in a thread of its own, whether the handlers of signals run. To be made in the main thread.

    Args:
      numbers: of the signals.
      patience: seconds that a handler has to run.
      urgent_patience: the same for a SIGINT that follows an earlier signal: a user who insists.
      same_press: seconds in which two signals are one press of a key.
      end: ends the process with an exit code.
    """

    def __init__(
        self,
        numbers: tuple[signal.Signals, ...],
        *,
        patience: float = 60.0,
        urgent_patience: float = 2.0,
        same_press: float = 0.5,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        self._numbers = numbers
        self._patience = patience
        self._urgent_patience = urgent_patience
        self._same_press = same_press
        self._end = end
        self._first: float | None = None  # when the first signal of all came
        self._waiting: tuple[int, float] | None = None  # a signal that is not heard yet, and until when it may be
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        # Python writes a signal's number there as it comes, whatever the main thread does.
        self._before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._watch, name="unheard-signals", daemon=True)
        self._thread.start()

    def heard(self) -> None:
        """Is called by the handlers: behind the numbers in the pipe, this says that they were heard."""
        os.write(self._writing, bytes([_HEARD]))

    def close(self) -> None:
        """Watches no more; in the main thread."""
        signal.set_wakeup_fd(self._before)
        os.close(self._writing)
        self._thread.join()
        os.close(self._reading)

    def _watch(self) -> None:
        while True:
            ready, _, _ = select.select([self._reading], [], [], _PAUSE if self._waiting else None)
            if ready:
                numbers = os.read(self._reading, 64)
                if not numbers:
                    return
                for number in numbers:
                    self._note(number, time.monotonic())
            elif self._waiting is not None and time.monotonic() >= self._waiting[1]:
                self._give_up(self._waiting[0])
                return

    def _note(self, number: int, now: float) -> None:
        if number == _HEARD:
            self._waiting = None
            return
        if number not in self._numbers:
            return
        if self._first is None:
            self._first = now
        is_urgent = number == signal.SIGINT and now - self._first > self._same_press
        end = now + (self._urgent_patience if is_urgent else self._patience)
        if self._waiting is None or end < self._waiting[1]:
            self._waiting = (number, end)

    def _give_up(self, number: int) -> None:
        name = signal.Signals(number).name
        text = f"{name}: the main thread does not answer: the process ends now, not saved; its checkpoints are whole\n"
        # Not through the log, whose lock the main thread may hold.
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())
        self._end(128 + number)
