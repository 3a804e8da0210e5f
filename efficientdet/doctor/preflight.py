# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The few lines that a training begins with: what in its config will ruin it, found before TensorFlow is imported."""

from __future__ import annotations

from efficientdet.config import PipelineConfig
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.recipe import check_recipe

_LINES = 5
_SHORT_REMEDY = 80  # characters; longer ones are for the report


def preflight_lines(config: PipelineConfig) -> list[str]:
    """The worst that the recipe check finds: data that is not read, rates, classes, evaluation on the training's files.

    Args:
      config: resolved, about to be trained.

    Returns:
      At most five lines, the worst first; none for a config that nothing speaks against.
    """
    found = [finding for finding in check_recipe(config).findings if finding.severity >= Severity.WARNING]
    shown = found if len(found) <= _LINES else found[: _LINES - 1]
    lines = [_line(finding) for finding in shown]
    if len(found) > len(shown):
        lines.append(f"{len(found) - len(shown)} more: efficientdet doctor recipe {config.path}")
    return lines


def _line(finding: Finding) -> str:
    where = f"{finding.cases[0].where}: " if finding.cases else ""
    fix = f" (fix: {finding.remedy})" if len(finding.remedy) <= _SHORT_REMEDY else ""
    return f"{where}{finding.title}{fix}"
