# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the fields of `train_config` do that end a run early, keep its best checkpoint, or bring it back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from efficientdet.builders.steering import build_fault_policy
from efficientdet.errors import ConfigError, TrainingError
from efficientdet.evaluation.evaluation import Evaluation
from efficientdet.experiment import Experiment, training
from efficientdet.training.trainer import Trainer, TrainerSettings
from efficientdet.types import Losses
from tests.end_to_end.tiny import CONFIG
from tests.fields.rows import config, field, parameters, train
from tests.training import stubs

_AP, _AR = "DetectionBoxes_Precision/mAP", "DetectionBoxes_Recall/AR@1"
# Of the evaluations at steps 1 to 5.
_VALUES = {
    _AP: [0.5, 0.75, 0.5, 0.75, 0.75],
    _AR: [0.1, 0.2, 0.3, 0.2, 0.2],
    "Loss/total_loss": [5.0, 4.0, 3.0, 2.0, 1.0],
}


def _evaluate(step: int) -> Evaluation:
    metrics = {name: _VALUES[name][step - 1] for name in (_AP, _AR)}
    return Evaluation(step, metrics, Losses(0.0, 0.0, 0.0, _VALUES["Loss/total_loss"][step - 1]), 1, 0.0)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trainer]:
    """Trains a toy for five steps, as a config says, in `tmp_path`."""
    (tmp_path / "labels.pbtxt").write_text("item { id: 1 name: 'circle' }")
    readers = " ".join(
        f'{name} {{ label_map_path: "{tmp_path}/labels.pbtxt" }}'
        for name in ("train_input_reader", "eval_input_reader")
    )
    fake = SimpleNamespace(
        num_records=4, exclude_known=lambda faults: None, check_unchanged=lambda: None, let_through=lambda check: None
    )
    monkeypatch.setattr(Experiment, "build_train_input", lambda self: fake)
    monkeypatch.setattr(Experiment, "evaluation", lambda self, detector, **more: _evaluate)
    monkeypatch.setattr(training, "build_diagnostics", lambda config, **more: [])

    def train_toy(*texts: str, options: dict[str, Any] | None = None, **data_options: Any) -> Trainer:
        trainer = stubs.make_trainer(settings=TrainerSettings(adjustable_rate=True), **data_options)
        monkeypatch.setattr(Experiment, "build_trainer", lambda self, *args, **kwargs: trainer)
        base = train("seed: 1 num_steps: 5 checkpoint_interval_steps: 9 diagnostics_interval_steps: 0", *texts)
        built = config(CONFIG, readers, "model { ssd { num_classes: 1 } } eval_config { interval_steps: 1 }", *base)
        Experiment(built.copy(), model_dir=tmp_path, record_summaries=False).train(**(options or {}))
        return trainer

    return train_toy


# Field, what is changed, the run's last step, that of the best checkpoint.
_STEERED = [
    (field("TrainConfig.keep_best_checkpoint", "TrainConfig.best_checkpoint_metric"), "", 5, 2),
    (field("TrainConfig.keep_best_checkpoint"), "keep_best_checkpoint: false", 5, None),
    (field("TrainConfig.best_checkpoint_metric"), f"best_checkpoint_metric: '{_AR}'", 5, 3),
    (field("TrainConfig.best_checkpoint_metric"), "best_checkpoint_metric: 'Loss/total_loss'", 5, 5),
    (field("EarlyStopping.patience"), "early_stopping { patience: 1 }", 3, 2),
    (field("EarlyStopping.patience"), "early_stopping { patience: 2 }", 4, 2),
    (field("EarlyStopping.min_delta"), "early_stopping { patience: 2 min_delta: 0.3 }", 3, 2),
    (field("EarlyStopping.metric"), f"early_stopping {{ patience: 1 metric: '{_AR}' }}", 4, 2),
    (field("EarlyStopping.metric"), f"early_stopping {{ patience: 1 }} best_checkpoint_metric: '{_AR}'", 4, 3),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "last", "best"), parameters(_STEERED))
def test_a_field_that_steers(
    changed: str, last: int, best: int | None, run: Callable[..., Trainer], tmp_path: Path
) -> None:
    assert run(changed).step == last
    kept = tmp_path / "best" / "metrics.json"
    assert (json.loads(kept.read_text())["step"] if kept.exists() else None) == best


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("best_checkpoint_metric: 'mAP'", r"train_config\.best_checkpoint_metric \(\"mAP\"\) must be one of Detection"),
        ("early_stopping { metric: 'loss' }", r"early_stopping\.metric \(\"loss\"\) must be one of .*Loss/total_loss"),
    ],
)
def test_a_metric_that_is_none_is_told_before_the_first_step(
    text: str, rule: str, run: Callable[..., Trainer], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=rule):
        run(text)
    assert not list(tmp_path.glob("ckpt-*"))


# Field, what is changed, the last step (None: an error ends the run), what was done about the fourth batch's NaN.
_RECOVERED: list[tuple[Any, ...]] = [
    (field("FaultHandling.action"), "", None, [("stop", None)]),
    (field("FaultHandling.action"), "action: SKIP_BATCH", 5, [("skip_batch", None)]),
    (field("FaultHandling.max_recoveries"), "action: SKIP_BATCH max_recoveries: 0", None, [("stop", None)]),
    (
        field("FaultHandling.action", "FaultHandling.max_recoveries", "FaultHandling.rate_factor"),
        "action: LOWER_RATE max_recoveries: 2 rate_factor: 0.25",
        None,
        [("lower_rate", 0.25), ("lower_rate", 0.25), ("stop", None)],
    ),
]


