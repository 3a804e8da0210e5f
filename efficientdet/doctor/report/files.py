# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The files of a report: the page, the JSON document, and the fixes where there are any to propose."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from efficientdet.atomic_write import replace_atomically
from efficientdet.data.dataset_files.output_folder import FIXES, REPORT_JSON, REPORT_PAGE
from efficientdet.data.importers.fixes import write_fixes
from efficientdet.doctor.findings import Part
from efficientdet.doctor.report.html_page import html_page
from efficientdet.doctor.report.json_file import json_text


def write_report(
    directory: Path, parts: Sequence[Part], subject: str, *, files: Mapping[str, str] | None = None
) -> list[Path]:
    """Writes report.html and report.json, which replace those of an earlier check.

    Args:
      directory: made if need be.
      parts: of the checks that were made.
      subject: the config or the data set that was checked, as the user named it.
      files: see `json_file.json_text`.

    Returns:
      The files, the page first.

    Raises:
      OSError: one of them cannot be written.
    """
    page, listing = directory / REPORT_PAGE, directory / REPORT_JSON
    made = time.strftime("%Y-%m-%d %H:%M")
    replace_atomically(page, html_page(parts, subject, listing=REPORT_JSON, made=made))
    write_json(listing, parts, subject, files)
    return [page, listing]


def write_json(path: Path, parts: Sequence[Part], subject: str, files: Mapping[str, str] | None = None) -> None:
    """Writes the JSON document alone."""
    replace_atomically(path, json_text(parts, subject, files))


def write_proposals(directory: Path, parts: Sequence[Part]) -> Path | None:
    """Writes the edits that would mend what was found in the data.

    Whoever has read an earlier fixes.diff may have deleted some of its blocks: it is left as it is, unless it says the
    same, and the new one is written beside it.

    Args:
      directory: made if need be.
      parts: of the checks that were made.

    Returns:
      The file; None where there is nothing to propose.

    Raises:
      OSError: it cannot be written.
    """
    proposing = [fault for part in parts for fault in part.faults if fault.fix is not None]
    if not proposing:
        return None
    path, beside = directory / FIXES, directory / f"{FIXES}.new"
    if not path.exists():
        write_fixes(path, proposing)
        return path
    write_fixes(beside, proposing)
    if beside.read_bytes() != path.read_bytes():
        return beside
    beside.unlink()
    return path
