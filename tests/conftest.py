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
