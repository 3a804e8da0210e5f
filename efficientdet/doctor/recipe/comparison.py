# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A config beside the recipe that it is compared with, and what it is after."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from efficientdet.config import PipelineConfig
from efficientdet.data.label_map import read_label_map
from efficientdet.doctor.config_case import config_case
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.recipe.published import CONVENTIONS, RECIPES, PublishedRecipe
from efficientdet.doctor.recipe.settings import (
    Lineage,
    ModelSettings,
    TrainingSettings,
    read_model,
    read_training,
)
from efficientdet.doctor.record_counts import ImageCount, count_images
from efficientdet.doctor.record_sets import FileSet, look_at, readers_of
from efficientdet.errors import ConfigError
from efficientdet.protos import pipeline_pb2

Aim = Literal["reproduce", "fine_tune"]
RestoreType = Literal["", "classification", "detection", "full", "fine_tune"]

_COCO_CLASSES = (80, 90, 91)  # 80 classes with ids up to 90; some count the background
_MOST = 0.8  # of the classes, that a label map of the same data has at least
_FEW = 0.2  # of a published data set: a set this small is another one


@dataclass(frozen=True)
class Comparison:
    """Everything that the checks look at.

    Attributes:
      config: resolved; its `model.ssd` is set.
      model: its settings of the model.
      training: its settings of training.
      recipe: the published one of the same model; of the other lineage's training where its own has none.
      aim: "reproduce" the published precision, or "fine_tune" on other data or from a detector's weights.
      train_files: what training reads.
      eval_files: what each evaluation reader reads.
      given_images: what the caller knows of the training data; None for nothing.
    """

    config: PipelineConfig
    model: ModelSettings
    training: TrainingSettings
    recipe: PublishedRecipe
    aim: Aim
    train_files: FileSet
    eval_files: tuple[FileSet, ...]
    given_images: int | None = None

    @property
    def proto(self) -> pipeline_pb2.TrainEvalPipelineConfig:
        """The config's message."""
        return self.config.proto

    @property
    def reproduces(self) -> bool:
        """Whether the published precision is what is wanted."""
        return self.aim == "reproduce"

    @property
    def trains(self) -> bool:
        """Whether the config says how to train at all."""
        return self.proto.HasField("train_config")

    @property
    def optimizer_path(self) -> str:
        """Of the optimizer's message."""
        return f"train_config.optimizer.{self.training.optimizer}_optimizer"

    @property
    def rate_path(self) -> str:
        """Of the greatest learning rate."""
        return f"{self.optimizer_path}.{self.training.rate.path}"

    @property
    def images_processed(self) -> int:
        """In training, repeated ones included."""
        return self.training.num_steps * self.training.batch_size

    @cached_property
    def train_images(self) -> ImageCount | None:
        """Images that training reads: as given, as counted, or as the names of published shards tell."""
        stride = max(self.proto.train_input_reader.sample_1_of_n_examples, 1)
        counted = count_images(self.train_files.files)
        if self.given_images is not None:
            counted = ImageCount(self.given_images, is_exact=True)
        elif counted is None and self.reproduces:
            counted = ImageCount(round(self.recipe.data.num_images * self.train_files.share), is_exact=False)
        return counted and ImageCount(math.ceil(counted.number / stride), counted.is_exact)

    def eval_images(self, index: int) -> ImageCount | None:
        """Images that one evaluation reader reads, told in the same ways."""
        files, reader = self.eval_files[index], self.proto.eval_input_reader[index]
        counted = count_images(files.files)
        if counted is None and self.reproduces:
            counted = ImageCount(round(self.recipe.data.num_eval_images * files.share), is_exact=False)
        if counted is None:
            return None
        number = math.ceil(counted.number / max(reader.sample_1_of_n_examples, 1))
        limit = self.proto.eval_config.num_examples if self.proto.eval_config.HasField("num_examples") else 0
        return ImageCount(min(number, limit) if limit else number, counted.is_exact)

    @property
    def restore_type(self) -> RestoreType:
        """What is restored before training; "" where it starts from random weights."""
        train = self.proto.train_config
        return train.fine_tune_checkpoint_type if train.fine_tune_checkpoint else ""  # type: ignore[return-value]

    @property
    def starts_from_detector(self) -> bool:
        """Whether the weights to start from are of a detector, pyramid and all."""
        return self.restore_type in ("detection", "full", "fine_tune")

    def finding(
        self,
        code: str,
        severity: Severity,
        title: str,
        *,
        path: str,
        why: str,
        remedy: str,
        cost: float = 0.0,
    ) -> Finding:
        """A finding with one case, the field that it is about."""
        return Finding("recipe", code, severity, title, why, remedy, cases=(config_case(self.config, path),), cost=cost)


