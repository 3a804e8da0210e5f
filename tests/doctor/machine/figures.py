# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A run in round numbers."""

from __future__ import annotations

from pathlib import Path

from efficientdet.config import PipelineConfig, load_config
from efficientdet.doctor.machine.figures import (
    CheckpointFigures,
    EvaluationFigures,
    MemoryFigures,
    RunFigures,
    RunPlan,
    StepFigures,
)
from efficientdet.doctor.machine.largest import Largest
from efficientdet.doctor.machine.memory import LinearMemory, Memory
from efficientdet.doctor.machine.verdicts import Measured

GB = 10**9

CONFIG = Path(__file__).resolve().parents[3] / "pipelines" / "efficientdet_lite0_bccd.config"
SCHEDULE = """
train_config {
  num_steps: 101
  optimizer { momentum_optimizer { learning_rate { cosine_decay_learning_rate {
    learning_rate_base: 0.08 total_steps: 101 warmup_learning_rate: 0.008 warmup_steps: 10
  } } } }
}
"""


def bccd_config(*overrides: str) -> PipelineConfig:
    """The config of a batch of 8, with a schedule of round numbers."""
    return load_config(CONFIG, [SCHEDULE, *overrides])


PLAN = RunPlan(
    num_steps=101,
    batch_size=8,
    checkpoint_interval=50,
    evaluation_interval=40,
    eval_batches=5,
    checkpoints_kept=2,
)
# Half a second a step, of which reading costs nothing.
STEPS = StepFigures(first=10.0, seconds=(0.5, 0.5), waited=(0.0, 0.0), computing=0.5, reading=0.1)
RUN = RunFigures(
    plan=PLAN,
    num_images=100,
    device="the CPU",
    replicas=1,
    start=5.0,
    steps=STEPS,
    evaluation=EvaluationFigures(tracing=4.0, overhead=1.0, batch=0.2),
    checkpoint=CheckpointFigures(seconds=2.0, num_bytes=GB),
    host_bytes=3 * GB,
)
MEASURED = Measured(
    run=RUN,
    memory=(MemoryFigures(4, 2 * GB, 0), MemoryFigures(8, 4 * GB, 0)),
    line=LinearMemory(0.0, GB / 2),
    largest_batch=36,
    is_verified=False,
    free=Memory(20 * GB),
    free_disk=100 * GB,
    largest=Largest((), (480, 640), 100, 10**7, True),
    shuffled_bytes=10**7,
    has_unused_gpu=False,
)
