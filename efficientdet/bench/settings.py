# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a measurement works on: its config, with the drawn pictures as data. No TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from efficientdet.bench.cases import Case, Kind, Network
from efficientdet.bench.child import Job
from efficientdet.config import PipelineConfig, load_config, validate
from efficientdet.config_checks import Purpose
from efficientdet.errors import UsageError

_PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"
CONFIGS: dict[Network, Path] = {
    "d0": _PIPELINES / "tfod_d0_coco.config",
    "lite0": _PIPELINES / "automl_lite0_coco.config",
}

_READERS = ("train_input_reader", "eval_input_reader")
LEAST_STEPS = 3  # of the training whose start is measured: the first, and some that are as all others
_PURPOSES: dict[Kind, tuple[Purpose, ...]] = {
    "first_evaluation": ("train", "eval"),
    "export": ("export",),
    "serving": ("export",),
    "scoring": (),
    "checked_scoring": (),
}
"""What the config of a measurement must serve; of those not named, a training."""


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
    files = Path(job.label_map), Path(job.records)
    config, plain = _configs(job.case, job.config_path, job.overrides, *files)
    return Work(job.case, config, plain, Path(job.folder), files[1])


def check(cases: Sequence[Case], configs: Mapping[Network, str], overrides: Sequence[str]) -> None:
    """Loads the configs of measurements, so that a mistake in one is known before any has begun.

    Args:
      cases: the measurements.
      configs: where the config of each network is.
      overrides: the user's own.

    Raises:
      ConfigError: a config, or an override, says something that cannot be done.
      UsageError: a training would be over before it is measured.
    """
    checked = set()
    for case in cases:
        purposes, least = _PURPOSES.get(case.kind, ("train",)), LEAST_STEPS if case.kind == "start" else 0
        key = case.network, case.override, case.plain_override, case.batch_size, purposes, least
        if key in checked:
            continue
        checked.add(key)
        for config in _configs(case, configs[case.network], overrides, Path("label_map.pbtxt"), Path("record")):
            for purpose in purposes:
                validate(config, for_=purpose)
            steps = config.proto.train_config.num_steps
            if 0 < steps < least:
                raise UsageError(f"{case.name}: train_config.num_steps ({steps}) must be at least {least}")


def _configs(
    case: Case, config_path: str, overrides: Sequence[str], label_map: Path, record: Path
) -> tuple[PipelineConfig, PipelineConfig]:
    """The config of a measurement and that of its plain twin; what makes the measurement is laid over a user's own."""
    texts = [
        *overrides,
        f'train_config {{ seed: 1 batch_size: {case.batch_size} fine_tune_checkpoint: "" }}',
        *(reader_override(name, label_map=label_map, record=record) for name in _READERS),
        *([case.override] if case.override else ()),
    ]
    config = load_config(config_path, texts)
    return config, load_config(config_path, [*texts, case.plain_override]) if case.plain_override else config


def reader_override(reader: str, *, label_map: Path, record: Path) -> str:
    """The override text that points a reader at its files."""
    names, path = json.dumps(str(label_map)), json.dumps(str(record))
    return f"{reader} {{ label_map_path: {names} tf_record_input_reader {{ input_path: {path} }} }}"
