# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One run: a config becomes parts, and the parts train, are evaluated or are exported."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import tensorflow as tf

from efficientdet import model_directory
from efficientdet.atomic_write import replace_atomically
from efficientdet.builders.anchors import build_anchors
from efficientdet.builders.conventions import copy_label_map
from efficientdet.builders.detector import build_detector
from efficientdet.builders.evaluation import build_eval_inputs, build_evaluators
from efficientdet.builders.input import build_label_map, build_preprocessor, build_train_input
from efficientdet.builders.losses import build_loss
from efficientdet.builders.model import build_model
from efficientdet.builders.optimizer import build_optimizer
from efficientdet.builders.targets import build_target_assigner
from efficientdet.builders.trainer import build_trainer
from efficientdet.builders.weights import load_start_weights, restore_for_inference, single_source
from efficientdet.config import PipelineConfig, write_config
from efficientdet.data.pipeline import InputPipeline
from efficientdet.data.preprocessing import Preprocessor
from efficientdet.detector import Detector
from efficientdet.errors import UsageError
from efficientdet.evaluation.continuous import evaluate_continuously
from efficientdet.evaluation.evaluator import Evaluation, evaluate_all
from efficientdet.export.saved_model import export_saved_model
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.ops.targets import TargetAssigner
from efficientdet.training import checkpoints as checkpoint_files
from efficientdet.training import distribution
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.loop import Intervals, run_training
from efficientdet.training.plan import TrainingPlan
from efficientdet.training.progress import Progress
from efficientdet.training.summaries import TrainingSummaries
from efficientdet.training.trainer import Trainer
from efficientdet.types import Batch
from efficientdet.visualization import draw_batch
from efficientdet.weights.report import REPORT_NAME

_logger = logging.getLogger(__name__)

_SUMMARY_INTERVAL = 100  # steps, TFOD's
_SUMMARIES_PER_RUN = 20  # at least, of a run shorter than 20 intervals


