# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from pathlib import Path

import pytest

from efficientdet.config import PipelineConfig, load_config
from efficientdet.doctor.overfit import check_overfit, verdicts
from efficientdet.errors import DataError
from tests.end_to_end import tiny


def _config(folder: Path) -> PipelineConfig:
    return load_config(tiny.CONFIG, [tiny.SIZE, tiny.data_override(folder)])


@pytest.mark.slow
def test_two_pictures_are_learnt_by_heart(tmp_path: Path) -> None:
    tiny.draw_records(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    part = check_overfit(_config(tmp_path), num_images=2, max_steps=400)
    assert part.findings == ()
    assert "2 of 6 training images were learnt by heart" in part.verdict
    assert part.sheets == ()
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_too_few_steps_show_the_pictures(tmp_path: Path) -> None:
    tiny.draw_records(tmp_path)
    part = check_overfit(_config(tmp_path), num_images=3, max_steps=2)
    assert part.findings[0].code in (verdicts.LOSS_STUCK, verdicts.BOXES)
    assert part.sheets[0].image.shape[1] == 1600
    assert part.findings[0].count == 3


@pytest.mark.slow
def test_a_record_at_fault_is_named_in_its_own_file(tmp_path: Path) -> None:
    tiny.draw_records(tmp_path)
    label_map = tmp_path / "label_map.pbtxt"
    label_map.write_text(label_map.read_text(encoding="utf-8").replace("star", "moon"), encoding="utf-8")
    with pytest.raises(DataError, match=r"train\.record: a record .*class name is not in the label map: \[\"?star"):
        check_overfit(_config(tmp_path), max_steps=2)
