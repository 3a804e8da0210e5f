# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds evaluators from `eval_config` and the evaluation readers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf
from PIL import ImageColor

from efficientdet.builders.choice import as_written
from efficientdet.builders.input import build_eval_input, build_label_map
from efficientdet.config import PipelineConfig
from efficientdet.data.label_map import LabelMap
from efficientdet.data.pipeline import Assigner, InputPipeline
from efficientdet.data.preprocessing import Preprocessor
from efficientdet.detector import Detector
from efficientdet.evaluation.coco import CocoEvaluation
from efficientdet.evaluation.evaluator import EvaluationSettings, Evaluator
from efficientdet.evaluation.file_names import as_file_name
from efficientdet.evaluation.metrics import Category, MetricSetFactory
from efficientdet.evaluation.metrics_file import METRICS_FILE
from efficientdet.evaluation.pictures import PictureSettings
from efficientdet.evaluation.voc import Average, PascalVocEvaluation, area_under_curve, eleven_points
from efficientdet.losses import Loss
from efficientdet.protos import eval_pb2
from efficientdet.training.workers import Team

PASCAL_VOC_AVERAGES: dict[int, Average] = {
    eval_pb2.EvalConfig.AREA: area_under_curve,
    eval_pb2.EvalConfig.ELEVEN_POINTS: eleven_points,
}


def _coco(settings: eval_pb2.EvalConfig) -> MetricSetFactory:
    return CocoEvaluation


def _pascal_voc(settings: eval_pb2.EvalConfig) -> MetricSetFactory:
    average = PASCAL_VOC_AVERAGES[settings.pascal_voc_average]
    return functools.partial(PascalVocEvaluation, average=average)


def _weighted_pascal_voc(settings: eval_pb2.EvalConfig) -> MetricSetFactory:
    average = PASCAL_VOC_AVERAGES[settings.pascal_voc_average]
    return functools.partial(PascalVocEvaluation, prefix="WeightedPascalBoxes", average=average, pooled=True)


def _precision_at_recall(settings: eval_pb2.EvalConfig) -> MetricSetFactory:
    return functools.partial(
        PascalVocEvaluation,
        prefix="PrecisionAtRecallBoxes",
        average=PASCAL_VOC_AVERAGES[settings.pascal_voc_average],
        recall_bounds=(as_written(settings.recall_lower_bound), as_written(settings.recall_upper_bound)),
    )


METRIC_SETS: dict[str, Callable[[eval_pb2.EvalConfig], MetricSetFactory]] = {
    "coco_detection_metrics": _coco,
    "pascal_voc_detection_metrics": _pascal_voc,
    "weighted_pascal_voc_detection_metrics": _weighted_pascal_voc,
    "precision_at_recall_detection_metrics": _precision_at_recall,
}


def build_eval_inputs(config: PipelineConfig, preprocessor: Preprocessor, assigner: Assigner) -> list[InputPipeline]:
    """Builds the input of each evaluation reader, see `build_eval_input`."""
    readers = range(len(config.proto.eval_input_reader))
    return [build_eval_input(config, preprocessor, assigner, reader=reader) for reader in readers]


def build_evaluators(
    config: PipelineConfig,
    detector: Detector,
    *,
    inputs: Sequence[InputPipeline],
    loss: Loss,
    directory: Path,
    write_detections: bool = False,
    write_summaries: bool = True,
    strategy: tf.distribute.Strategy | None = None,
    interrupt: Callable[[], None] = lambda: None,
) -> list[Evaluator]:
    """Builds an evaluator for each evaluation reader.

    Args:
      config: resolved.
      detector: what to evaluate.
      inputs: of the readers, as `build_eval_inputs` returns them.
      loss: the detector is trained with it.
      directory: results of a reader go into the folder of its name here, or without a name right here, as TFOD does it.
      write_detections: also write each evaluation's detections and truth as COCO JSON.
      write_summaries: write TensorBoard files.
      strategy: in whose scope the detector's network was made, and whose workers share the evaluation; None: none.
      interrupt: is called before each batch; what it raises ends the evaluation.

    Returns:
      The evaluators, in the order of the readers.

    Raises:
      ConfigError: two readers' names make one folder, or a label map does not fit.
    """
    strategy = strategy or tf.distribute.get_strategy()
    team = Team(strategy)
    evaluators = []
    for index, (data, folder) in enumerate(zip(inputs, _folders(config), strict=True)):
        settings = build_evaluation_settings(config, index)
        categories = build_categories(build_label_map(config, f"eval_input_reader[{index}]"))
        evaluators.append(
            Evaluator(
                detector,
                loss,
                functools.partial(
                    data.eval_dataset, max_examples=max_eval_images(config), worker=team.index, workers=team.count
                ),
                categories,
                directory / folder,
                settings._replace(write_detections=write_detections, write_summaries=write_summaries),
                on_input_error=data.exclude_evaluated,
                peers=team,
                interrupt=interrupt,
            )
        )
    return evaluators


