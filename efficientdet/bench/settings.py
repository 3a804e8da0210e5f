# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a measurement works on: its config, with the drawn pictures as data. No TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from efficientdet.bench.cases import Case, Network
from efficientdet.bench.child import Job
from efficientdet.config import PipelineConfig, load_config

_PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"
CONFIGS: dict[Network, Path] = {
    "d0": _PIPELINES / "tfod_d0_coco.config",
    "lite0": _PIPELINES / "automl_lite0_coco.config",
}


class Work(NamedTuple):
    """What a measurement is given.

    Attributes:
      case: the measurement.
      config: resolved; its data are drawn pictures.
      plain: that of the plain twin; the config itself where there is none.
      folder: for what is written.
      records: the file that the config reads.
    """

    case: Case
    config: PipelineConfig
    plain: PipelineConfig
    folder: Path
    records: Path


def work_of(job: Job) -> Work:
    """Loads the config of a job.

    Raises:
      ConfigError: the config, or an override, says something that cannot be done.
    """
    case = job.case
    files = {"label_map": Path(job.label_map), "record": Path(job.records)}
    common = [
        f'train_config {{ seed: 1 batch_size: {case.batch_size} fine_tune_checkpoint: "" }}',
        *(reader_override(reader, **files) for reader in ("train_input_reader", "eval_input_reader")),
        case.override,
        *job.overrides,
    ]
    common = [text for text in common if text]
    config = load_config(job.config_path, common)
    plain = load_config(job.config_path, [*common, case.plain_override]) if case.plain_override else config
    return Work(case, config, plain, Path(job.folder), Path(job.records))


def reader_override(reader: str, *, label_map: Path, record: Path) -> str:
    """The override text that points a reader at its files."""
    names, path = json.dumps(str(label_map)), json.dumps(str(record))
    return f"{reader} {{ label_map_path: {names} tf_record_input_reader {{ input_path: {path} }} }}"
