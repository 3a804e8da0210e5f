# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a start leaves out, and that it leaves it out for a while only."""

from __future__ import annotations

import gc
import importlib
import sys

import pytest

from efficientdet.start_up import UNUSED, quick_imports, uncollected, without_modules


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


@pytest.mark.parametrize("for_tpu", [False, True])
def test_quick_imports_hide_what_is_not_used(monkeypatch: pytest.MonkeyPatch, for_tpu: bool) -> None:
    for name in ("tensorflow", *UNUSED):
        monkeypatch.delitem(sys.modules, name, raising=False)
    frozen = gc.get_freeze_count()
    try:
        with quick_imports(for_tpu=for_tpu):
            hidden = {name for name in UNUSED if name in sys.modules}
            assert not gc.isenabled()
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
    assert hidden == set(UNUSED) - ({"googleapiclient"} if for_tpu else set())
    assert not set(UNUSED) & set(sys.modules)
    assert gc.isenabled()


def test_quick_imports_leave_a_process_alone_that_has_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", gc)
    frozen = gc.get_freeze_count()
    with quick_imports():
        assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