@pytest.mark.parametrize(("changed", "last", "actions"), parameters(_RECOVERED))
def test_a_field_of_fault_handling(
    changed: str, last: int | None, actions: list[Any], run: Callable[..., Trainer], tmp_path: Path
) -> None:
    text = f"fault_handling {{ {changed} }}"
    if last is None:
        with pytest.raises(
            TrainingError, match=r"not finite at step 4 .*Its batch, in pictures: incidents/step-4-batch-3"
        ):
            run(text, poisoned_step=4)
    else:
        assert run(text, poisoned_step=4).step == last
    incidents = json.loads((tmp_path / "incidents.json").read_text())["incidents"]
    assert [(incident["action"], incident["rate_factor"]) for incident in incidents] == actions
    assert incidents[0]["source_ids"] == ["picture"] * 4
    assert incidents[0]["causes"][0].startswith("pixels that are no numbers, in picture, picture, picture")
    assert len(list((tmp_path / "incidents" / "step-4-batch-3").glob("*.png"))) == 4
    assert len(json.loads((tmp_path / "incidents" / "step-4-batch-3" / "batch.json").read_text())["pictures"]) == 4


@field("FaultHandling.max_loss_jump")
def test_a_jump_that_is_allowed() -> None:
    limits = [
        build_fault_policy(config(CONFIG, *train(text))).max_loss_jump
        for text in ("", "fault_handling { max_loss_jump: 7 }")
    ]
    assert limits == [100.0, 7.0]


@field("TrainConfig.schedule_start_step")
def test_steps_count_from_the_start_of_the_schedule(run: Callable[..., Trainer]) -> None:
    assert run("num_steps: 1").step == 1
    assert run("num_steps: 2 schedule_start_step: 1").step == 3
    assert run("num_steps: 1", options={"restart_schedule": True}).step == 4
    assert run("num_steps: 2").step == 5  # what an earlier start was told stays: it is 3


def test_the_same_command_goes_on_with_a_schedule_that_it_began_anew(
    run: Callable[..., Trainer], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    restart = {"restart_schedule": True}
    run("num_steps: 1")
    with pytest.raises(TrainingError, match="not finite at step 3"):
        run("num_steps: 3", options=restart, poisoned_step=3)  # begins at 1, and leaves its best, step 2
    with caplog.at_level("INFO", logger="efficientdet"):
        assert run("num_steps: 3", options=restart).step == 4
    assert "began at step 1 is under way" in caplog.text
    (tmp_path / "ckpt-4.index").write_bytes(b"")  # damaged: the one before it counts
    assert run("num_steps: 3", options=restart).step == 4


@pytest.mark.parametrize(
    ("override", "idle"),
    [
        (
            "train_config { fault_handling { max_recoveries: 2 } }",
            "max_recoveries (2): has no effect where action is STOP",
        ),
        (
            "train_config { fault_handling { action: SKIP_BATCH rate_factor: 0.25 } }",
            "rate_factor (0.25): has no effect where action is not LOWER_RATE",
        ),
        (
            "train_config { early_stopping { patience: 2 } } eval_input_reader: []",
            "train_config.early_stopping: has no effect without eval_input_reader",
        ),
        (
            "train_config { best_checkpoint_metric: 'x' } eval_config { ignore_groundtruth: true }",
            'best_checkpoint_metric ("x"): has no effect with eval_config.ignore_groundtruth',
        ),
        (
            "train_config { best_checkpoint_metric: 'x' keep_best_checkpoint: false }",
            'best_checkpoint_metric ("x"): has no effect without keep_best_checkpoint and early_stopping',
        ),
        (
            "train_config { fault_handling { action: SKIP_BATCH max_recoveries: 0 } }",
            "action (SKIP_BATCH): has no effect where max_recoveries is 0: a fault ends training",
        ),
        (
            "train_config { fault_handling { action: LOWER_RATE rate_factor: 1 } }",
            "rate_factor (1.0): lowers no rate: the same fault is to be expected again",
        ),
        (
            "train_config { precision: FLOAT16 fault_handling { watch_gradients: false } }",
            "watch_gradients (false): has no effect with precision: FLOAT16, which looks at them in each step",
        ),
        (
            "train_config { loss_normalizer_scope: REPLICA } model { ssd { normalize_loss_by_num_matches: false } }",
            "(REPLICA): has no effect where model.ssd.normalize_loss_by_num_matches is false",
        ),
        (
            "train_config { checkpoint_interval_steps: 400 keep_checkpoint_every_n_steps: 1000 }",
            "(1000): is no multiple of checkpoint_interval_steps (400): every 2000 steps one is kept",
        ),
    ],
)
def test_what_steers_nothing_is_told(override: str, idle: str) -> None:
    assert sum(note.endswith(idle) for note in config(CONFIG, override).notes) == 1


@pytest.mark.parametrize("value", ["1", "0.5"])
def test_a_jump_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"max_loss_jump .*must be 0, which allows any, or above 1"):
        config(CONFIG, f"train_config {{ fault_handling {{ max_loss_jump: {value} }} }}")
