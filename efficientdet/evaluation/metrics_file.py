# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""metrics.jsonl: a line of JSON for each evaluation."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from efficientdet.atomic_write import replace_atomically

METRICS_FILE = "metrics.jsonl"
"""Its name in the folder of an evaluator."""
_ABOUT = ("step", "images", "seconds")  # of a line, what says nothing of the weights


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


def recorded(path: Path, step: int) -> dict[str, Any] | None:
    """Returns the line of the evaluation of a step, without what is no metric and no loss; None where there is none."""
    for line in reversed(_lines(path)):
        if _step_of(line) == step:
            return {name: value for name, value in json.loads(line).items() if name not in _ABOUT}
    return None


def results(path: Path) -> list[dict[str, Any]]:
    """Returns all that is recorded, without the seconds that it took, in the order of the file.

    Lines that are none, or hold something else than numbers, are passed over.
    """
    lines = [json.loads(line) for line in _lines(path) if _step_of(line) is not None]
    lines = [{name: value for name, value in line.items() if name != "seconds"} for line in lines]
    return [line for line in lines if all(value is None or type(value) in (int, float) for value in line.values())]


def forget_after(path: Path, step: int, *, keep_copy: bool = False) -> int:
    """Removes the lines of evaluations of later steps; a file that is not there is none.

    Args:
      path: of the file.
      step: the last whose line stays.
      keep_copy: whether the file as it was stays beside it, as `<name>.before-<time>`.

    Returns:
      How many lines went.
    """
    lines = _lines(path)
    kept = [line for line in lines if (_step_of(line) or 0) <= step]
    if len(kept) < len(lines):
        if keep_copy:
            now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")
            replace_atomically(path.with_name(f"{path.name}.before-{now}"), "".join(lines))
        replace_atomically(path, "".join(kept))
    return len(lines) - len(kept)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True) if path.exists() else []


def _step_of(line: str) -> int | None:
    try:
        step = json.loads(line)["step"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return step if type(step) is int else None
