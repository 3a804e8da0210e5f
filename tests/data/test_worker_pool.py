# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Work in several processes is the work of one, in its order; whatever ends it ends all of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from efficientdet.data.worker_pool import Job, Step, work_at
from efficientdet.errors import DataError

_JOB = Job("read pictures", str)
_DEADLY, _WRONG = "deadly", "wrong"


def double(shared: int, piece: int | str, step: Step) -> int:
    """A piece of work."""
    if piece == _DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    if piece == _WRONG:
        raise DataError("this piece is wrong")
    for _ in range(2):
        step()
    return shared + 2 * int(piece)


def endless(shared: object, piece: int, step: Step) -> None:
    """Goes on until it is told that nobody waits."""
    while True:
        time.sleep(0.001)
        step()


def test_one_process_counts_every_step():
    counts: list[int] = []
    found = work_at(_JOB, double, 100, iter(range(3)), 1, counts.append)
    assert next(found) == 100
    assert counts == [1, 2]
    assert list(found) == [102, 104]
    assert counts == [1, 2, 3, 4, 5, 6]
    assert list(work_at(_JOB, double, 100, iter(()), 1)) == []
    with pytest.raises(DataError, match="this piece is wrong"):
        list(work_at(_JOB, double, 100, iter([1, _WRONG]), 1))


def test_processes_yield_in_order_and_count_every_step():
    counts: list[int] = []
    assert list(work_at(_JOB, double, 100, iter(range(20)), 2, counts.append)) == [100 + 2 * i for i in range(20)]
    assert counts == sorted(counts)
    assert counts[-1] == 40


@pytest.mark.slow
def test_pieces_are_taken_as_results_are():
    taken: list[int] = []
    found = work_at(_JOB, double, 0, (taken.append(i) or i for i in range(100)), 2)
    assert next(found) == 0
    assert len(taken) < 10
    found.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("piece", "message"),
    [
        (_DEADLY, r"a process that was to read pictures was ended from outside, at \w+ or something after it: memory"),
        (_WRONG, "this piece is wrong"),
    ],
)
def test_what_happens_in_a_process_ends_all(piece, message):
    shared = bytes(10_000_000)  # more than a pipe takes at once
    with pytest.raises(DataError, match=message):
        list(work_at(_JOB, _length, shared, iter([1, 2, piece, *range(50)]), 2))


def _length(shared: bytes, piece: int | str, step: Step) -> int:
    return double(len(shared), piece, step)


_SCRIPT = """
import multiprocessing, os, signal, sys
from efficientdet.data.worker_pool import Job, work_at
from tests.data.test_worker_pool import endless

if __name__ == "__main__":
    try:
        def interrupt(done):
            if done > 10:
                os.killpg(os.getpgrp(), signal.SIGINT)  # as a terminal does
        list(work_at(Job("read pictures", str), endless, bytes(10_000_000), iter(range(9)), 2, interrupt))
    except KeyboardInterrupt:
        assert not multiprocessing.active_children()
        print("ended; tensorflow" if "tensorflow" in sys.modules else "ended")
"""


def _run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=60, cwd=root, check=False,
        env={"PYTHONPATH": str(root)}, start_new_session=True, **options,
    )  # fmt: skip


@pytest.mark.slow
def test_ctrl_c_ends_all_processes(tmp_path):
    (tmp_path / "script.py").write_text(_SCRIPT)
    result = _run(tmp_path / "script.py")
    assert (result.stdout.strip(), result.stderr) == ("ended", "")


@pytest.mark.slow
def test_processes_that_cannot_start_are_an_error_and_no_hang():
    result = _run("-", input=_SCRIPT)
    assert "no process could be started to read pictures" in result.stderr
