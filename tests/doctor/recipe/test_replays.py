# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The doctor names the cause of every training that was reported as failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from efficientdet.config import PipelineConfig, load_config
from efficientdet.doctor.findings import Severity
from efficientdet.doctor.recipe import check_recipe
from tests.doctor.recipe.replays import REPLAYS, Replay

_ROOT = Path(__file__).resolve().parents[3]
_ONLY_NOTES = {"tensorflow/models#9708", "tensorflow/models#8967"}  # questions: nothing fails here


def _config(replay: Replay) -> PipelineConfig:
    path = _ROOT / replay.base if "/" in replay.base else _ROOT / "pipelines" / f"{replay.base}.config"
    if not path.is_file():
        pytest.skip(f"{path} is not part of a clone")
    return load_config(path, [replay.overlay])


@pytest.mark.parametrize("replay", REPLAYS, ids=lambda replay: replay.thread)
def test_the_cause_is_named(replay: Replay) -> None:
    part = check_recipe(_config(replay), num_images=replay.num_images)
    codes = [finding.code for finding in part.findings]
    assert [code for code in codes if code in replay.codes] == list(replay.codes)
    named = next(finding for finding in part.findings if finding.code == replay.codes[0])
    if replay.thread not in _ONLY_NOTES:
        assert named.severity >= Severity.WARNING
        assert codes.index(named.code) < 3  # and not far down the list


def test_there_are_enough_of_them() -> None:
    assert len(REPLAYS) >= 15
    assert len({replay.thread for replay in REPLAYS}) == len(REPLAYS)


def test_the_twin_that_trained_is_left_alone() -> None:
    """google/automl#437: a D2 with batch 8 at .08 trained, with batch 4 it did not."""
    replay = next(replay for replay in REPLAYS if replay.thread == "google/automl#437")
    twin = replay._replace(overlay=replay.overlay.replace("batch_size: 4", "batch_size: 8"))
    codes = {finding.code: finding.severity for finding in check_recipe(_config(twin), num_images=10_000).findings}
    assert "rate-high" not in codes
