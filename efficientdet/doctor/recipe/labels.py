# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Classes: those of the model against those of the label maps, where these can be read."""

from __future__ import annotations

from collections.abc import Iterator

from efficientdet.doctor import cost
from efficientdet.doctor.cost import price
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.label_maps import CLASSES_PATH, NUM_CLASSES, label_findings, read_label_maps
from efficientdet.doctor.recipe.comparison import Comparison


def check_labels(comparison: Comparison) -> Iterator[Finding]:
    """Yields what is to be said of the classes."""
    maps = read_label_maps(comparison.config)
    yield from label_findings(comparison.config, maps, "recipe")
    if maps.first is not None:
        yield from _surplus(comparison, maps.first.num_rows)


def _surplus(comparison: Comparison, rows: int) -> Iterator[Finding]:
    """More classes than the label map has: training goes on all the same."""
    classes = comparison.model.num_classes
    if classes <= rows:
        return
    counts_background = classes == rows + 1
    yield comparison.finding(
        NUM_CLASSES,
        Severity.NOTE if counts_background else Severity.WARNING,
        f"num_classes {classes}, and the label map has {rows}",
        path=CLASSES_PATH,
        why="One row too many is learnt to say nothing; the background is not a class here."
        if counts_background
        else f"{classes - rows} rows are learnt to say nothing, at the cost of time and memory; and where model and "
        "map do not fit, one of the two may be another data set's.",
        remedy=f"model {{ ssd {{ num_classes: {rows} }} }}",
        cost=price(cost.SETTING, classes / rows),
    )
