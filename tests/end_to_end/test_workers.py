# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Two worker processes on a tiny network: they evaluate as one, and they stop, fail and resume together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from efficientdet.cli.launch import _free_ports
from efficientdet.training.clusters import TF_CONFIG, Cluster, tf_config
from efficientdet.training.distribution import SECONDS_TO_MISS
from tests.end_to_end import tiny

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 300.0  # seconds; workers trace their networks at the same time


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.draw_records(tmp_path_factory.mktemp("records"), num_train=8, num_val=7)


@contextmanager
def _training(
    records: Path, model_dir: Path, *flags: str, cluster: Cluster | None = None
) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", TF_CONFIG: tf_config(cluster) if cluster else ""}
    words = tiny.train_flags(records, model_dir, "--override=train_config { batch_size: 4 seed: 3 }", *flags)
    log = model_dir.with_name(f"{model_dir.name}-{time.monotonic_ns()}.log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "efficientdet.cli.main", "train", *words],
            cwd=_ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            text=True,
        )
    process.log = log  # type: ignore[attr-defined]
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _log(process: subprocess.Popen[str]) -> str:
    return process.log.read_text()  # type: ignore[attr-defined,no-any-return]


def _wait_for(condition: Callable[[], Any], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert process.poll() is None, _log(process)[-3000:]
        assert time.monotonic() < deadline, _log(process)[-3000:]
        time.sleep(0.1)


def _ends(process: subprocess.Popen[str], code: int) -> str:
    assert process.wait(_PATIENCE) == code, _log(process)[-3000:]
    return _log(process)


def _evaluation(model_dir: Path) -> dict[str, float]:
    record = json.loads((model_dir / "eval" / "metrics.jsonl").read_text().splitlines()[-1])
    del record["seconds"]
    return record


def test_two_workers_evaluate_as_one(records: Path, tmp_path: Path) -> None:
    flags = ("--num_train_steps=2", "--save_detections")
    model_dir = tmp_path / "run"
    with _training(records, model_dir, *flags) as process:
        _ends(process, 0)
    folder = model_dir / "eval" / "step-2"
    before, files = _evaluation(model_dir), {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.iterdir():
        path.unlink()
    with _training(records, model_dir, *flags, "--workers=2") as process:  # what is complete is evaluated once more
        assert "trained to step 2 already" in _ends(process, 0)
    assert _evaluation(model_dir) == before
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    assert len(files) == 2


def test_a_signal_to_the_launcher_stops_both_at_one_step_and_both_resume(records: Path, tmp_path: Path) -> None:
    model_dir = tmp_path / "run"
    flags = ("--workers=2", "--checkpoint_every_n=10000", "--num_train_steps=10000")
    with _training(records, model_dir, *flags) as process:
        _wait_for(lambda: "step 1/10000" in _log(process), process)
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _ends(process, 128 + signal.SIGTERM)
        assert time.monotonic() - told < 30
    (index,) = model_dir.glob("ckpt-*.index")
    step = int(index.stem.removeprefix("ckpt-"))
    with _training(records, model_dir, *flags) as process:
        _wait_for(lambda: f"step {step + 1}/10000" in _log(process), process)
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
        told = time.monotonic()
        os.kill(int(children.stdout.split()[-1]), signal.SIGKILL)
        log = _ends(process, 128 + signal.SIGKILL)
        assert time.monotonic() - told < 10
    assert f"resumed from {model_dir / index.stem}" in log
    assert "worker 1 was killed by SIGKILL, and the training ends" in log


@pytest.mark.parametrize("victim", [0, 1])
def test_who_loses_a_worker_ends_with_a_sentence(victim: int, records: Path, tmp_path: Path) -> None:
    addresses = tuple(f"localhost:{port}" for port in _free_ports(2))
    flags = ("--checkpoint_every_n=10000", "--num_train_steps=10000")
    with (
        _training(records, tmp_path / "run", *flags, cluster=Cluster(addresses, 0)) as chief,
        _training(records, tmp_path / "run", *flags, cluster=Cluster(addresses, 1)) as other,
    ):
        _wait_for(lambda: "step 1/10000" in _log(chief), chief)
        workers = [chief, other]
        workers[victim].kill()
        told = time.monotonic()
        log = _ends(workers[1 - victim], 2)
        assert time.monotonic() - told < SECONDS_TO_MISS + 10
    assert f"error: worker {victim} is lost" in log
