# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest

from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.machine import verdicts
from efficientdet.doctor.machine.account import tables_of, verdict_of
from efficientdet.doctor.machine.batch_advice import fewer_steps, norm_advice, parts_for, smaller_parts
from efficientdet.doctor.machine.figures import EvaluationFigures, MemoryFigures
from efficientdet.doctor.machine.memory import Memory
from efficientdet.doctor.machine.verdicts import Measured, findings_of
from tests.doctor.machine.figures import GB, MEASURED, PLAN, RUN, STEPS, bccd_config


def _findings(measured: Measured, budget_hours: float | None = None) -> dict[str, Finding]:
    return {finding.code: finding for finding in findings_of(bccd_config(), measured, budget_hours)}


def test_a_run_that_fits_has_no_finding() -> None:
    assert _findings(MEASURED) == {}
    assert _findings(MEASURED, budget_hours=1.0) == {}


def test_a_run_over_its_budget_says_how_many_steps_fit() -> None:
    finding = _findings(MEASURED, budget_hours=60 / 3600)[verdicts.OVER_BUDGET]
    assert finding.severity is Severity.ERROR
    assert finding.title == "the run takes 1 min 21 s, and 1 min are given"
    # 60 s: 15 of start, evaluations at 40 and at the end 8, checkpoints at 50 and at the end 4; 33 s are 66 steps.
    assert "num_steps: 67" in finding.remedy
    assert "total_steps: 67" in finding.remedy
    # 31 s are over; 50 - 21 = 29 s for 100 steps of 8 images.
    assert "27.6 images/s" in finding.remedy


def test_a_batch_that_does_not_fit() -> None:
    without = MEASURED._replace(
        run=None, memory=(MemoryFigures(2, 9 * GB, 0), MemoryFigures(1, 8 * GB, 0)), largest_batch=2
    )
    finding = _findings(without)[verdicts.MEMORY_SHORT]
    assert finding.severity is Severity.ERROR
    assert "in 4 parts of 2" in finding.remedy
    assert "gradient_accumulation_steps: 4" in finding.remedy
    assert "freeze_batchnorm: true" in finding.remedy


def test_nothing_fits_at_all() -> None:
    finding = _findings(MEASURED._replace(run=None, memory=(), line=None, largest_batch=0))[verdicts.MEMORY_SHORT]
    assert "not even one image" in finding.remedy


def test_the_largest_pictures_decide_though_the_run_began_well() -> None:
    memory = (MemoryFigures(4, 15 * GB, 0), MemoryFigures(8, 25 * GB, 0))
    finding = _findings(MEASURED._replace(memory=memory))[verdicts.MEMORY_SHORT]
    assert "25.01 GB of memory, and 20.00 GB are free" in finding.title


def test_memory_that_is_nearly_full_is_a_warning() -> None:
    finding = _findings(MEASURED._replace(memory=(MemoryFigures(8, 19 * GB, 0),)))[verdicts.MEMORY_TIGHT]
    assert finding.severity is Severity.WARNING


def test_the_memory_of_the_gpu_is_looked_at_by_itself() -> None:
    measured = MEASURED._replace(memory=(MemoryFigures(8, 4 * GB, 12 * GB),), free=Memory(20 * GB, 10 * GB))
    assert "12.00 GB of GPU memory, and 10.00 GB are free" in _findings(measured)[verdicts.MEMORY_SHORT].title


def test_the_evaluation_counts_as_memory_too() -> None:
    assert MEASURED._replace(run=RUN._replace(host_bytes=9 * GB)).needed(8) == Memory(9 * GB)
    assert MEASURED.needed(8) == Memory(4 * GB + 10**7)
    assert MEASURED.needed(16) == Memory(0)


def test_checkpoints_need_room_for_one_more_than_is_kept() -> None:
    assert _findings(MEASURED._replace(free_disk=3 * GB)) == {}
    finding = _findings(MEASURED._replace(free_disk=3 * GB - 1))[verdicts.DISK_SHORT]
    assert finding.severity is Severity.ERROR
    assert "max_checkpoints_to_keep: 1" in finding.remedy


def test_a_starved_network_waits() -> None:
    waiting = STEPS._replace(seconds=(1.0, 1.0), waited=(0.5, 0.5), reading=1.0)
    finding = _findings(MEASURED._replace(run=RUN._replace(steps=waiting)))[verdicts.INPUT_STARVED]
    assert finding.severity is Severity.WARNING
    assert finding.title == "reading costs 50 % of the time of a step: 8 images/s are read, 16 computed on"
    assert "waits" in finding.why


