# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The data check of a config: of the records that its readers read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from efficientdet.config import PipelineConfig
from efficientdet.data.faults import FILES_MISSING, Fault
from efficientdet.data.importers.formats.records import RecordSource
from efficientdet.data.label_map import LabelMap, read_label_map
from efficientdet.data.survey import take_survey
from efficientdet.doctor.data.limits import limits_of
from efficientdet.doctor.data.observation import Observation, finding_of
from efficientdet.doctor.data.record_files import TRAINING, ReaderFiles, check_reader_files, reader_files
from efficientdet.doctor.data.survey_check import check_survey
from efficientdet.doctor.findings import Part, worst_first
from efficientdet.errors import ConfigError, DataError

_TRAIN, _EVAL = "train", "eval"


def check_data(
    config: PipelineConfig,
    *,
    processes: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Part:
    """Checks the data of a config: files, records, pictures, boxes, classes, and what is trained against what is
    evaluated on.

    Args:
      config: resolved.
      processes: that read records; None: as many as there are cores.
      on_progress: called with (pictures done, pictures in all).

    Raises:
      ConfigError: the config has no anchors or no resizer.
    """
    readers = reader_files(config)
    seen = list(check_reader_files(config, readers))
    label_map, unreadable = _label_map(config, readers)
    if unreadable:
        seen.append(Observation(FILES_MISSING, unreadable, len(unreadable), 0))
    files = {_split(config, reader, readers): reader.files for reader in readers if reader.files}
    if not files:
        return _nothing(seen)
    try:
        source = RecordSource(files, label_map=label_map)
    except DataError as error:
        return _nothing([*seen, Observation(FILES_MISSING, [Fault(FILES_MISSING, config.path, "", str(error))], 1, 0)])
    survey = take_survey(source, processes=processes, on_progress=on_progress)
    return check_survey(survey, label_map=label_map, limits=limits_of(config), in_place=True, seen=_merged(seen))


def _split(config: PipelineConfig, reader: ReaderFiles, readers: Sequence[ReaderFiles]) -> str:
    """What the report calls a reader: "train", and "eval" or, of several, what the config calls it."""
    if reader.reader == TRAINING:
        return _TRAIN
    index = int(reader.reader.removeprefix("eval_input_reader[").removesuffix("]"))
    several = sum(other.reader != TRAINING for other in readers) > 1
    name = config.proto.eval_input_reader[index].name
    return _EVAL if not several else (name if name and name != _TRAIN else f"{_EVAL} {index}")


def _label_map(config: PipelineConfig, readers: Sequence[ReaderFiles]) -> tuple[LabelMap | None, list[Fault]]:
    """The label map of the training (of the evaluation, where there is no training), and what keeps one unread."""
    found: LabelMap | None = None
    faults = []
    for reader in readers:
        is_train = reader.reader == TRAINING
        index = 0 if is_train else int(reader.reader.removeprefix("eval_input_reader[").removesuffix("]"))
        message = config.proto.train_input_reader if is_train else config.proto.eval_input_reader[index]
        try:
            label_map = read_label_map(message.label_map_path)
            label_map.check_num_classes(config.proto.model.ssd.num_classes)
            found = found or label_map
        except ConfigError as error:
            faults.append(Fault(FILES_MISSING, config.where(f"{reader.reader}.label_map_path"), "", str(error)))
    return found, faults


def _merged(seen: Sequence[Observation]) -> list[Observation]:
    """One observation for each code: readers are looked at one by one."""
    by_code: dict[str, Observation] = {}
    for observation in seen:
        other = by_code.get(observation.code)
        if other is not None:
            observation = observation._replace(
                faults=[*other.faults, *observation.faults],
                number=other.number + observation.number,
                of=other.of + observation.of if other.of and observation.of else 0,
                figures="; ".join(filter(None, (other.figures, observation.figures))),
            )
        by_code[observation.code] = observation
    return list(by_code.values())


def _nothing(seen: Sequence[Observation]) -> Part:
    seen = _merged(seen)
    faults = tuple(fault for observation in seen for fault in observation.faults)
    findings = worst_first(finding_of(observation, in_place=True) for observation in seen)
    return Part("data", "There is nothing to train on: none of the record files can be read.", findings, faults=faults)
