# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A batch as pictures and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from efficientdet.training.batch_report import source_ids, write_batch
from efficientdet.types import Batch

from . import stubs


def test_a_batch_is_written_picture_by_picture(tmp_path: Path) -> None:
    batch = stubs.make_batch(0, batch_size=2)
    boxes = np.array(batch.ground_truth.boxes)
    boxes[1, 0, 2] = np.inf
    batch = batch._replace(
        source_ids=np.array([b"VOC/1.jpg", b"../\xff"]), ground_truth=batch.ground_truth._replace(boxes=boxes)
    )

    def draw(drawn: Batch) -> np.ndarray:
        return np.stack([np.full([4, 4, 3], 10 * index, np.uint8) for index in range(len(drawn.inputs))])

    write_batch(tmp_path / "step-3", batch, draw, names={0: "circle"})
    assert source_ids(batch) == ("VOC/1.jpg", "../\ufffd")
    files = sorted(path.name for path in (tmp_path / "step-3").iterdir())
    assert files == ["000-VOC_1.jpg.png", "001-_.__.png", "batch.json"]
    assert np.asarray(Image.open(tmp_path / "step-3" / files[1])).max() == 10
    first, second = json.loads((tmp_path / "step-3" / "batch.json").read_text())["pictures"]
    assert first["boxes"][0]["class"] == "circle"
    np.testing.assert_allclose(first["boxes"][0]["box"], [0.1, 0.1, 0.9, 0.9], rtol=1e-6)
    assert first["matched_anchors"] == np.count_nonzero(batch.targets.box_weights[0])
    assert second["boxes"][0]["box"][2] == "inf"
