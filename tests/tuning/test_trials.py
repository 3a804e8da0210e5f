# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One run of a sweep: its config, its process, its results."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import pytest

from efficientdet.config import load_config, write_config
from efficientdet.data.files import scan_tfrecord
from efficientdet.data.record_encoding import frame_record
from efficientdet.errors import ConfigError, UsageError
from efficientdet.tuning import trial_runner
from efficientdet.tuning.search_space import Setting
from efficientdet.tuning.trial import Samples, Trial, setting_config, take_samples, trial_config
from efficientdet.tuning.trial_results import TrialResults
from efficientdet.tuning.trial_runner import Outcome, run_trial
from tests.doctor.machine.figures import CONFIG, SCHEDULE, bccd_config
from tests.end_to_end import tiny

_SAMPLES = Samples("", "", "/x/train-sample.record")


def _trial(rate: str, seed: int = 1) -> Trial:
    setting = Setting((("rate", rate),))
    whole = setting_config(str(CONFIG), [SCHEDULE], setting)
    return Trial(setting, trial_config(whole, _SAMPLES, steps=20, seed=seed))


def test_a_trial_is_a_short_run_scored_twice_at_its_end() -> None:
    config = trial_config(bccd_config(), _SAMPLES, steps=20, seed=5)
    train, evaluation = config.proto.train_config, config.proto.eval_config
    assert (train.num_steps, train.seed) == (20, 5)
    assert train.optimizer.momentum_optimizer.learning_rate.cosine_decay_learning_rate.total_steps == 20
    assert (train.checkpoint_interval_steps, evaluation.interval_steps) == (20, 20)
    assert [reader.name for reader in config.proto.eval_input_reader] == ["eval", "train_sample"]
    inputs = [list(reader.tf_record_input_reader.input_path) for reader in config.proto.eval_input_reader]
    assert inputs == [["runs/bccd/data/val.record"], ["/x/train-sample.record"]]
    assert list(config.proto.train_input_reader.tf_record_input_reader.input_path) == ["runs/bccd/data/train.record"]


def test_a_quick_trial_reads_samples_only() -> None:
    config = trial_config(bccd_config(), Samples("/x/a", "/x/b", "/x/a"), steps=20, seed=5)
    readers = [config.proto.train_input_reader, *config.proto.eval_input_reader]
    assert [list(reader.tf_record_input_reader.input_path) for reader in readers] == [["/x/a"], ["/x/b"], ["/x/a"]]


def test_a_trial_can_be_read_as_a_config(tmp_path: Path) -> None:
    trial = _trial("0.5")
    write_config(trial.config, tmp_path / "trial.config")
    assert load_config(tmp_path / "trial.config").proto == trial.config.proto


def test_the_key_changes_with_all_that_counts() -> None:
    keys = {_trial("0.5").key, _trial("0.6").key, _trial("0.5", seed=2).key}
    assert len(keys) == 3
    assert _trial("0.5").key == _trial("0.5").key


def _records(folder: Path) -> list[str]:
    for name, count in (("train", 150), ("val", 120)):
        pieces = [piece for number in range(count) for piece in frame_record(b"%d" % number)]
        (folder / f"{name}.record").write_bytes(b"".join(pieces))
    return [SCHEDULE, tiny.data_override(folder)]


def test_samples_are_written_once(tmp_path: Path) -> None:
    config = bccd_config(*_records(tmp_path))
    out = tmp_path / "out"
    samples = take_samples(config, out, count=20, seed=1, quick=False)
    assert samples[:2] == ("", "")
    assert scan_tfrecord(samples.training_sample) == 20
    written = Path(samples.training_sample).stat().st_mtime_ns
    assert take_samples(config, out, count=20, seed=1, quick=False) == samples
    assert Path(samples.training_sample).stat().st_mtime_ns == written
    assert take_samples(config, out, count=20, seed=2, quick=False) != samples
    (tmp_path / "val.record").write_bytes((tmp_path / "train.record").read_bytes())  # other data, other samples
    assert take_samples(config, out, count=20, seed=1, quick=False) != samples
    _records(tmp_path)
    quick = take_samples(config, out, count=20, seed=1, quick=True)
    assert [scan_tfrecord(path) for path in quick] == [100, 100, 100]
    assert quick.training_sample == quick.training


