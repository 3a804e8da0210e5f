# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Gives the classes of a data set their ids. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable

from efficientdet.data.importers.fixes import Fixes
from efficientdet.data.label_map import Label, LabelMap
from efficientdet.data.survey import Survey
from efficientdet.errors import DataError

# A model has a row for every id up to the greatest: COCO's 80 classes up to 90. Beyond this the gaps are not worth it.
_ROWS_PER_CLASS = 2
_SPARE_ROWS = 20


def plan_label_map(survey: Survey) -> LabelMap:
    """The label map of a data set.

    Classes that the format lists have its ids, where these can be ids of a label map; those that occur without being
    listed follow. Without a list, ids are given from 1 in the order of the names.

    Raises:
      DataError: a name cannot stand in a label map.
    """
    labels = list(_listed(survey.source.labels, survey.fixes))
    ids = [label.id for label in labels]
    names = {label.name for label in labels}
    if labels and (min(ids) < 1 or max(ids) > _ROWS_PER_CLASS * len(ids) + _SPARE_ROWS or len(set(ids)) < len(ids)):
        labels = [label._replace(id=number) for number, label in enumerate(sorted(labels), start=1)]
    for name in survey.class_names:
        _check_name(name, survey)
        if name not in names:
            labels.append(Label(max((label.id for label in labels), default=0) + 1, name))
    return LabelMap(tuple(labels), origin=str(survey.source.root))


def _listed(labels: Iterable[Label], fixes: Fixes | None) -> Iterable[Label]:
    """The format's classes under the names that they have after the fixes, each name once."""
    seen = set()
    for label in labels:
        name = label.name if fixes is None else fixes.class_of(label.name)
        if name and name not in seen:
            seen.add(name)
            yield label._replace(name=name)


def _check_name(name: str, survey: Survey) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        name = ""
    if not name:
        rule = "a class needs a name in UTF-8; give it one with --apply and '@@ *', '- class \"\"', '+ class NAME'"
        raise DataError(f"{survey.source.root}: there are boxes of a class without a name that can be written: {rule}")
