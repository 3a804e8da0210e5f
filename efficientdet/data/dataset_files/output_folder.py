# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The folder that an import writes: complete or not at all, and never over what somebody else put there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from efficientdet.errors import UsageError

LABEL_MAP = "label_map.pbtxt"
CONFIG = "pipeline.config"
REPORT_PAGE = "report.html"
REPORT_JSON = "report.json"
FIXES = "fixes.diff"

_FOR_PEOPLE = (FIXES, CONFIG, LABEL_MAP)  # that they edit
_LARGEST_REPORT = 1 << 28
_STAGE = re.compile(r"\.import\.\d+\.tmp")  # what an import that was killed leaves behind
_OURS = re.compile(
    rf"(train|val|test)\.(json|record(-\d{{5}}-of-\d{{5}})?)|{'|'.join(map(re.escape, (LABEL_MAP, CONFIG)))}|"
    rf"{'|'.join(map(re.escape, (REPORT_PAGE, REPORT_JSON, FIXES)))}"
)


def check_output(folder: Path, dataset: Path, *, overwrite: bool) -> None:
    """Refuses a folder that an import must not write to.

    Args:
      folder: to write to; it must be new or empty.
      dataset: what is imported.
      overwrite: the folder may also be that of an earlier import, by the `file_digests` in its report.

    Raises:
      UsageError: says why.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output {folder}: is there already, and is no folder")
    if dataset.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"--output {folder}: holds the data set itself, which an import leaves as it is")
    if folder.resolve().is_relative_to(dataset.resolve()):
        raise UsageError(
            f"--output {folder}: lies inside the data set, of which the next import would take it for a part"
        )
    if not folder.is_dir() or all(_STAGE.fullmatch(path.name) for path in folder.iterdir()):
        return
    if not overwrite:
        raise UsageError(f"--output {folder}: is not empty; --overwrite replaces what an earlier import wrote there")
    written = _written_digests(folder / REPORT_JSON)
    if written is None:
        rule = f"--overwrite is for folders that an import wrote, by the {REPORT_JSON} in them"
        raise UsageError(f"--output {folder}: is not empty, and {rule}")
    if edited := [name for name, digest in file_digests(folder).items() if written.get(name) != digest]:
        rule = "edited since an import wrote it: --overwrite would replace it; move it away, or remove it"
        raise UsageError(f"{folder / edited[0]}: {rule}")


def file_digests(folder: Path) -> dict[str, str]:
    """What tells whether somebody edited a file later: name -> SHA-256, of those that are there to be edited."""
    files = {name: folder / name for name in _FOR_PEOPLE}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if path.is_file()}


def _written_digests(report: Path) -> Mapping[str, object] | None:
    """The `file_digests` that an import stated; None where no import wrote the report."""
    try:
        document = json.loads(report.read_bytes()) if report.stat().st_size <= _LARGEST_REPORT else None
    except (OSError, ValueError, RecursionError):
        return None
    files = document.get("files") if isinstance(document, dict) and "schema" in document else None
    return files if isinstance(files, dict) else None


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Yields an empty folder whose files are moved to `folder` at the end, if the block ends without an error.

    What an earlier import wrote goes only then; other files in `folder` stay.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    stage = folder / f".import.{os.getpid()}.tmp"
    stage.mkdir()
    try:
        yield stage
        made = {path.name for path in stage.iterdir()}
        for path in folder.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in made:
                path.unlink()
            elif _STAGE.fullmatch(path.name) and path != stage:
                shutil.rmtree(path)
        for name in sorted(made):
            (stage / name).replace(folder / name)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    stage.rmdir()