def metrics_files(config: PipelineConfig, directory: Path) -> list[Path]:
    """Where the evaluations of each reader are recorded, a line each, by evaluators that `build_evaluators` built.

    Args:
      config: resolved.
      directory: as `build_evaluators` was given it.
    """
    return [directory / folder / METRICS_FILE for folder in _folders(config)]


def build_categories(label_map: LabelMap) -> list[Category]:
    """The classes that metrics are computed over, by the label map's ids."""
    return [Category(id_, name) for id_, name in label_map.display_names.items()]


def build_evaluation_settings(config: PipelineConfig, reader: int = 0) -> EvaluationSettings:
    """Builds the settings of the evaluator of one reader.

    Args:
      config: resolved.
      reader: its number. Of several, each writes to its own part of the places that `eval_config` names.

    Raises:
      ConfigError: `export_path` is a folder.
    """
    settings = config.proto.eval_config
    names = dict.fromkeys(settings.metrics_set) or ("coco_detection_metrics",)
    folder = _folders(config)[reader] if len(config.proto.eval_input_reader) > 1 else ""
    export_path = Path(settings.export_path) if settings.export_path else None
    if export_path is not None and (settings.export_path.endswith("/") or export_path.is_dir()):
        raise config.error("eval_config.export_path", "must name a file")  # now, and not after hours of training
    if export_path is not None and folder:
        export_path = export_path.with_name(f"{export_path.stem}-{folder}{export_path.suffix}")
    return EvaluationSettings(
        metric_sets=tuple(METRIC_SETS[name](settings) for name in names),
        pictures=_picture_settings(settings, folder),
        name=config.proto.eval_input_reader[reader].name if config.proto.eval_input_reader else "",
        per_category=settings.include_metrics_per_category,
        regularize=config.proto.train_config.add_regularization_loss,
        ignore_truth=settings.ignore_groundtruth,
        export_path=export_path,
    )


def max_eval_images(config: PipelineConfig) -> int | None:
    """How many images to evaluate; None for all. TFOD's default of 5,000 is COCO's, so only a set value counts."""
    settings = config.proto.eval_config
    return settings.num_examples if settings.HasField("num_examples") and settings.num_examples else None


def _picture_settings(settings: eval_pb2.EvalConfig, folder: str) -> PictureSettings:
    colour = ImageColor.getrgb(settings.groundtruth_box_visualization_color)[:3]
    export_directory = settings.visualization_export_dir
    return PictureSettings(
        num_pictures=settings.num_visualizations,
        min_score=settings.min_score_threshold,
        max_boxes=settings.max_num_boxes_to_visualize or None,  # 0 draws all, as it does in TFOD
        show_names=not settings.skip_labels,
        show_scores=not settings.skip_scores,
        truth_colour=colour if settings.visualize_groundtruth_boxes else None,
        export_directory=Path(export_directory, folder) if export_directory else None,
        export_ids=settings.keep_image_id_for_visualization_export,
    )


def _folders(config: PipelineConfig) -> list[str]:
    """The folder of each reader's results; "" for one without a name."""
    folders: list[str] = []
    for index, reader in enumerate(config.proto.eval_input_reader):
        folder = as_file_name(reader.name) if reader.name else ""
        if folder in folders:
            rule = f"names the same folder, {folder!r}, as eval_input_reader[{folders.index(folder)}].name"
            raise config.error(f"eval_input_reader[{index}].name", rule)
        folders.append(folder)
    return folders
