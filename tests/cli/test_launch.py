# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Processes that start, stop and fail together; small programs stand in for workers."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from efficientdet.cli import launch as launching
from efficientdet.cli import train
from efficientdet.cli.launch import launch
from efficientdet.errors import UsageError
from efficientdet.training.clusters import TF_CONFIG
from tests.end_to_end.tiny import CONFIG


@pytest.fixture(autouse=True)
def _without_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def _stand_in(program: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Lets workers run a program, in which `index` is their number and `folder` a folder."""
    start = (
        "import json, os, signal, sys, time\nfrom pathlib import Path\n"
        f"folder, index = Path({str(folder)!r}), json.loads(os.environ['TF_CONFIG'])['task']['index']\n"
    )
    monkeypatch.setattr(launching, "_command", lambda arguments: [sys.executable, "-c", start + program, *arguments])


def test_each_worker_knows_its_place_and_writes_to_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stand_in(
        "(folder / f'{index}.json').write_text(json.dumps([os.environ['TF_CONFIG'], sys.argv[1:]]))\n"
        "print('I am', index)",
        monkeypatch,
        tmp_path,
    )
    assert launch(["--a", "b"], 3, tmp_path / "run") == 0
    told = [json.loads((tmp_path / f"{index}.json").read_text()) for index in range(3)]
    assert [words for _, words in told] == [["--a", "b"]] * 3
    clusters = [json.loads(text) for text, _ in told]
    assert [cluster["task"] for cluster in clusters] == [{"type": "worker", "index": index} for index in range(3)]
    assert len({tuple(cluster["cluster"]["worker"]) for cluster in clusters}) == 1
    assert len(set(clusters[0]["cluster"]["worker"])) == 3
    logs = {path.name: path.read_text() for path in (tmp_path / "run" / "workers").iterdir()}
    assert logs == {"worker-1.log": "I am 1\n", "worker-2.log": "I am 2\n"}


@pytest.mark.parametrize(
    ("end", "code", "sentence"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", 137, "worker 1 was killed by SIGKILL, and the training ends"),
        ("sys.exit(2)", 2, "worker 1 failed with exit code 2, and the training ends"),
    ],
)
def test_one_that_fails_ends_the_others(
    end: str,
    code: int,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(launching, "_SECONDS_AFTER_A_FAILURE", 0.2)
    _stand_in(f"time.sleep(60) if index != 1 else {end}", monkeypatch, tmp_path)
    started = time.monotonic()
    assert launch([], 2, tmp_path) == code
    assert time.monotonic() - started < 10
    error = capfd.readouterr().err
    assert sentence in error
    assert str(tmp_path / "workers" / "worker-1.log") in error


def test_a_signal_reaches_all_and_their_work_is_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _stand_in(
        "def stop(*rest):\n    time.sleep(0.3 * index)\n    (folder / f'{index}.saved').touch()\n    sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, stop)\n(folder / f'{index}.ready').touch()\ntime.sleep(60)",
        monkeypatch,
        tmp_path,
    )

    def terminate() -> None:
        while len(list(tmp_path.glob("*.ready"))) < 2:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=terminate, daemon=True).start()
    before = signal.getsignal(signal.SIGTERM)
    assert launch([], 2, tmp_path) == 143
    assert sorted(path.name for path in tmp_path.glob("*.saved")) == ["0.saved", "1.saved"]
    assert capfd.readouterr().err == ""
    assert signal.getsignal(signal.SIGTERM) is before


def test_one_that_does_not_end_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launching, "_SECONDS_AFTER_AN_END", 0.3)
    _stand_in("time.sleep(60 * index)", monkeypatch, tmp_path)
    assert launch([], 2, tmp_path) == 1
    assert "worker 1 did not end with the others, and was killed" in capfd.readouterr().err


def test_the_chief_may_take_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "_SECONDS_AFTER_AN_END", 0.1)
    _stand_in("time.sleep(0 if index else 0.6)", monkeypatch, tmp_path)
    assert launch([], 2, tmp_path) == 0


def test_gpus_are_dealt_out() -> None:
    environments = launching._environments(2, {"CUDA_VISIBLE_DEVICES": "3,1,0,2"})
    assert [environment["CUDA_VISIBLE_DEVICES"] for environment in environments] == ["3,1", "0,2"]
    with pytest.raises(UsageError, match=r"GPUs of this machine \(1\)"):
        launching._environments(2, {"CUDA_VISIBLE_DEVICES": "0"})


def _train(*flags: str) -> int:
    return train.main([f"--pipeline_config_path={CONFIG}", "--model_dir=/nowhere", *flags])


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--workers=2", "--checkpoint_dir=x"], "--workers: cannot be used together with --checkpoint_dir"),
        (["--checkpoint_dir=x", "--max_hours=1"], "--max_hours: means nothing with --checkpoint_dir"),
        (["--checkpoint_dir=x", "--restart_schedule"], "--restart_schedule: means nothing with --checkpoint_dir"),
        (["--cluster=slurm", "--use_tpu"], "--cluster: cannot be used together with --use_tpu"),
        (["--workers=2", "--cluster=slurm"], "--workers: starts workers of its own"),
        (["--cluster=slurm"], "no task that srun started"),
    ],
)
def test_flags_that_contradict_each_other(
    flags: list[str], reason: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLURM_STEP_NODELIST", raising=False)
    assert _train(*flags) == 2
    assert reason in capsys.readouterr().err


def test_workers_are_counted_as_tfods_flag_counts_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(TF_CONFIG, json.dumps({"cluster": {"worker": ["a:1", "b:2"]}, "task": {"index": 1}}))
    assert _train("--num_workers=3") == 2
    assert "--num_workers 3: TF_CONFIG names 2" in capsys.readouterr().err


def test_a_command_line_of_a_worker() -> None:
    assert train._without_workers(["--a", "--workers", "2", "-b", "--workers=3", "c"]) == ["--a", "-b", "c"]