def test_reading_on_the_cores_that_compute_is_told_apart_from_waiting() -> None:
    busy = STEPS._replace(seconds=(1.0, 1.0))
    assert "does not wait" in _findings(MEASURED._replace(run=RUN._replace(steps=busy)))[verdicts.INPUT_STARVED].why


def test_evaluations_that_take_most_of_the_time() -> None:
    run = RUN._replace(evaluation=EvaluationFigures(0.0, 0.0, 4.0))
    finding = _findings(MEASURED._replace(run=run))[verdicts.EVALUATIONS_LONG]
    assert finding.title.startswith("3 evaluations take 1 min, 46 %")
    assert finding.why == "One takes 20.0 s, as long as 40 steps."
    assert "interval_steps: 160" in finding.remedy


def test_hours_of_work_without_a_checkpoint_are_worth_a_note() -> None:
    run = RUN._replace(plan=PLAN._replace(num_steps=100_000, checkpoint_interval=10_000))
    finding = _findings(MEASURED._replace(run=run))[verdicts.CHECKPOINTS_RARE]
    assert finding.severity is Severity.NOTE
    assert "checkpoint_interval_steps: 3600" in finding.remedy


def test_a_gpu_that_tensorflow_does_not_see() -> None:
    assert _findings(MEASURED._replace(has_unused_gpu=True))[verdicts.GPU_UNUSED].severity is Severity.WARNING


def test_a_large_batch_keeps_its_batch_normalisation() -> None:
    assert norm_advice(bccd_config(), 8) == []
    assert "freeze_batchnorm" in norm_advice(bccd_config(), 7)[0]
    assert norm_advice(bccd_config("model { ssd { freeze_batchnorm: true } }"), 1) == []


@pytest.mark.parametrize(
    ("global_batch", "most", "replicas", "parts"),
    [(8, 8, 1, 1), (8, 7, 1, 2), (8, 3, 1, 4), (8, 3, 2, 2), (7, 3, 1, 7), (128, 11, 4, 4), (6, 4, 4, 0), (8, 0, 1, 0)],
)
def test_the_fewest_equal_parts_that_fit(global_batch: int, most: int, replicas: int, parts: int) -> None:
    assert parts_for(global_batch, most, replicas) == parts


def test_a_batch_that_is_in_parts_already_gets_more_of_them() -> None:
    config = bccd_config("train_config { batch_size: 16 gradient_accumulation_steps: 2 }")
    assert "gradient_accumulation_steps: 4" in smaller_parts(config, 8)  # two parts of 4 fit
    assert "batch_size: 15" in smaller_parts(config, 15, replicas=3)


def test_the_advice_can_be_laid_over_the_config() -> None:
    for text in (smaller_parts(bccd_config(), 2), fewer_steps(bccd_config(), 50)):
        lines = [line for line in text.splitlines() if line.startswith(("train_config", "model"))]
        assert bccd_config(*lines).proto.train_config.batch_size == 8


def test_the_verdict_has_the_time_the_speed_and_the_memory() -> None:
    assert verdict_of(bccd_config(), MEASURED, None) == (
        "The run takes 1 min 21 s: 101 steps of 8 images at 16.0 images/s on the CPU, 3 evaluations. Its pace is "
        "set by computing. It needs 4.01 GB of 20.00 GB memory."
    )
    assert ", within the 1 h given:" in verdict_of(bccd_config(), MEASURED, 1.0)
    assert ", over the 36.0 s given:" in verdict_of(bccd_config(), MEASURED, 0.01)
    assert "does not fit" in verdict_of(bccd_config(), MEASURED._replace(run=None), None)


def test_the_tables_hold_the_figures() -> None:
    time, speed, space = tables_of(bccd_config(), MEASURED)
    assert time.rows[-1] == ("the run", 1, 81.0, "1 min 21 s", "100%")
    assert ("training", 16.0, "images/s") in speed.rows
    assert ("largest batch that fits", 36, "estimate, from a line through the measured ones") in space.rows
    assert ("disk for 2 checkpoints", 2.0, "GB") in space.rows
    assert len(tables_of(bccd_config(), MEASURED._replace(run=None))) == 1