def test_trials_need_data_to_be_scored_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="eval_input_reader is needed"):
        take_samples(bccd_config("eval_input_reader: []"), tmp_path, count=1, seed=1, quick=False)


@pytest.fixture
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_runner, "_TRAINING", ("tests.tuning.fake_training",))
    monkeypatch.setattr(trial_runner, "_POLL_SECONDS", 0.02)


@pytest.mark.usefixtures("_fake")
def test_scores_come_back(tmp_path: Path) -> None:
    seen: list[str] = []
    outcome = run_trial(_trial("0.01"), tmp_path / "run", seen.append)
    assert (outcome.status, outcome.reason) == ("done", "")
    assert outcome.scores == pytest.approx({"AP": 0.491, "Loss/total_loss": 0.509})
    assert outcome.training_scores["AP"] == pytest.approx(0.591)
    assert set(seen) <= {"", "step 1/20"}


@pytest.mark.usefixtures("_fake")
@pytest.mark.parametrize(
    ("rate", "status", "reason"),
    [("666", "diverged", "the loss is not finite at step 3"), ("665", "failed", "a mistake of ours"),
     ("664", "failed", "step 1/20")],
)  # fmt: skip
def test_what_went_wrong_is_told(tmp_path: Path, rate: str, status: str, reason: str) -> None:
    outcome = run_trial(_trial(rate), tmp_path)
    assert outcome.status == status
    assert reason in outcome.reason
    assert outcome.scores == {}


@pytest.mark.usefixtures("_fake")
def test_an_interrupt_ends_the_run_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[subprocess.Popen[str]] = []

    def interrupted(child: subprocess.Popen[str], *_: object) -> int:
        children.append(child)
        time.sleep(0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr(trial_runner, "_followed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_trial(_trial("663"), tmp_path)
    assert children[0].poll() is not None
    assert threading.active_count() < 50


def _done(score: float, loss: float = 1.0) -> Outcome:
    return Outcome("done", "", {"AP": score, "Loss/total_loss": loss}, {"AP": score + 0.1}, 2.0)


def test_results_are_kept_and_ranked(tmp_path: Path) -> None:
    results = TrialResults(tmp_path)
    trials = [_trial("0.5"), _trial("0.5", seed=2), _trial("0.6"), _trial("0.7"), _trial("0.8")]
    outcomes = [_done(0.2, 3.0), _done(0.4, 3.0), _done(0.1), Outcome("diverged", "nan", {}, {}, 1.0)]
    for trial, outcome in zip(trials, outcomes, strict=False):
        results.add(trial, outcome)
    results.write(config="x")
    again = TrialResults(tmp_path)
    assert [again.is_done(trial.key) for trial in trials] == [True, True, True, True, False]
    keys = [trial.key for trial in trials]
    assert again.metric("", keys) == "AP"
    ranked = again.ranked(trials, "AP")
    assert [row.setting.rate for row in ranked] == [0.5, 0.6, 0.7]
    assert ranked[0].score == pytest.approx(0.3)
    assert ranked[0].spread == pytest.approx(0.2)
    assert ranked[0].training_score == pytest.approx(0.4)
    assert (ranked[2].score, ranked[2].reason) == (None, "nan")
    assert [row.setting.rate for row in again.ranked(trials, "Loss/total_loss")] == [0.6, 0.5, 0.7]  # less is better
    with pytest.raises(UsageError, match="called 'mAP'; there are AP, Loss/total_loss"):
        again.metric("mAP", keys)


def test_a_run_that_failed_is_tried_again(tmp_path: Path) -> None:
    results = TrialResults(tmp_path)
    results.add(_trial("0.5"), Outcome("failed", "no space left", {}, {}, 1.0))
    assert not results.is_done(_trial("0.5").key)
    results.add(_trial("0.5"), _done(0.5))
    assert results.is_done(_trial("0.5").key)
    assert results.ranked([_trial("0.5")], "AP")[0].runs == 1


def test_a_strange_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tune.json").write_text("[1, 2]")
    with pytest.raises(UsageError, match="is not of a sweep"):
        TrialResults(tmp_path)
