# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The folder that an import writes: complete or not at all, and never over what somebody else put there."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from efficientdet.data.importers.fixes import is_fixes_file
from efficientdet.errors import UsageError

LABEL_MAP = "label_map.pbtxt"
CONFIG = "pipeline.config"
REPORT_PAGE = "report.html"
REPORT_JSON = "report.json"
FIXES = "fixes.diff"

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
      overwrite: the folder may also be that of an earlier import.

    Raises:
      UsageError: says why.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--output {folder}: is there already, and is no folder")
    if dataset.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"--output {folder}: holds the data set itself, which an import leaves as it is")
    if not folder.is_dir() or all(_STAGE.fullmatch(path.name) for path in folder.iterdir()):
        return
    if not overwrite:
        raise UsageError(f"--output {folder}: is not empty; --overwrite replaces what an earlier import wrote there")
    if not is_fixes_file(folder / FIXES):
        raise UsageError(f"--output {folder}: is not empty, and --overwrite is for folders that an import wrote")


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