class Experiment:
    """A config and what is built from it.

    Args:
      config: resolved and validated for what is to be done.
      model_dir: where a training keeps its checkpoints, summaries and metrics; not needed to export or detect.
      record_summaries: whether to write TensorBoard files.
    """

    def __init__(
        self, config: PipelineConfig, *, model_dir: str | Path | None = None, record_summaries: bool = True
    ) -> None:
        self.config = config
        self.model_dir = Path(model_dir) if model_dir is not None else None
        self._record_summaries = record_summaries

    @functools.cached_property
    def preprocessor(self) -> Preprocessor:
        """From pictures to inputs of the network."""
        return build_preprocessor(self.config)

    @functools.cached_property
    def anchors(self) -> np.ndarray:
        """float32 [A, 4], normalised to the network's input."""
        return build_anchors(self.config, self.preprocessor.input_size)

    @functools.cached_property
    def assigner(self) -> TargetAssigner:
        """From the truth of one picture to targets."""
        return build_target_assigner(self.config, self.anchors)

    def detector(self, model: DetectionModel) -> Detector:
        """Puts the config's pre- and post-processing around a network."""
        return build_detector(self.config, model, preprocessor=self.preprocessor, anchors=self.anchors)

    def restored_detector(self, checkpoint: str | Path) -> Detector:
        """A detector with the weights of a checkpoint of any origin: the averaged ones where `eval_config` says so.

        Args:
          checkpoint: see `weights.files.find_file`; of a folder, the latest checkpoint is taken.

        Raises:
          CheckpointError: there is none, or it does not fit the config's model.
        """
        model = build_model(self.config)
        restore_for_inference(self.config, model, checkpoint)
        return self.detector(model)

    def train(self, *, save_detections: bool = False) -> Mapping[str, float] | None:
        """Trains, or resumes, until `train_config.num_steps`, and evaluates on the way.

        Args:
          save_detections: write each evaluation's detections as COCO results JSON.

        Returns:
          The metrics of the last evaluation, on the first reader's data; None where the config has no evaluation data.
        """
        model_dir = self._require_model_dir()
        resuming = checkpoint_files.has_checkpoints(model_dir)
        self.config = config = model_directory.reconcile(model_dir, self.config, resuming=resuming)
        train = config.proto.train_config
        if not tf.config.list_physical_devices("GPU"):
            distribution.make_deterministic()
        strategy = distribution.choose_strategy()
        if train.batch_size % strategy.num_replicas_in_sync:
            rule = f"must be divisible by the {strategy.num_replicas_in_sync} replicas"
            raise config.error("train_config.batch_size", rule)
        data = self.build_train_input()
        trainer = self.build_trainer(strategy, data, with_start_weights=not resuming)
        checkpoints = TrainingCheckpoints(
            model_dir, model=trainer.model, optimizer=trainer.optimizer, max_to_keep=train.max_checkpoints_to_keep
        )
        checkpoints.restore_latest()
        evaluate = self._evaluation_in_training(trainer, save_detections)
        model_directory.record(model_dir, config)  # not before all that a user can have done wrong was found
        copy_label_map(config, model_dir)
        self._log_plan(data, trainer)
        with Progress(train.num_steps, train.batch_size) as progress:
            return run_training(
                trainer,
                checkpoints,
                num_steps=train.num_steps,
                intervals=Intervals(train.checkpoint_interval_steps, config.proto.eval_config.interval_steps),
                evaluate_fn=evaluate,
                summaries=self._training_summaries(),
                progress=progress,
            )

    def build_train_input(self) -> InputPipeline:
        """The input of training, as the config's seed orders it."""
        return build_train_input(self.config, self.preprocessor, self.assigner)

    def build_trainer(
        self, strategy: tf.distribute.Strategy, data: InputPipeline, *, with_start_weights: bool = False
    ) -> Trainer:
        """Builds a trainer with a fresh model.

        Args:
          strategy: on whose replicas it trains.
          data: where its batches come from.
          with_start_weights: load `fine_tune_checkpoint` into the model; the moving averages start there too.
        """
        train = self.config.proto.train_config
        with strategy.scope():
            model = build_model(self.config, seed=train.seed)
            optimizer = build_optimizer(self.config, model)
        if with_start_weights:
            labels = build_label_map(self.config, "train_input_reader").names_by_row
            report_path = None if self.model_dir is None else self.model_dir / REPORT_NAME
            load_start_weights(self.config, model, labels=labels, report_path=report_path)
        return build_trainer(
            self.config,
            model=model,
            optimizer=optimizer,
            loss=build_loss(self.config, self.anchors, self.preprocessor.input_size),
            data=data,
            strategy=strategy,
        )

    def evaluate_continuously(
        self, checkpoint_dir: str | Path, *, timeout: float = 3600, save_detections: bool = False
    ) -> None:
        """Evaluates each checkpoint of a folder as it appears: until that of the last step, or none for `timeout`.

        Args:
          checkpoint_dir: of a training, which may be going on; or weights of any other kind, which are evaluated once.
          timeout: seconds.
          save_detections: write each evaluation's detections as COCO results JSON.
        """
        model = build_model(self.config)
        evaluate = self._evaluation(self.detector(model), save_detections)

        def restore(path: str) -> int:
            restore_for_inference(self.config, model, path)
            return checkpoint_files.checkpoint_step(path)

        if source := single_source(checkpoint_dir):
            report = restore_for_inference(self.config, model, source)
            replace_atomically(self._require_model_dir() / "eval" / REPORT_NAME, report.details())
            evaluate(checkpoint_files.checkpoint_step(source))
            return
        train = self.config.proto.train_config
        for _ in evaluate_continuously(
            evaluate,
            checkpoint_dir,
            restore,
            timeout=timeout,
            last_step=train.num_steps or None,
            max_evaluations=self.config.proto.eval_config.max_evals or None,
        ):
            pass  # each is written and logged by its evaluator

    def export(self, *, checkpoint: str | Path, output_directory: str | Path, input_type: str = "image_tensor") -> Path:
        """Exports a checkpoint as a SavedModel, with the checkpoint, config, label map and restore report beside it.

        Args:
          checkpoint: see `restored_detector`.
          output_directory: where to.
          input_type: what the signature takes, see `export.saved_model.INPUT_TYPES`.

        Returns:
          The path of the SavedModel.
        """
        model = build_model(self.config)
        report = restore_for_inference(self.config, model, checkpoint)

        def describe(directory: Path) -> None:
            write_config(self.config, directory / "pipeline.config")
            copy_label_map(self.config, directory)
            replace_atomically(directory / REPORT_NAME, report.details())

        return export_saved_model(self.detector(model), output_directory, input_type, describe=describe)

    @property
    def _evaluates_averages(self) -> bool:
        return bool(self.config.proto.eval_config.use_moving_averages)

    def _require_model_dir(self) -> Path:
        if self.model_dir is None:
            raise UsageError("a model_dir is needed, to keep checkpoints, summaries and metrics in")
        return self.model_dir

    def _evaluation(self, detector: Detector, save_detections: bool) -> Callable[[int], Evaluation]:
        """Evaluates on the data of every reader, at a step; returns the first one's evaluation."""
        evaluators = build_evaluators(
            self.config,
            detector,
            inputs=build_eval_inputs(self.config, self.preprocessor, self.assigner),
            loss=build_loss(self.config, self.anchors, self.preprocessor.input_size),
            directory=self._require_model_dir() / "eval",
            write_detections=save_detections,
            write_summaries=self._record_summaries,
        )
        return functools.partial(evaluate_all, evaluators)

    def _evaluation_in_training(
        self, trainer: Trainer, save_detections: bool
    ) -> Callable[[int], Mapping[str, float]] | None:
        if not self.config.proto.eval_input_reader:
            _logger.info("the config has no eval_input_reader: nothing is evaluated")
            return None
        evaluate_readers = self._evaluation(self.detector(trainer.model), save_detections)
        weights = trainer.averaged_weights if self._evaluates_averages else nullcontext

        def evaluate(step: int) -> Mapping[str, float]:
            with weights():
                return evaluate_readers(step).metrics

        return evaluate

    def _training_summaries(self) -> TrainingSummaries | None:
        if not self._record_summaries:
            return None
        interval = min(_SUMMARY_INTERVAL, max(1, self.config.proto.train_config.num_steps // _SUMMARIES_PER_RUN))
        names = build_label_map(self.config, "train_input_reader").names_by_row

        def draw(batch: Batch) -> np.ndarray:
            return draw_batch(batch, to_pixels=self.preprocessor.to_pixels, names=names)

        return TrainingSummaries(self._require_model_dir() / "train", interval=interval, draw_batch=draw)

    def _log_plan(self, data: InputPipeline, trainer: Trainer) -> None:
        """Says in a few lines what is about to happen."""
        ssd, train = self.config.proto.model.ssd, self.config.proto.train_config
        plan = TrainingPlan(
            network=ssd.feature_extractor.type,
            input_size=self.preprocessor.input_size,
            num_anchors=len(self.anchors),
            num_classes=ssd.num_classes,
            num_images=data.num_records,
            num_steps=train.num_steps,
            batch_size=train.batch_size,
            seed=train.seed,
            average_decay=train.optimizer.moving_average_decay if train.optimizer.use_moving_average else None,
            evaluates_averages=self._evaluates_averages,
        )
        for line in plan.lines(trainer):
            _logger.info("%s", line)
