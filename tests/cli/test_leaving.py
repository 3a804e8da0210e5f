# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A process that a signal has stopped ends at once; a caller that goes on is left alone."""

from __future__ import annotations

import os

import pytest

from efficientdet.cli.terminal import leave_if_stopped


@pytest.mark.parametrize(
    ("code", "argv", "ends"),
    [(143, None, True), (130, None, True), (0, None, False), (2, None, False), (143, [], False)],
)
def test_who_ends_at_once(code: int, argv: list[str] | None, ends: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr("logging.shutdown", lambda: None)
    leave_if_stopped(code, argv)
    assert ended == ([code] if ends else [])
