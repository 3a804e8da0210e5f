# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""metrics.jsonl: a line of JSON for each evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from efficientdet.atomic_write import replace_atomically


def file_record(path: Path, record: dict[str, Any]) -> None:
    """Adds a line to a file, where it replaces the line of an earlier evaluation of the same step.

    Args:
      path: its folder is there; the file is made when missing.
      record: the line, with a "step".
    """
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    line = json.dumps(record) + "\n"
    lines = text.splitlines(keepends=True)
    others = [other.rstrip("\n") + "\n" for other in lines if _step_of(other) != record["step"]]
    if len(others) < len(lines):
        replace_atomically(path, "".join((*others, line)))
        return
    with path.open("a", encoding="utf-8") as file:
        # A process that was killed while it wrote leaves half a line, which must not spoil this one too.
        file.write(line if text.endswith("\n") or not text else f"\n{line}")


def _step_of(line: str) -> int | None:
    try:
        return json.loads(line)["step"]
    except (ValueError, TypeError, KeyError):
        return None
