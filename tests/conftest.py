# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Fixtures that several test modules share."""

from __future__ import annotations

from pathlib import Path

import pytest

import efficientdet  # noqa: F401  (sets TensorFlow's environment before anything imports TensorFlow)

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference configs, recorded numerics and small real data sets, kept beside the checkout."""
    if not _SHARED.is_dir():
        pytest.skip(f"{_SHARED} is absent: the reference fixtures are not part of a clone")
    return _SHARED


COLLECTED_FIELDS = pytest.StashKey[set[str]]()
COLLECTED_FILES = pytest.StashKey[set[Path]]()


@pytest.hookimpl(tryfirst=True)  # before the slow tests are left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Notes which config fields the tests are marked to show, for `test_field_tests.py`."""
    marks = [mark for item in items for mark in item.iter_markers("field")]
    config.stash[COLLECTED_FIELDS] = {name for mark in marks for name in mark.args}
    config.stash[COLLECTED_FILES] = {item.path for item in items}