def compare(config: PipelineConfig, num_images: int | None = None) -> Comparison:
    """Lays a config beside the published recipe of its model.

    Args:
      config: resolved; `model.ssd` is set, with a feature extractor that has a recipe.
      num_images: of the training data, where that is known.
    """
    proto = config.proto
    model, training = read_model(proto), read_training(proto)
    recipe = _recipe_of(model, training, _lineage(proto))
    readers = readers_of(config)
    train_files = next((reader.files for reader in readers if reader.is_training), look_at([]))
    eval_files = tuple(reader.files for reader in readers if not reader.is_training)
    draft = Comparison(config, model, training, recipe, "fine_tune", train_files, eval_files, num_images)
    return replace(draft, aim=_aim(draft))


def _lineage(proto: pipeline_pb2.TrainEvalPipelineConfig) -> Lineage:
    return "AUTOML" if proto.lineage == pipeline_pb2.TrainEvalPipelineConfig.AUTOML else "TFOD"


def _recipe_of(model: ModelSettings, training: TrainingSettings, lineage: Lineage) -> PublishedRecipe:
    """The recipe of the nearest size; where there are two of a model, that of the nearer batch size.

    A model that its lineage never had is trained as the other lineage does, and keeps its own conventions.
    """
    same = [recipe for recipe in RECIPES if recipe.model.extractor == model.extractor]
    own = [recipe for recipe in same if recipe.lineage == lineage]

    def distance(recipe: PublishedRecipe) -> tuple[float, float, float]:
        theirs, batch = recipe.model, recipe.training.batch_size
        filters = abs(sum(theirs.pyramid[:1]) - sum(model.pyramid[:1]))
        size = abs(theirs.image_size - model.image_size)
        return filters, size, abs(math.log2(max(training.batch_size, 1) / batch))

    nearest = min(own or same, key=distance)
    return nearest if own else replace(nearest, lineage=lineage, model=replace(nearest.model, **CONVENTIONS[lineage]))


def _names_other_classes(path: str, classes: int) -> bool:
    """Whether a label map that is there has far fewer ids than the model has classes, as where 90 was left in place."""
    try:
        return bool(path) and read_label_map(path).num_rows < _MOST * classes
    except ConfigError:  # none that can be read, which another check reports
        return False


def _aim(draft: Comparison) -> Aim:
    """Whether a config is after the published precision: its classes, not from a detector, and not few images."""
    wanted, classes = draft.recipe.data.num_classes, draft.model.num_classes
    reads = " ".join(draft.train_files.patterns).lower()
    if classes != wanted and not (classes in _COCO_CLASSES and wanted in _COCO_CLASSES and "coco" in reads):
        return "fine_tune"
    if _names_other_classes(draft.proto.train_input_reader.label_map_path, classes):
        return "fine_tune"
    if draft.starts_from_detector:
        return "fine_tune"
    counted = draft.train_images
    whole = counted.number / draft.train_files.share if counted is not None else draft.recipe.data.num_images
    return "reproduce" if whole >= _FEW * draft.recipe.data.num_images else "fine_tune"
