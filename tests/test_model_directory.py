# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The folder of a run."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from efficientdet.config import PipelineConfig, load_config
from efficientdet.errors import ConfigError, UsageError
from efficientdet.model_directory import locked, reconcile, record
from tests.end_to_end.tiny import CONFIG


def _config(*overrides: str) -> PipelineConfig:
    return load_config(CONFIG, overrides)


def _without_seed(*overrides: str) -> PipelineConfig:
    config = _config(*overrides)
    config.proto.train_config.ClearField("seed")
    return config


def _start(folder: Path, config: PipelineConfig, *, resuming: bool = False) -> PipelineConfig:
    config = reconcile(folder, config, resuming=resuming)
    record(folder, config)
    return config


def test_a_fresh_folder_gets_the_resolved_config(tmp_path: Path) -> None:
    _start(tmp_path / "run", _config("train_config { batch_size: 6 }"))
    written = load_config(tmp_path / "run" / "pipeline.config").proto
    assert written.train_config.batch_size == 6
    assert written.model.ssd.feature_extractor.HasField("survival_probability")  # filled by the lineage


def test_a_drawn_seed_is_kept_for_the_resume(tmp_path: Path) -> None:
    first = _start(tmp_path, _without_seed()).proto.train_config.seed
    assert _start(tmp_path, _without_seed(), resuming=True).proto.train_config.seed == first


def test_a_drawn_seed_is_kept_beside_a_users_config_in_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.config"
    text = "".join(line for line in CONFIG.read_text().splitlines(keepends=True) if "seed:" not in line)
    path.write_text(text)
    first = _start(tmp_path, load_config(path)).proto.train_config.seed
    assert path.read_text() == text
    assert _start(tmp_path, load_config(path), resuming=True).proto.train_config.seed == first


def test_another_recipe_may_go_on_and_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _start(tmp_path, _config())
    with caplog.at_level(logging.INFO, logger="efficientdet"):
        _start(tmp_path, _config("train_config { batch_size: 6 }"), resuming=True)
    assert "train_config.batch_size: 4 -> 6" in caplog.text
    assert "will not see the records in the order" in caplog.text


@pytest.mark.parametrize(
    ("override", "difference"),
    [
        ("model { ssd { num_classes: 7 } }", "model.ssd.num_classes: 5 -> 7"),
        (
            "model { ssd { anchor_generator { multiscale_anchor_generator { anchor_scale: 4 } } } }",
            "anchor_scale: 3.0 -> 4",
        ),
        (
            "model { ssd { box_predictor { weight_shared_convolutional_box_predictor { depth: 32 } } } }",
            "weight_shared_convolutional_box_predictor.depth: 64 -> 32",
        ),
    ],
)
def test_another_model_is_refused_where_checkpoints_are(tmp_path: Path, override: str, difference: str) -> None:
    _start(tmp_path, _config())
    before = (tmp_path / "pipeline.config").read_text()
    with pytest.raises(ConfigError, match="holds a run of another model") as raised:
        _start(tmp_path, _config(override), resuming=True)
    assert difference in str(raised.value)
    assert (tmp_path / "pipeline.config").read_text() == before
    _start(tmp_path, _config(override))  # without checkpoints nothing is lost


def test_how_weights_start_and_decay_may_change(tmp_path: Path) -> None:
    _start(tmp_path, _config())
    hyperparams = "conv_hyperparams { regularizer { l2_regularizer { weight: 1e-4 } } batch_norm { decay: 0.9 } }"
    _start(tmp_path, _config(f"model {{ ssd {{ feature_extractor {{ {hyperparams} }} }} }}"), resuming=True)


def test_a_training_does_not_move_into_an_export(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(ConfigError, match=r"holds an export or a conversion: .* Choose another --model_dir"):
        reconcile(tmp_path, _config(), resuming=False)


_HOLD = """
import sys, time
from efficientdet.model_directory import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        text = f"{folder} is in use: process {process.pid} on {socket.gethostname()}, started 20"
        with pytest.raises(UsageError) as caught, locked(folder):
            pass
        assert str(caught.value).startswith(text)
        assert str(caught.value).endswith(", trains there. Wait until it ends, or choose another --model_dir")
        process.send_signal(signal.SIGKILL)
        process.wait()
    with locked(folder):
        assert json.loads((folder / ".lock").read_text())["pid"] == os.getpid()
        with pytest.raises(UsageError, match=f"process {os.getpid()} on"), locked(folder):
            pass
    with locked(folder):
        pass


def test_a_lock_whose_text_is_half_written_is_still_one(tmp_path: Path) -> None:
    with locked(tmp_path):
        (tmp_path / ".lock").write_text('{"pid": 1')
        with pytest.raises(UsageError, match="is in use: another process trains there"), locked(tmp_path):
            pass


def test_a_file_system_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path):
        assert f"{tmp_path} cannot be locked (No locks available)" in caplog.text


def test_a_folder_that_cannot_be_written_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot write to .*file: File exists. Choose"), locked(tmp_path / "file"):
        pass
    number = errno.EROFS

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UsageError, match=r"cannot write to .*: Read-only file system"), locked(tmp_path):
        pass
    monkeypatch.undo()
    monkeypatch.setattr(os, "pwrite", refuse)
    number = errno.ENOSPC
    with pytest.raises(UsageError, match=r"cannot write to .*: No space left on device"), locked(tmp_path):
        pass
