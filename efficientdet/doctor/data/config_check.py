# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The data check of a config: of the records that its readers read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from efficientdet.config import PipelineConfig
from efficientdet.data.importers.formats.records import RecordSource
from efficientdet.data.survey import take_survey
from efficientdet.doctor import cost
from efficientdet.doctor.data.limits import limits_of
from efficientdet.doctor.data.survey_check import check_survey
from efficientdet.doctor.findings import Case, Finding, Part, Severity, worst_first
from efficientdet.doctor.label_maps import label_findings, read_label_maps
from efficientdet.doctor.record_findings import NO_IMAGES, no_images, record_findings
from efficientdet.doctor.record_sets import Reader, readers_of
from efficientdet.errors import DataError

NO_READERS = "no-readers"

_TRAIN, _EVAL = "train", "eval"


def check_data(
    config: PipelineConfig,
    *,
    processes: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Part:
    """Checks the data of a config: files, records, images, boxes, classes, and what is trained against what is
    evaluated on.

    Args:
      config: resolved.
      processes: that read records; None: as many as there are cores.
      on_progress: called with (images done, images in all).

    Raises:
      ConfigError: the config has no anchors or no resizer.
    """
    readers = readers_of(config)
    if not readers:
        return _nothing([_no_readers(config)])
    maps = read_label_maps(config)
    seen = [*record_findings(config, "data", must_exist=True), *label_findings(config, maps, "data")]
    files = {_split(reader, readers): reader.files.files for reader in readers if reader.files.files}
    if not files:
        return _nothing(seen)
    try:
        source = RecordSource(files, label_map=maps.first)
    except DataError as error:
        is_said = any(finding.code == NO_IMAGES for finding in seen)
        return _nothing(seen if is_said else [*seen, no_images(config, readers[0], "data", str(error))])
    survey = take_survey(source, processes=processes, on_progress=on_progress)
    return check_survey(survey, label_map=maps.first, limits=limits_of(config), in_place=True, seen=seen)


def _split(reader: Reader, readers: Sequence[Reader]) -> str:
    """What the report calls a reader: "train", and "eval" or, of several, what the config calls it."""
    if reader.is_training:
        return _TRAIN
    evaluated = [other.path for other in readers if not other.is_training]
    if len(evaluated) == 1:
        return _EVAL
    name = reader.message.name
    return name if name and name != _TRAIN else f"{_EVAL} {evaluated.index(reader.path)}"


def _no_readers(config: PipelineConfig) -> Finding:
    return Finding(
        "data",
        NO_READERS,
        Severity.ERROR,
        "the config names no data: it has no train_input_reader and no eval_input_reader",
        "There is nothing to train or to evaluate on.",
        "train_input_reader { label_map_path: ... tf_record_input_reader { input_path: ... } }",
        cases=(Case(config.path, "no reader"),),
        cost=cost.USELESS,
    )


def _nothing(seen: Sequence[Finding]) -> Part:
    return Part("data", "There is nothing to train on: no record can be read.", worst_first(seen))
