# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Signals that ask a training to end."""

from __future__ import annotations

import signal
import threading

import pytest

from efficientdet.training import signals
from efficientdet.training.signals import StoppedBySignalError, StopSignals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
def test_a_signal_is_noted_until_it_is_asked_for(number: signal.Signals, code: int) -> None:
    with StopSignals() as stop:
        stop.hold_back()
        stop.check()
        assert not stop.requested
        signal.raise_signal(number)
        assert stop.requested
        with pytest.raises(StoppedBySignalError) as stopped:
            stop.check()
    assert stopped.value.code == code


def test_what_may_be_cut_is_cut() -> None:
    with StopSignals() as stop:
        stop.hold_back()
        with stop.interrupting():
            pass
        with pytest.raises(StoppedBySignalError), stop.interrupting():
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)  # noted already
        with pytest.raises(StoppedBySignalError), stop.interrupting():
            raise AssertionError  # not even begun


def test_an_interrupt_is_one_of_the_keyboard() -> None:
    with StopSignals() as stop:
        stop.hold_back()
        signal.raise_signal(signal.SIGINT)
        assert stop.requested
        with pytest.raises(KeyboardInterrupt):
            stop.leave()


@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGTERM, StoppedBySignalError), (signal.SIGINT, KeyboardInterrupt)],
)
def test_before_the_first_step_a_signal_is_obeyed_at_once(
    number: signal.Signals, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    with StopSignals(), pytest.raises(error):
        signal.raise_signal(number)
    assert f"{number.name} before the first step" in caplog.text


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_interrupt_is_obeyed_at_once(monkeypatch: pytest.MonkeyPatch, first: signal.Signals) -> None:
    now = [0.0]
    monkeypatch.setattr(signals.time, "monotonic", lambda: now[0])
    with StopSignals() as stop:
        stop.hold_back()
        signal.raise_signal(first)
        signal.raise_signal(signal.SIGINT)  # the same press of a key, passed on by a parent
        assert not stop.is_urgent
        now[0] = 1.0
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert stop.is_urgent


def test_several_workers_leave_by_one_signal() -> None:
    with StopSignals() as stop:
        stop.hold_back()
        assert stop.number == 0
        signal.raise_signal(signal.SIGTERM)
        assert stop.number == signal.SIGTERM
        with pytest.raises(StoppedBySignalError) as stopped:
            stop.leave(signal.SIGUSR1)
        assert stopped.value.code == 138
        with pytest.raises(KeyboardInterrupt):
            stop.leave(signal.SIGINT)


def test_handlers_are_left_as_they_were() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)]
    with StopSignals():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)] == before


def test_in_another_thread_nothing_is_noted() -> None:
    requested: list[bool] = []

    def run() -> None:
        with StopSignals() as stop:
            requested.append(stop.requested)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert requested == [False]
