# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a start leaves out, and that it leaves it out for a while only."""

from __future__ import annotations

import gc
import importlib
import sys

import pytest

from efficientdet.start_up import uncollected, without_modules


def test_nothing_is_collected_within_and_as_before_after() -> None:
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            pass
        assert not gc.isenabled()  # as it was before the inner one
    assert gc.isenabled()


@uncollected()
def _fail() -> None:
    raise KeyError


def test_a_failure_lets_the_collector_go_on() -> None:
    with pytest.raises(KeyError):
        _fail()
    assert gc.isenabled()


def test_packages_seem_absent_within_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without_modules("colorsys", "json"):
        with pytest.raises(ImportError):
            importlib.import_module("colorsys")
        assert importlib.import_module("json") is sys.modules["json"] is not None  # it is there already
    assert importlib.import_module("colorsys").rgb_to_hsv(0.0, 0.0, 1.0)[2] == 1.0


@without_modules("colorsys")
def _fail_in_import() -> None:
    raise ImportError


def test_a_failing_import_leaves_nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(ImportError):
        _fail_in_import()
    assert "colorsys" not in sys.modules
