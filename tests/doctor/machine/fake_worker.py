# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Stands in for the worker: does what the config's path says, without TensorFlow."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path


def main() -> None:
    """Answers a job."""
    path = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["path"]
    events = {
        "figures": [{"warning": "mind this"}, {"progress": ["half", 2.0]}, {"figures": {"host_bytes": 5}}],
        "error": [{"error": ["DataError", "a.record: record 3: no picture"]}],
        "odd error": [{"error": ["", "No space left on device"]}],
        "allocation": [{"out_of_memory": "OOM when allocating"}],
    }
    for event in events.get(path, []):
        print(json.dumps(event), flush=True)
    if path == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if path == "bad_alloc":
        print("terminate called after throwing an instance of 'std::bad_alloc'", file=sys.stderr, flush=True)
        os.abort()
    if path == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if path == "broken":
        raise KeyError("a mistake of ours")


if __name__ == "__main__":
    main()
