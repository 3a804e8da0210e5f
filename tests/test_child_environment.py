# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The environment of processes that are started here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from efficientdet.child_environment import child_environment

_ROOT = str(Path(__file__).resolve().parents[1])


def test_a_child_is_no_worker_and_finds_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"TF_CONFIG": "{}", "HOME": "/home", "PYTHONPATH": "/more"}
    assert child_environment(given) == {"HOME": "/home", "PYTHONPATH": f"{_ROOT}{os.pathsep}/more"}
    monkeypatch.setenv("TF_CONFIG", "{}")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    own = child_environment()
    assert "TF_CONFIG" not in own
    assert own["PYTHONPATH"] == _ROOT
