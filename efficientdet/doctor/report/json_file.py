# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the doctor found, for programs: one JSON document with everything but the pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import efficientdet
from efficientdet.doctor.findings import Finding, Histogram, Part, Severity, Table, exit_code

SCHEMA = 1  # of the document; keys are added without a new number, and renamed or taken away with one


def json_text(parts: Sequence[Part], subject: str, files: Mapping[str, str] | None = None) -> str:
    """The document.

    Args:
      parts: of the checks that were made.
      subject: the config or the data set that was checked, as the user named it.
      files: that were written with it, by name, as an import digests them; None for a check alone.
    """
    findings = [finding for part in parts for finding in part.findings]
    document = {
        "schema": SCHEMA,
        "efficientdet": efficientdet.__version__,
        "subject": subject,
        "exit_code": exit_code(parts),
        "counts": {
            severity.name.lower(): sum(finding.severity == severity for finding in findings)
            for severity in reversed(Severity)
        },
        "parts": [_part(part) for part in parts],
        **({} if files is None else {"files": dict(files)}),
    }
    # ASCII alone: names of files may hold bytes that no encoding explains, which UTF-8 could not write.
    return json.dumps(_plain(document), indent=1, allow_nan=False) + "\n"


def _part(part: Part) -> dict[str, Any]:
    return {
        "area": part.area,
        "verdict": part.verdict,
        "findings": [_finding(finding) for finding in part.findings],
        "tables": [_table(table) for table in part.tables],
        "histograms": [_histogram(histogram) for histogram in part.histograms],
        "sheets": [{"title": sheet.title, "note": sheet.note} for sheet in part.sheets],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.name.lower(),
        "title": finding.title,
        "why": finding.why,
        "remedy": finding.remedy,
        "count": finding.count,
        "cost": finding.cost,
        "cases": [{"where": case.where, "detail": case.detail} for case in finding.cases],
    }


def _table(table: Table) -> dict[str, Any]:
    return {"title": table.title, "columns": table.columns, "rows": table.rows, "note": table.note}


def _histogram(histogram: Histogram) -> dict[str, Any]:
    return {
        "title": histogram.title,
        "labels": histogram.labels,
        "series": histogram.series,
        "unit": histogram.unit,
        "note": histogram.note,
    }


def _plain(value: Any) -> Any:
    """The value in JSON's own types: numpy's numbers as Python's, and null for what is no number."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
