# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Real processes that train one model: two of them do what one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from efficientdet.cli.launch import _free_ports
from efficientdet.training.clusters import TF_CONFIG, Cluster, tf_config

_ROOT = Path(__file__).resolve().parents[2]


def _start(folder: Path, cluster: Cluster | None, steps: int) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", TF_CONFIG: tf_config(cluster) if cluster else ""}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.worker_program", str(folder), str(steps)],
        cwd=_ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(*processes: subprocess.Popen[str]) -> None:
    try:
        for process in processes:
            _, errors = process.communicate(timeout=300)
            assert process.returncode == 0, errors[-3000:]
    finally:
        for process in processes:
            process.kill()


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    addresses = tuple(f"localhost:{port}" for port in _free_ports(2))
    _finish(_start(tmp_path / "one", None, 20))
    _finish(*(_start(tmp_path / "two", Cluster(addresses, index), 20) for index in range(2)))
    one = np.load(tmp_path / "one" / "worker-0.npz")
    two, other = (np.load(tmp_path / "two" / f"worker-{index}.npz") for index in range(2))
    for name in one.files:
        np.testing.assert_array_equal(two[name], other[name], err_msg=f"the workers differ: {name}")
        if name.startswith(("straight", "resumed")):
            continue  # each replica normalises by its own part of a batch: no run of one replica is like it
        exactness = {"rtol": 1e-5} if name.endswith("losses") else {"rtol": 1e-4, "atol": 1e-6}
        np.testing.assert_allclose(two[name], one[name], err_msg=name, **exactness)
    for name in ("evaluated.losses", "evaluated.metrics"):
        np.testing.assert_array_equal(two[name], one[name], err_msg=name)
    # A run that is resumed from what two workers saved goes on as they would have gone on.
    straight = [name for name in two.files if name.startswith("straight")]
    for name in straight:
        np.testing.assert_array_equal(two[name], two[name.replace("straight", "resumed")], err_msg=name)
    assert len(straight) > 5
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == [
        "eval-0",
        "run",
        "worker-0.npz",
        "worker-1.npz",
    ]
