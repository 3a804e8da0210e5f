# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Processes that are started here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from efficientdet.child_process import child, child_environment, last_lines

_ROOT = str(Path(__file__).resolve().parents[1])


def test_a_child_is_no_worker_and_finds_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"TF_CONFIG": "{}", "HOME": "/home", "PYTHONPATH": "/more"}
    assert child_environment(given) == {"HOME": "/home", "PYTHONPATH": f"{_ROOT}{os.pathsep}/more"}
    monkeypatch.setenv("TF_CONFIG", "{}")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    own = child_environment()
    assert "TF_CONFIG" not in own
    assert own["PYTHONPATH"] == _ROOT


@pytest.mark.parametrize("listens", [True, False])
def test_what_a_child_writes(listens: bool, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    code = "import os, sys; print(os.environ['HUE']); sys.stderr.buffer.write(b'\\xff\\n\\n'); sys.exit(3)"
    with child(["-c", code], log, listens=listens, more={"HUE": "red"}) as process:
        said = process.stdout.read() if process.stdout else None
        assert process.wait() == 3
    assert said == ("red\n" if listens else None)
    assert sorted(last_lines(log)) == ["before", *([] if listens else ["red"]), "\ufffd"]
    assert last_lines(log, 1) != ["before"]


@pytest.mark.parametrize(("seconds", "saved"), [(0.0, False), (20.0, True)])
def test_no_child_outlives_its_parent(seconds: float, saved: bool, tmp_path: Path) -> None:
    file = tmp_path / "saved"
    code = (
        "import pathlib, signal, sys, time; "
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(file)!r}).touch(), sys.exit(0))); "
        "print('ready', flush=True); time.sleep(60)"
    )
    with child(["-c", code], tmp_path / "log.txt", seconds_to_leave=seconds) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    assert process.returncode is not None
    assert file.exists() == saved


def test_an_interrupt_while_a_child_leaves_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    )
    wait = subprocess.Popen.wait

    def interrupted(process: subprocess.Popen[str], timeout: float | None = None) -> int:
        if timeout is not None:
            raise KeyboardInterrupt
        return wait(process)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    context = child(["-c", code], tmp_path / "log.txt", seconds_to_leave=20.0)
    process = context.__enter__()
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    with pytest.raises(KeyboardInterrupt):
        context.__exit__(None, None, None)
    assert process.returncode is not None


def test_last_lines_of_a_long_log(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("first " + "x" * 70000 + "\n" + "\n".join(map(str, range(100))) + "\n \n")
    assert last_lines(log, 2) == ["98", "99"]
    assert last_lines(log, None) == [str(number) for number in range(100)]  # nothing of the line that is cut
