# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Short runs of many settings, one after the other; what is finished is not run again. No TensorFlow here."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from efficientdet.config import PipelineConfig, validate
from efficientdet.doctor.live_line import LiveLine
from efficientdet.doctor.machine import run_figures
from efficientdet.doctor.machine.child import Job, OnProgress, run_job
from efficientdet.doctor.machine.figures import steps_within
from efficientdet.doctor.quantities import duration
from efficientdet.errors import ConfigError
from efficientdet.tuning.override_text import override_text
from efficientdet.tuning.search_space import Setting
from efficientdet.tuning.trial import Trial, check_metric, setting_config, take_samples, trial_config
from efficientdet.tuning.trial_results import Ranked, TrialResults
from efficientdet.tuning.trial_runner import Outcome, run_trial

_logger = logging.getLogger(__name__)

RunJob = Callable[[Job, OnProgress], dict[str, Any]]
RunTrial = Callable[[Trial, Path, Callable[[str], None]], Outcome]

_SHARE = 10  # a run is a tenth of the whole one
_QUICK_STEPS = 200
_MEASURED_SECONDS = 10.0
_ENDLESS = 1_000_000  # steps of a run that is measured, of which a time allows fewer
_SHOWN = 100  # letters of a child's log line


@dataclass(frozen=True)
class SweepPlan:
    """What is to be tried.

    Attributes:
      path: of the config.
      overrides: the user's own.
      settings: to try.
      seeds: runs of each setting.
      steps: of a run of the config's own batch, one of another batch sees as many images; 0: a tenth of the config's,
        in quick mode 200.
      minutes: of a run, in the place of steps; 0: none given.
      metric: that settings are ranked by; "": the first one.
      training_sample: images of the training data that are scored too.
      sample_seed: of the choice of images.
      quick: whether runs see a hundred images only.
    """

    path: str
    overrides: tuple[str, ...]
    settings: tuple[Setting, ...]
    seeds: int = 1
    steps: int = 0
    minutes: float = 0.0
    metric: str = ""
    training_sample: int = 3000
    sample_seed: int = 1
    quick: bool = False


class SweepOutcome(NamedTuple):
    """What came of it."""

    metric: str
    ranked: list[Ranked]
    winner: Setting | None
    override: str  # that makes the winner's config of the given one; "" where that is the winner itself


def run_sweep(plan: SweepPlan, folder: Path, *, run: RunTrial = run_trial, measure: RunJob = run_job) -> SweepOutcome:
    """Runs every setting that has not been run yet.

    Args:
      plan: what to try.
      folder: for everything that is written; that of an earlier start goes on.
      run: runs a trial.
      measure: runs a job of the doctor's, where runs are given a time.

    Returns:
      The outcome, over all that is done by now.

    Raises:
      ConfigError: a setting cannot be done.
      UsageError: no run has the metric that is asked for.
      EfficientDetError: what is wrong with config or data, as a training would say it.
    """
    return _Sweep(plan, folder, run, measure).all()


class _Sweep:
    """A sweep while it runs; see `run_sweep`."""

    def __init__(self, plan: SweepPlan, folder: Path, run: RunTrial, measure: RunJob) -> None:
        self._plan = plan
        self._folder = folder
        self._run = run
        self._measure = measure
        self._base = setting_config(plan.path, plan.overrides, Setting(()))
        check_metric(self._base)
        self._wholes = {setting: _whole(plan, setting) for setting in plan.settings}
        folder.mkdir(parents=True, exist_ok=True)
        self._results = TrialResults(folder)
        self._samples = take_samples(
            self._base, folder, count=plan.training_sample, seed=plan.sample_seed, quick=plan.quick
        )

    def all(self) -> SweepOutcome:
        """Does everything."""
        with LiveLine() as line:
            trials = self._trials(line)
            for number, trial in enumerate(trials, start=1):
                if not self._results.is_done(trial.key):
                    self._do(trial, f"run {number} of {len(trials)}", line)
        outcome = self._outcome(trials)
        self._results.write(config=self._plan.path, metric=outcome.metric, override=outcome.override)
        return outcome

    def _trials(self, line: LiveLine) -> list[Trial]:
        """All settings with one seed before any with the next: a sweep that is interrupted has compared something."""
        lengths = {setting: self._steps(setting, line) for setting in self._wholes}
        first = self._base.proto.train_config.seed or 1
        return [
            Trial(setting, trial_config(whole, self._samples, steps=lengths[setting], seed=first + number))
            for number in range(self._plan.seeds)
            for setting, whole in self._wholes.items()
        ]

    def _do(self, trial: Trial, what: str, line: LiveLine) -> None:
        told = ": ".join(filter(None, [what, trial.setting.label]))
        line.show(told)
        folder = self._folder / "runs" / trial.key
        outcome = self._run(trial, folder, lambda last: line.show(told, last[:_SHOWN]))
        self._results.add(trial, outcome)
        self._results.write(config=self._plan.path)
        line.clear()
        row = self._results.ranked([trial], self._results.metric("", [trial.key]))[0]
        said = f"{row.score:.4f}" if row.score is not None else row.reason
        _logger.info("%s, seed %d: %s (%s)", trial.setting.label, trial.seed, said, duration(row.seconds))

    def _steps(self, setting: Setting, line: LiveLine) -> int:
        """The length of a run: as many images as the others see, or as many as there is time for."""
        plan, train = self._plan, self._base.proto.train_config
        if not plan.minutes:
            usual = _QUICK_STEPS if plan.quick else max(train.num_steps // _SHARE, 1)
            images = (plan.steps or usual) * train.batch_size
            return max(round(images / self._wholes[setting].proto.train_config.batch_size), 1)
        label = setting.without_rate.label
        key = f"{label} in {plan.minutes:g} minutes [{self._version}]".lstrip()
        known = self._results.steps_of(key)
        if known is None:
            known = self._measured_steps(self._wholes[setting], f"measuring {label}".rstrip(), line)
            self._results.note_steps(key, known)
        return known

    @property
    def _version(self) -> str:
        """Of the config without any setting, and of what is read: a change of either may change the speed."""
        return Trial(Setting(()), trial_config(self._base, self._samples, steps=_ENDLESS, seed=1)).key

    def _measured_steps(self, whole: PipelineConfig, what: str, line: LiveLine) -> int:
        endless = trial_config(whole, self._samples, steps=_ENDLESS, seed=1)
        with tempfile.TemporaryDirectory(prefix="efficientdet-tune-") as folder:
            job = Job("run", endless, folder, _MEASURED_SECONDS)
            figures = run_figures(self._measure(job, lambda detail, left: line.show(what, detail, left)))
        seconds = 60 * self._plan.minutes
        steps = steps_within(figures, seconds)
        if not steps:
            raise ConfigError(f"{self._plan.path}: not even one step and an evaluation fit into {duration(seconds)}")
        return steps

    def _outcome(self, trials: Sequence[Trial]) -> SweepOutcome:
        metric = self._results.metric(self._plan.metric, [trial.key for trial in trials])
        ranked = self._results.ranked(trials, metric)
        winner = ranked[0].setting if ranked and ranked[0].score is not None else None
        override = "" if winner is None else override_text(self._base, self._wholes[winner])
        return SweepOutcome(metric, ranked, winner, override)


def _whole(plan: SweepPlan, setting: Setting) -> PipelineConfig:
    try:
        config = setting_config(plan.path, plan.overrides, setting)
        validate(config, for_="train")
    except ConfigError as error:
        raise ConfigError(f"{setting.label}: {error}" if setting.values else str(error)) from None
    return config
