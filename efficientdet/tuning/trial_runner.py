# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Runs a trial as `efficientdet train` in a process of its own, and reads what it scored. No TensorFlow here."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from efficientdet.child_process import child, last_lines
from efficientdet.config import write_config
from efficientdet.tuning.trial import EVALUATION, TRAINING_SAMPLE, Trial

Status = Literal["done", "diverged", "failed"]

_TRAINING = ("efficientdet.cli.main", "train")
_POLL_SECONDS = 0.5
_LEAVE_SECONDS = 30.0  # for a run that is interrupted to save, so that the next start goes on from there
_DIVERGED = "not finite"  # what a training says of its loss, or its gradients, when they are
_STEP = "step "  # how a line of its progress begins
_LOG = "log.txt"


class Outcome(NamedTuple):
    """What became of a run.

    Attributes:
      status: "diverged": its loss was not finite; "failed": for another reason.
      reason: in words, where it is not done.
      scores: every metric and loss on the evaluation data; empty where it is not done.
      training_scores: the same on the sample of the training data.
      seconds: that it took; of its last start.
    """

    status: Status
    reason: str
    scores: dict[str, float]
    training_scores: dict[str, float]
    seconds: float


def run_trial(trial: Trial, folder: Path, on_progress: Callable[[str], None] = lambda line: None) -> Outcome:
    """Runs a trial to its end; one that was interrupted goes on from its checkpoint.

    Args:
      trial: what to run.
      folder: of this trial alone: its config, its log, its model directory.
      on_progress: is told now and then how far it is; "" where that is not known.

    Returns:
      The outcome. A training that fails is one too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config, log = folder / "trial.config", folder / _LOG
    write_config(trial.config, config)
    started = time.monotonic()
    words = [f"--pipeline_config_path={config}", f"--model_dir={folder / 'model'}", "--norecord_summaries"]
    with child(["-m", *_TRAINING, *words], log, listens=False, seconds_to_leave=_LEAVE_SECONDS) as process:
        code = _followed(process, log, on_progress)
    seconds = time.monotonic() - started
    if code:
        reason = _reason(log, code)
        return Outcome("diverged" if _DIVERGED in reason else "failed", reason, {}, {}, seconds)
    scores, training_scores = (
        _last_scores(folder / "model" / "eval" / name / "metrics.jsonl") for name in (EVALUATION, TRAINING_SAMPLE)
    )
    return Outcome("done", "", scores, training_scores, seconds)


def _followed(process: subprocess.Popen[str], log: Path, on_progress: Callable[[str], None]) -> int:
    while True:
        try:
            return process.wait(timeout=_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            last = (last_lines(log) or [""])[-1].strip()
            on_progress(last if last.startswith(_STEP) else "")


def _reason(log: Path, code: int) -> str:
    """Why a training failed: what it said, else the end of its traceback, else its exit code."""
    lines = last_lines(log, None)
    said = [line for line in lines if line.startswith("error: ")]
    return said[-1].removeprefix("error: ") if said else (lines or [f"exit code {code}"])[-1]


def _last_scores(path: Path) -> dict[str, float]:
    """The numbers of the last evaluation of a file; -1, which metrics say where nothing can be measured, is none."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    record: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    left_out = ("step", "images", "seconds")
    return {
        name: float(value)
        for name, value in record.items()
        if name not in left_out and isinstance(value, (int, float)) and math.isfinite(value) and value != -1
    }
