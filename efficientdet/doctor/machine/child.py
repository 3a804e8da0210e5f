# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Measurements in processes of their own: their memory is theirs alone, and running out of it ends nothing else.

A job goes to the child as a JSON file, and comes back as lines of JSON on its standard output. No TensorFlow here.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from efficientdet import errors
from efficientdet.child_process import child, last_lines
from efficientdet.config import PipelineConfig
from efficientdet.doctor.machine.memory import free_memory_of_host
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from efficientdet.text_positions import Position

Task = Literal["run", "memory"]
OnProgress = Callable[[str, float | None], None]
"""(how far it is, seconds left where known)"""

_logger = logging.getLogger(__name__)

_WORKER = "efficientdet.doctor.machine.worker"
_POLL_SECONDS = 0.25
_END_SECONDS = 20.0
# Below this much free memory a child is ended before the system ends something else for it.
_LEAST_FREE = 200 << 20
_KILLED = (-9, 137)  # how a system takes memory back
_CRASHED = (-6, 134, -11, 139)  # how C++ ends without any: it gives up, or uses what it was not given


class OutOfMemoryError(Exception):
    """A measurement needed more memory than there is."""


class Job(NamedTuple):
    """What a child is to measure."""

    task: Task
    config: PipelineConfig
    folder: str  # where it may write
    seconds: float  # to spend on steps, roughly

    def as_text(self) -> str:
        """As JSON."""
        return json.dumps(
            {
                "task": self.task,
                "proto": base64.b64encode(self.config.proto.SerializeToString()).decode(),
                "path": self.config.path,
                "positions": self.config.positions,
                "folder": self.folder,
                "seconds": self.seconds,
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Job:
        """From what `as_text` returned."""
        given = json.loads(text)
        proto = TrainEvalPipelineConfig.FromString(base64.b64decode(given["proto"]))
        positions = {path: Position(*position) for path, position in given["positions"].items()}
        return cls(given["task"], PipelineConfig(proto, given["path"], positions), given["folder"], given["seconds"])


def run_job(job: Job, on_progress: OnProgress = lambda detail, seconds: None) -> dict[str, Any]:
    """Runs a job in a process of its own.

    Args:
      job: what to measure; its folder exists.
      on_progress: is told how far it is.

    Returns:
      What the worker's measurement returned.

    Raises:
      OutOfMemoryError: the memory does not suffice.
      EfficientDetError: what is wrong with config, data or weights, as a training would say it.
      RuntimeError: the child failed in another way, with the end of its log.
    """
    job_file, log_file = Path(job.folder) / "job.json", Path(job.folder) / "log.txt"
    job_file.write_text(job.as_text(), encoding="utf-8")
    log_file.unlink(missing_ok=True)
    with child(["-m", _WORKER, str(job_file), str(time.time())], log_file) as process:
        outcome = _listen(process, on_progress)
        if outcome is not None:
            return outcome
        with contextlib.suppress(subprocess.TimeoutExpired):  # it says nothing any more: it ends, or is ended here
            process.wait(timeout=_END_SECONDS)
    code = process.returncode
    end = last_lines(log_file)
    # A measurement of memory does what the run has done before it, but for the size of its batch.
    ran_out = job.task == "memory" or "bad_alloc" in "\n".join(end)
    if code in _KILLED or (code in _CRASHED and ran_out):
        raise OutOfMemoryError("the system ended it")
    raise RuntimeError("\n".join([f"a measurement ended with exit code {code}:", *end]))


def _listen(process: subprocess.Popen[str], on_progress: OnProgress) -> dict[str, Any] | None:
    """Follows what a child says, and ends it before it takes the last memory; None where it ended without a word."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_forward, args=(process.stdout, lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            if 0 < free_memory_of_host() < _LEAST_FREE:
                raise OutOfMemoryError("it was ended before it took the last memory") from None
            continue
        if line is None:
            return None
        event = json.loads(line)
        if "figures" in event:
            return dict(event["figures"])
        if "progress" in event:
            on_progress(*event["progress"])
        elif "warning" in event:
            _logger.warning("%s", event["warning"])
        elif "out_of_memory" in event:
            raise OutOfMemoryError(event["out_of_memory"])
        else:
            raise _error(*event["error"])


def _forward(stream: Any, lines: queue.SimpleQueue[str | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _error(name: str, text: str) -> errors.EfficientDetError:
    """The error of this library that goes by a name; of any other, their common base."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.EfficientDetError):
        return kind(text)
    return errors.EfficientDetError(text)
