# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What became of the trials of a sweep: a file that is written after each, so that none is run twice. No TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from efficientdet.atomic_write import replace_atomically
from efficientdet.errors import UsageError
from efficientdet.tuning.search_space import Setting
from efficientdet.tuning.trial import Trial
from efficientdet.tuning.trial_runner import Outcome

RESULTS = "tune.json"
_SCHEMA = 1
_LOSS = "Loss/"  # names of numbers of which less is better
_Row = dict[str, Any]


class Ranked(NamedTuple):
    """A setting with all its runs."""

    setting: Setting
    score: float | None  # mean over seeds; None where a run has none: it diverged, or failed
    spread: float  # between the least and the greatest of the runs
    training_score: float | None  # the same on the sample of the training data
    loss: float | None  # mean, on the evaluation data
    seconds: float  # mean of a run
    steps: int
    runs: int
    reason: str  # why there is no score


class TrialResults:
    """The runs of a folder.

    Args:
      folder: of the sweep.

    Raises:
      UsageError: the folder holds a file of that name that is none of ours.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / RESULTS
        self._rows: dict[str, _Row] = {}
        self._speeds: dict[str, int] = {}
        if self._path.exists():
            try:
                document = json.loads(self._path.read_text(encoding="utf-8"))
                self._rows = {row["key"]: row for row in document["runs"]}
                self._speeds = dict(document["steps_by_setting"])
            except (ValueError, TypeError, KeyError):
                raise UsageError(f"{self._path} is not of a sweep: choose another --output") from None

    def is_done(self, key: str) -> bool:
        """Whether a run is done, or has diverged, and need not be repeated; one that failed is tried again."""
        return key in self._rows and self._rows[key]["status"] != "failed"

    def steps_of(self, key: str) -> int | None:
        """How many steps were found to take the time that is given to a run, where that was measured before.

        Args:
          key: of all that they depend on: setting, config, data and time.
        """
        return self._speeds.get(key)

    def note_steps(self, key: str, steps: int) -> None:
        """Keeps what was measured: another start gives runs the same length."""
        self._speeds[key] = steps

    def add(self, trial: Trial, outcome: Outcome) -> None:
        """Adds a run, in the place of an earlier try of it."""
        self._rows[trial.key] = {
            "key": trial.key,
            "setting": dict(trial.setting.values),
            "seed": trial.seed,
            "steps": trial.steps,
            "status": outcome.status,
            "reason": outcome.reason,
            "seconds": round(outcome.seconds, 1),
            "scores": outcome.scores,
            "training_scores": outcome.training_scores,
        }

    def write(self, **more: Any) -> None:
        """Writes the file, with whatever else is to stand in it."""
        document = {"schema": _SCHEMA, **more, "steps_by_setting": self._speeds, "runs": list(self._rows.values())}
        replace_atomically(self._path, json.dumps(document, indent=1) + "\n")

    def metric(self, name: str, keys: Iterable[str]) -> str:
        """The number that settings are ranked by: `name`, or else the first metric.

        Args:
          name: as metrics.jsonl has it; "" for the first one.
          keys: of the runs that count.

        Raises:
          UsageError: no run has it.
        """
        known = {each: None for key in keys if key in self._rows for each in self._rows[key]["scores"]}
        if name and known and name not in known:
            raise UsageError(f"--metric: no number of an evaluation is called {name!r}; there are {', '.join(known)}")
        return name or next((each for each in known if not each.startswith(_LOSS)), "")

    def ranked(self, trials: Sequence[Trial], metric: str) -> list[Ranked]:
        """The settings of trials, the best first; those without a score last, in the order in which they were tried.

        Args:
          trials: of the sweep; those that have not been run are left out.
          metric: see `metric`.
        """
        rows: dict[Setting, list[_Row]] = {}
        for trial in trials:
            if trial.key in self._rows:
                rows.setdefault(trial.setting, []).append(self._rows[trial.key])
        entries = [_ranked(setting, group, metric) for setting, group in rows.items()]
        sign = 1 if metric.startswith(_LOSS) else -1
        return sorted(entries, key=lambda entry: (entry.score is None, sign * (entry.score or 0.0)))


def _ranked(setting: Setting, rows: Sequence[_Row], metric: str) -> Ranked:
    scores = [row["scores"].get(metric) for row in rows]
    unscored = [row["reason"] or f"{metric} is not defined" for row, score in zip(rows, scores, strict=True)
                if score is None]  # fmt: skip
    return Ranked(
        setting=setting,
        score=_mean(scores),
        spread=0.0 if unscored else max(scores) - min(scores),
        training_score=_mean([row["training_scores"].get(metric) for row in rows]),
        loss=_mean([row["scores"].get(f"{_LOSS}total_loss") for row in rows]),
        seconds=sum(row["seconds"] for row in rows) / len(rows),
        steps=rows[0]["steps"],
        runs=len(rows),
        reason=unscored[0] if unscored else "",
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(values) if known and len(known) == len(values) else None
