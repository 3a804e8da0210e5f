# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds what ends a training early, or brings it back from a fault, from `train_config`."""

from __future__ import annotations

from efficientdet.builders.evaluation import build_categories, build_evaluation_settings
from efficientdet.builders.input import build_label_map
from efficientdet.config import PipelineConfig
from efficientdet.errors import TrainingError
from efficientdet.protos import train_pb2
from efficientdet.training.incidents import Action
from efficientdet.training.recovery import FaultPolicy
from efficientdet.training.run_state import RunState
from efficientdet.training.stopping import ChosenMetric, EarlyStopping, Judge
from efficientdet.types import Losses

FAULT_ACTIONS: dict[int, Action] = {
    train_pb2.FaultHandling.STOP: "stop",
    train_pb2.FaultHandling.SKIP_BATCH: "skip_batch",
    train_pb2.FaultHandling.LOWER_RATE: "lower_rate",
}


def build_judge(config: PipelineConfig, state: RunState) -> Judge:
    """Builds what judges the evaluations of a training; of a config without any, or without truth, it judges none.

    Args:
      config: resolved.
      state: of the run.

    Raises:
      ConfigError: a metric is named that no evaluation of the first reader will have.
    """
    train = config.proto.train_config
    names = evaluation_names(config)
    if not names:
        return Judge(state)
    best = _chosen(config, "train_config.best_checkpoint_metric", train.best_checkpoint_metric, names)
    stopping = None
    if train.HasField("early_stopping"):
        settings = train.early_stopping
        own = _chosen(config, "train_config.early_stopping.metric", settings.metric, names) if settings.metric else None
        stopping = EarlyStopping(settings.patience, settings.min_delta, own or best)
    return Judge(state, best=best if train.keep_best_checkpoint else None, stopping=stopping)


def build_fault_policy(config: PipelineConfig) -> FaultPolicy:
    """Builds what is done about a step that cannot stand."""
    settings = config.proto.train_config.fault_handling
    return FaultPolicy(
        action=FAULT_ACTIONS[settings.action],
        max_recoveries=settings.max_recoveries,
        rate_factor=settings.rate_factor,
        max_loss_jump=settings.max_loss_jump,
    )


def evaluation_names(config: PipelineConfig) -> list[str]:
    """The names of the metrics, and after them of the losses, that evaluations of the first reader give; none without.

    Raises:
      ConfigError: the label map cannot be read.
    """
    if not config.proto.eval_input_reader or config.proto.eval_config.ignore_groundtruth:
        return []
    settings = build_evaluation_settings(config)
    categories = build_categories(build_label_map(config, "eval_input_reader[0]"))
    names: dict[str, float] = {}
    for make in settings.metric_sets:
        names |= make(categories).compute(per_category=settings.per_category)
    return [*names, *Losses(0.0, 0.0, 0.0, 0.0).tags()]


def _chosen(config: PipelineConfig, path: str, name: str, names: list[str]) -> ChosenMetric:
    """The metric of a name that stands at `path`; none in particular where it is empty."""
    metric = ChosenMetric(name)
    try:
        metric.find(names)
    except TrainingError:
        raise config.error(path, f"must be one of {', '.join(names)}") from None
    return metric
