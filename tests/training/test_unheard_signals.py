# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Signals that the main thread cannot hear."""

from __future__ import annotations

import queue
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from efficientdet.training.unheard_signals import UnheardSignals

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


def _watched(codes: queue.Queue[int], **seconds: float) -> UnheardSignals:
    return UnheardSignals(_NUMBERS, end=codes.put, **seconds)


@pytest.fixture
def deaf() -> Iterator[Callable[[int], None]]:
    """Sends a signal whose handler says nothing, as if it had not run."""
    before = {number: signal.signal(number, lambda *_: None) for number in _NUMBERS}
    yield signal.raise_signal
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_that_nobody_hears_ends_the_process(
    deaf: Callable[[int], None], capfd: pytest.CaptureFixture[str]
) -> None:
    codes: queue.Queue[int] = queue.Queue()
    unheard = _watched(codes, patience=0.0)
    deaf(signal.SIGTERM)
    assert codes.get(timeout=5) == 143
    unheard.close()
    assert "SIGTERM: the main thread does not answer" in capfd.readouterr().err


def test_a_user_who_insists_waits_less(deaf: Callable[[int], None]) -> None:
    codes: queue.Queue[int] = queue.Queue()
    unheard = _watched(codes, patience=60.0, urgent_patience=0.0, same_press=0.0)
    deaf(signal.SIGTERM)
    time.sleep(0.01)
    deaf(signal.SIGINT)
    assert codes.get(timeout=5) == 130
    unheard.close()


def test_what_is_heard_ends_nothing(deaf: Callable[[int], None]) -> None:
    codes: queue.Queue[int] = queue.Queue()
    unheard = _watched(codes, patience=0.1)
    deaf(signal.SIGTERM)
    unheard.heard()
    time.sleep(0.4)
    unheard.close()
    assert codes.empty()
