# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Data sets to survey."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from efficientdet.data.faults import Fault
from efficientdet.data.survey import take_survey
from tests.surveys import Corners, ListedSource, picture


@pytest.fixture
def source(tmp_path: Path) -> ListedSource:
    return ListedSource(tmp_path)


@pytest.fixture
def faults_of_boxes(source: ListedSource) -> Callable[..., list[Fault]]:
    """The faults of one picture with some boxes: class, xmin, ymin, xmax, ymax."""

    def survey(*boxes: Corners, height: int = 48, width: int = 64, **fields) -> list[Fault]:
        source.add("x.jpg", picture(height, width), boxes, **fields)
        return list(take_survey(source, processes=1).faults)

    return survey
