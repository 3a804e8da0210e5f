# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One short run of a sweep: its config, and where it keeps what. No TensorFlow."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from efficientdet.config import PipelineConfig, load_config, with_seed
from efficientdet.data.files import resolve_files
from efficientdet.errors import ConfigError, DataError
from efficientdet.tuning.record_sample import write_sample
from efficientdet.tuning.schedule import with_length, with_peak_rate
from efficientdet.tuning.search_space import Setting

EVALUATION, TRAINING_SAMPLE = "eval", "train_sample"
"""Names of the two sets that a trial is scored on."""

_QUICK_IMAGES = 100


class Samples(NamedTuple):
    """The records that trials read; an empty path is the config's own."""

    training: str  # to learn
    evaluation: str  # to be scored on
    training_sample: str  # images of the training data, to be scored on too


@dataclass(frozen=True)
class Trial:
    """A run.

    Attributes:
      setting: what is tried.
      config: of the run, which evaluates once, at its end.
    """

    setting: Setting
    config: PipelineConfig

    @property
    def key(self) -> str:
        """Names the run: the same config gives the same."""
        return hashlib.sha256(self.config.proto.SerializeToString(deterministic=True)).hexdigest()[:12]

    @property
    def seed(self) -> int:
        """Of the run."""
        return int(self.config.proto.train_config.seed)

    @property
    def steps(self) -> int:
        """Of the run."""
        return int(self.config.proto.train_config.num_steps)


def setting_config(path: str, overrides: Sequence[str], setting: Setting) -> PipelineConfig:
    """The config of a whole run with a setting.

    Args:
      path: of the config.
      overrides: the user's own.
      setting: laid over them.

    Raises:
      ConfigError: it cannot be done.
    """
    config = load_config(path, [*overrides, *setting.overrides()])
    return config if setting.rate is None else with_peak_rate(config, setting.rate)


def take_samples(config: PipelineConfig, folder: Path, *, count: int, seed: int, quick: bool) -> Samples:
    """Writes the records that trials need apart, where an earlier start has not done so.

    Args:
      config: resolved.
      folder: where to.
      count: images of the training data to score.
      seed: of the choice.
      quick: whether trials learn and are scored on a hundred images only.

    Raises:
      DataError: the files cannot be read.
      ConfigError: the config has no evaluation data.
    """
    if not config.proto.eval_input_reader:
        raise config.error("eval_input_reader", "is needed: trials are scored on it")
    train, evaluated = _files(config, "train_input_reader"), _files(config, "eval_input_reader[0]")
    # Of all of them, in every name: names are part of what tells trials apart, and other data make other trials.
    version = f"{seed}-{_digest([*train, *evaluated])}"
    training = evaluation = ""
    if quick:
        training = _sample(train, _QUICK_IMAGES, seed, folder / f"quick-train-{version}.record")
        evaluation = _sample(evaluated, _QUICK_IMAGES, seed, folder / f"quick-eval-{version}.record")
    scored = training or _sample(train, count, seed, folder / f"train-sample-{count}-{version}.record")
    return Samples(training, evaluation, scored)


def trial_config(whole: PipelineConfig, samples: Samples, *, steps: int, seed: int) -> PipelineConfig:
    """The config of a short run.

    Args:
      whole: of the whole run, with the setting.
      samples: what is read.
      steps: of the short run; the schedule is shortened with it.
      seed: of the run.
    """
    config = with_length(with_seed(whole), steps)
    train, evaluation, reader = config.proto.train_config, config.proto.eval_config, config.proto.train_input_reader
    train.seed = seed
    train.checkpoint_interval_steps = evaluation.interval_steps = steps
    train.max_checkpoints_to_keep = 1
    train.keep_best_checkpoint = False
    train.diagnostics_interval_steps = 0
    train.max_hours = train.schedule_start_step = 0
    train.ClearField("early_stopping")
    for name in ("export_path", "visualization_export_dir"):
        evaluation.ClearField(name)
    evaluation.num_visualizations = 0
    reader.num_epochs = 0
    if samples.training:
        reader.tf_record_input_reader.input_path[:] = [samples.training]
        reader.ClearField("sample_from_datasets_weights")
    del config.proto.eval_input_reader[1:]
    first = config.proto.eval_input_reader[0]
    first.name = EVALUATION
    if samples.evaluation:
        first.tf_record_input_reader.input_path[:] = [samples.evaluation]
    second = config.proto.eval_input_reader.add()
    second.CopyFrom(first)
    second.name = TRAINING_SAMPLE
    second.label_map_path = reader.label_map_path
    second.sample_1_of_n_examples = 1
    second.tf_record_input_reader.input_path[:] = [samples.training_sample]
    return config


def _files(config: PipelineConfig, reader: str) -> list[str]:
    message = config.proto.train_input_reader if reader == "train_input_reader" else config.proto.eval_input_reader[0]
    try:
        return resolve_files(list(message.tf_record_input_reader.input_path))
    except DataError as error:
        raise DataError(f"{config.where(f'{reader}.tf_record_input_reader.input_path')}: {error}") from None


def _digest(files: Sequence[str]) -> str:
    """Of the names, sizes and times of files: their contents would take minutes to read."""
    stats = [(file, os.stat(file)) for file in files]
    told = repr([(file, stat.st_size, stat.st_mtime_ns) for file, stat in stats])
    return hashlib.sha256(told.encode()).hexdigest()[:8]


def _sample(files: Sequence[str], count: int, seed: int, path: Path) -> str:
    path = path.absolute()
    if not path.exists():
        write_sample(files, count, seed, path)
    return str(path)


def check_metric(config: PipelineConfig) -> None:
    """Refuses what trials cannot be told apart by."""
    if config.proto.eval_config.ignore_groundtruth:
        raise ConfigError(f"{config.where('eval_config.ignore_groundtruth')}: trials are told apart by their metrics")
