# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Every measurement once, on a tiny network, in a process of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from efficientdet.bench.cases import case_of
from efficientdet.bench.child import Job, measured
from efficientdet.bench.material import drawn
from tests.end_to_end.tiny import CONFIG, SIZE

_MORE = {
    "step": "waiting for input, s",
    "kernels": "plain, s",
    "start": "tracing and optimising, s",
    "first-evaluation": "the second, s",
    "export": "CPU, s",
    "inference": "rate, images/s",
    "reading": "rate, images/s",
    "reading-boxes": "rate, images/s",
    "evaluation": "largest difference to pycocotools",
    "activations-recompute": "backbone stem, MB",
}
_OVERRIDE = "model { ssd { num_classes: 90 } } train_config { num_steps: 5 }"


@pytest.mark.slow
@pytest.mark.parametrize("name", list(_MORE))
def test_a_measurement(tmp_path: Path, name: str) -> None:
    case = replace(case_of(name), repeats=1, images=20)
    label_map, records = drawn(case.material, tmp_path)
    job = Job(case, str(CONFIG), (SIZE, _OVERRIDE), str(tmp_path), str(label_map), str(records))
    sample = measured(job)
    assert len(sample.values) == 1
    assert sample.values[0] > 0
    if name != "activations-recompute":
        assert _MORE[name] in sample.more
    if case.kind in ("step", "paired_steps", "serving"):
        assert sample.yardstick is not None
        assert sample.values[0] > sample.yardstick.seconds > 0
    if name == "evaluation":
        assert sample.more["largest difference to pycocotools"] <= 1e-6
