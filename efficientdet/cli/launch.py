# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Several workers on one machine: `efficientdet train --workers N`. They start, stop and fail together."""

from __future__ import annotations

import ctypes
import logging
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from efficientdet.child_process import child_environment
from efficientdet.errors import UsageError
from efficientdet.training.clusters import TF_CONFIG, Cluster, tf_config

_logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_SECONDS_AFTER_A_FAILURE = 5.0  # for the others to end by themselves, and to say why
_SECONDS_AFTER_AN_END = 60.0  # for the others to end after one has done its work; the chief has more to do at the end
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
_STOPPED = (0, *(128 + number for number in _PASSED_ON))  # exit codes of a worker that ended as it was asked to
_PR_SET_PDEATHSIG = 1


class _Worker(NamedTuple):
    process: subprocess.Popen[bytes]
    log: Path | None  # None: it writes to where this process writes


def launch(arguments: Sequence[str], count: int, model_dir: str | os.PathLike[str]) -> int:
    """Runs `efficientdet train` in several processes of this machine, until all have ended.

    The first one, the chief, writes to this process's output, the others to `<model_dir>/workers/worker-N.log`. Signals
    are passed on. If one fails, the others are ended within ten seconds.

    Args:
      arguments: of each.
      count: of workers.
      model_dir: of the run.

    Returns:
      The exit code: that of the worker that failed first; else 0, or that of workers that were told to stop.

    Raises:
      UsageError: the machine has GPUs, but not one for each.
    """
    environments = _environments(count, os.environ)
    with ExitStack() as stack:
        workers = [
            _start(index, arguments, environment, Path(model_dir), stack)
            for index, environment in enumerate(environments)
        ]
        stack.enter_context(_signals_passed_on(workers))
        return _wait(workers)


def _environments(count: int, environment: Mapping[str, str]) -> list[dict[str, str]]:
    """The environment of each worker: its place in the cluster, and its GPUs."""
    addresses = tuple(f"localhost:{port}" for port in _free_ports(count))
    gpus = _visible_gpus(environment)
    if gpus and len(gpus) % count:
        raise UsageError(
            f"--workers {count}: the GPUs of this machine ({len(gpus)}) cannot be dealt out evenly. One process uses "
            "all of them just as well: leave --workers out"
        )
    share = len(gpus) // count
    return [
        {
            **child_environment(environment),
            TF_CONFIG: tf_config(Cluster(addresses, index)),
            **({"CUDA_VISIBLE_DEVICES": ",".join(gpus[index * share : (index + 1) * share])} if gpus else {}),
        }
        for index in range(count)
    ]


def _free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens at."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("localhost", 0))
        return [listener.getsockname()[1] for listener in listeners]


def _visible_gpus(environment: Mapping[str, str]) -> list[str]:
    """The names of NVIDIA's GPUs that this process may use."""
    if "CUDA_VISIBLE_DEVICES" in environment:
        return [name for name in environment["CUDA_VISIBLE_DEVICES"].split(",") if name not in ("", "-1")]
    try:
        listing = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [str(number) for number, _ in enumerate(line for line in listing.splitlines() if line.startswith("GPU "))]


def _start(
    index: int, arguments: Sequence[str], environment: Mapping[str, str], model_dir: Path, stack: ExitStack
) -> _Worker:
    """Starts a worker, which is killed when the stack is left."""
    log = None if index == 0 else model_dir / "workers" / f"worker-{index}.log"
    output = None
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        output = stack.enter_context(log.open("ab"))
    process = subprocess.Popen(
        _command(arguments),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,  # a Ctrl-C of the terminal reaches this process only, which passes it on
        preexec_fn=_end_with_parent,
    )
    stack.callback(_kill, process)
    return _Worker(process, log)


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "efficientdet.cli.main", "train", *arguments]


def _end_with_parent() -> None:
    """Has Linux stop this process when the one that started it is killed."""
    with suppress(OSError, AttributeError):  # of another system
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


@contextmanager
def _signals_passed_on(workers: Sequence[_Worker]) -> Iterator[None]:
    def pass_on(number: int, frame: FrameType | None) -> None:
        for worker in workers:
            if worker.process.poll() is None:
                worker.process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(workers: Sequence[_Worker]) -> int:
    """Waits for all to end, and not for long once the chief has, or one has failed."""
    codes: dict[int, int] = {}  # in the order in which they ended
    deadline = math.inf
    while len(codes) < len(workers) and time.monotonic() < deadline:
        for index, worker in enumerate(workers):
            status = worker.process.poll()
            if status is None or index in codes:
                continue
            code = 128 - status if status < 0 else status  # as a shell counts those that a signal has ended
            if code not in _STOPPED and all(other in _STOPPED for other in codes.values()):
                deadline = time.monotonic() + _SECONDS_AFTER_A_FAILURE
            codes[index] = code
        if deadline == math.inf and 0 in codes:
            deadline = time.monotonic() + _SECONDS_AFTER_AN_END
        time.sleep(_POLL_SECONDS)
    return _exit_code(workers, codes)


def _exit_code(workers: Sequence[_Worker], codes: Mapping[int, int]) -> int:
    """Says in a sentence what went wrong, if anything did."""
    stuck = [index for index in range(len(workers)) if index not in codes]
    failed = next((index for index, code in codes.items() if code not in _STOPPED), None)
    if failed is not None:
        code = codes[failed]
        status = workers[failed].process.returncode
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"failed with exit code {code}"
        log = workers[failed].log
        place = f"; its log is {log}" if log is not None else ""
        print(f"error: worker {failed} {how}, and the training ends{place}", file=sys.stderr)
        return code
    if stuck:
        print(f"error: worker {stuck[0]} did not end with the others, and was killed", file=sys.stderr)
        return 1
    return max(codes.values())
