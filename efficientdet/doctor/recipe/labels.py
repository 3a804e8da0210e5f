# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Classes: those of the model against those of the label maps, where these can be read."""

from __future__ import annotations

import os
from collections.abc import Iterator

from efficientdet.data.label_map import LabelMap, read_label_map
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.recipe import pricing
from efficientdet.doctor.recipe.comparison import Comparison
from efficientdet.doctor.recipe.pricing import price
from efficientdet.errors import ConfigError

_CLASSES = "model.ssd.num_classes"


def check_labels(comparison: Comparison) -> Iterator[Finding]:
    """Yields what is to be said of the classes."""
    maps: dict[str, LabelMap] = {}
    for field, path in _paths(comparison).items():
        if not os.path.isfile(path):
            continue
        try:
            maps[field] = read_label_map(path)
        except ConfigError as error:
            yield comparison.finding(
                "label-map-unreadable",
                Severity.ERROR,
                f"label map {path} cannot be used",
                path=field,
                why=str(error),
                remedy='items such as: item { id: 1 name: "cat" }, ids from 1 on',
                cost=pricing.USELESS,
            )
    if maps:
        yield from _rows(comparison, next(iter(maps)), next(iter(maps.values())))
        yield from _differing(comparison, maps)


def _paths(comparison: Comparison) -> dict[str, str]:
    proto = comparison.proto
    readers = {"train_input_reader": proto.train_input_reader} if proto.HasField("train_input_reader") else {}
    readers |= {f"eval_input_reader[{index}]": reader for index, reader in enumerate(proto.eval_input_reader)}
    return {f"{name}.label_map_path": reader.label_map_path for name, reader in readers.items()}


def _rows(comparison: Comparison, field: str, labels: LabelMap) -> Iterator[Finding]:
    classes, rows = comparison.model.num_classes, labels.num_rows
    if rows > classes:
        yield comparison.finding(
            "num-classes",
            Severity.ERROR,
            f"num_classes {classes}, and the label map has an id {rows} ({labels.labels[-1].name!r})",
            path=_CLASSES,
            why="There is no row for that class; training refuses it.",
            remedy=f"model {{ ssd {{ num_classes: {rows} }} }}",
            cost=pricing.USELESS,
        )
    elif classes > rows:
        extra = classes - rows
        counts_background = extra == 1
        yield comparison.finding(
            "num-classes",
            Severity.NOTE if counts_background else Severity.WARNING,
            f"num_classes {classes}, and the label map has {rows}",
            path=_CLASSES,
            why="One row too many is learnt to say nothing; the background is not a class here."
            if counts_background
            else f"{extra} rows are learnt to say nothing, at the cost of time and memory; and where model and map do "
            "not fit, one of the two may be another data set's.",
            remedy=f"model {{ ssd {{ num_classes: {rows} }} }}",
            cost=price(pricing.SETTING, classes / rows),
        )


def _differing(comparison: Comparison, maps: dict[str, LabelMap]) -> Iterator[Finding]:
    first_field, first = next(iter(maps.items()))
    for field, labels in maps.items():
        if labels.id_of == first.id_of:
            continue
        names = [name for name in {**first.id_of, **labels.id_of} if first.id_of.get(name) != labels.id_of.get(name)]
        yield comparison.finding(
            "label-maps-differ",
            Severity.ERROR,
            f"{names[0]!r} has id {first.id_of.get(names[0], 'none')} in training and "
            f"{labels.id_of.get(names[0], 'none')} in evaluation",
            path=field,
            why=f"What {first_field} calls one class is another one in evaluation: AP near 0 for a network that has "
            "learnt well.",
            remedy="one label map for all readers",
            cost=pricing.USELESS,
        )
