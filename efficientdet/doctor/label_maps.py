# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The label maps that the readers of a config name: whether they can be read, fit the model, and fit each other.

Both the check of the data and that of the recipe say this, in the same words. A file that is not there is said by
`record_findings`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from efficientdet.config import PipelineConfig
from efficientdet.data.label_map import LabelMap, read_label_map
from efficientdet.doctor import cost
from efficientdet.doctor.config_case import config_case
from efficientdet.doctor.findings import Area, Finding, Severity
from efficientdet.doctor.record_sets import readers_of
from efficientdet.errors import ConfigError

NUM_CLASSES = "num-classes"
LABEL_MAP_UNREADABLE = "label-map-unreadable"
LABEL_MAPS_DIFFER = "label-maps-differ"

CLASSES_PATH = "model.ssd.num_classes"


class LabelMaps(NamedTuple):
    """What the readers name their classes by.

    Attributes:
      by_field: path of the field -> label map, the training's first.
      unreadable: path of the field -> what is wrong with the file.
    """

    by_field: dict[str, LabelMap]
    unreadable: dict[str, str]

    @property
    def first(self) -> LabelMap | None:
        """That of the training; of an evaluation, where the training has none."""
        return next(iter(self.by_field.values()), None)


def read_label_maps(config: PipelineConfig) -> LabelMaps:
    """Reads those that are there."""
    maps = LabelMaps({}, {})
    for reader in readers_of(config):
        path, field = reader.message.label_map_path, f"{reader.path}.label_map_path"
        if os.path.isfile(path):
            try:
                maps.by_field[field] = read_label_map(path)
            except ConfigError as error:
                maps.unreadable[field] = str(error)
    return maps


def label_findings(config: PipelineConfig, maps: LabelMaps, area: Area) -> Iterator[Finding]:
    """Yields what keeps a run from its classes, or calls them by wrong names.

    Args:
      config: resolved.
      maps: of its readers.
      area: of the check that says it.
    """

    def error(code: str, title: str, why: str, remedy: str, path: str) -> Finding:
        cases = (config_case(config, path),)
        return Finding(area, code, Severity.ERROR, title, why, remedy, cases=cases, cost=cost.USELESS)

    for field, why in maps.unreadable.items():
        remedy = 'Items such as: item { id: 1 name: "cat" }, with ids from 1 on.'
        yield error(LABEL_MAP_UNREADABLE, "a label map cannot be used", why, remedy, field)
    first_field, first = next(iter(maps.by_field.items()), ("", None))
    if first is None:
        return
    classes, rows = config.proto.model.ssd.num_classes, first.num_rows
    if rows > classes:
        title = f"num_classes {classes}, and the label map has an id {rows} ({first.labels[-1].name!r})"
        why, remedy = (
            "There is no row for that class; training refuses it.",
            f"model {{ ssd {{ num_classes: {rows} }} }}",
        )
        yield error(NUM_CLASSES, title, why, remedy, CLASSES_PATH)
    for field, labels in maps.by_field.items():
        names = [name for name in {**first.id_of, **labels.id_of} if first.id_of.get(name) != labels.id_of.get(name)]
        if names:
            here, there = (ids.get(names[0], "none") for ids in (first.id_of, labels.id_of))
            title = f"{names[0]!r} has id {here} in training and {there} in evaluation"
            why = f"What {first_field} calls one class is another one in evaluation: AP near 0 for a network that has "
            why += "learnt well."
            yield error(LABEL_MAPS_DIFFER, title, why, "One label map for all readers.", field)
