# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One run: a config becomes parts, and the parts train, are evaluated or are exported."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from efficientdet.atomic_write import replace_atomically
from efficientdet.builders.anchors import build_anchors
from efficientdet.builders.conventions import copy_label_map
from efficientdet.builders.detector import build_detector
from efficientdet.builders.evaluation import build_eval_inputs, build_evaluators
from efficientdet.builders.input import build_label_map, build_preprocessor, build_train_input
from efficientdet.builders.losses import build_loss
from efficientdet.builders.model import build_model, build_training_model
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
from efficientdet.evaluation.evaluation import Evaluation
from efficientdet.evaluation.evaluator import evaluate_all
from efficientdet.experiment.training import TrainingOptions, train
from efficientdet.export.saved_model import export_saved_model
from efficientdet.model_directory import recorded_config
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.ops.targets import TargetAssigner
from efficientdet.training.checkpoint_files import checkpoint_step
from efficientdet.training.outcome import Observer
from efficientdet.training.trainer import Trainer
from efficientdet.weights.report import REPORT_NAME

__all__ = ["Experiment"]


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
        self.record_summaries = record_summaries

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

    def train(
        self,
        *,
        save_detections: bool = False,
        restart_schedule: bool = False,
        tpu: str | None = None,
        stop_at: float | None = None,
        recipe_notes: Sequence[str] = (),
        observers: Sequence[Observer] = (),
    ) -> Mapping[str, float] | None:
        """Trains, or resumes, until `train_config.num_steps`, and evaluates on the way.

        SIGTERM, SIGINT and SIGUSR1 end it as soon as the present step is done, saved; the same call goes on from there.

        Args:
          save_detections: write each evaluation's detections as COCO results JSON.
          restart_schedule: begin the learning rate's schedule, and the count of `num_steps`, at the latest checkpoint.
          tpu: the name of a TPU, see `distribution.choose_strategy`.
          stop_at: when to end, saved and evaluated, in seconds of `time.monotonic`; None: when all is done.
          recipe_notes: what was said of the recipe beforehand, a sentence each; told again with a fault.
          observers: watch beside those that every training has.

        Returns:
          The metrics of the last evaluation, on the first reader's data; None where the config has no evaluation data.

        Raises:
          EfficientDetError: what a user can mend, see `loop.run_training`.
          KeyboardInterrupt: after SIGINT.
          StoppedBySignalError: after another signal; a SystemExit.
        """
        options = TrainingOptions(save_detections, restart_schedule, tpu, stop_at, recipe_notes, observers)
        evaluation = train(self, self._require_model_dir(), options)
        return None if evaluation is None else evaluation.metrics

    def build_train_input(self) -> InputPipeline:
        """The input of training, as the config's seed orders it."""
        return build_train_input(self.config, self.preprocessor, self.assigner)

    def build_trainer(
        self,
        strategy: tf.distribute.Strategy,
        data: InputPipeline,
        *,
        with_start_weights: bool = False,
        adjustable_rate: bool = False,
    ) -> Trainer:
        """Builds a trainer with a fresh model.

        Args:
          strategy: on whose replicas it trains.
          data: where its batches come from.
          with_start_weights: load `fine_tune_checkpoint` into the model; the moving averages start there too.
          adjustable_rate: see `builders.trainer.build_trainer`.
        """
        with strategy.scope():
            model = build_training_model(self.config)
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
            adjustable_rate=adjustable_rate,
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
        evaluate = self.evaluation(self.detector(model), save_detections=save_detections)

        def restore(path: str) -> int:
            restore_for_inference(self.config, model, path)
            return checkpoint_step(path)

        if source := single_source(checkpoint_dir):
            report = restore_for_inference(self.config, model, source)
            replace_atomically(self._require_model_dir() / "eval" / REPORT_NAME, report.details())
            evaluate(checkpoint_step(source))
            return
        num_steps = self.config.proto.train_config.num_steps

        def last_step() -> int | None:
            recorded = recorded_config(checkpoint_dir)  # anew each time: the schedule may begin anew meanwhile
            start = 0 if recorded is None else recorded.proto.train_config.schedule_start_step
            return start + num_steps if num_steps else None

        for _ in evaluate_continuously(
            evaluate,
            checkpoint_dir,
            restore,
            timeout=timeout,
            last_step=last_step,
            max_evaluations=self.config.proto.eval_config.max_evals or None,
        ):
            pass  # each is written and logged by its evaluator

    def export(
        self,
        *,
        checkpoint: str | Path,
        output_directory: str | Path,
        input_type: str = "image_tensor",
        fold_batch_norms: bool = True,
    ) -> Path:
        """Exports a checkpoint as a SavedModel, with the checkpoint, config, label map and restore report beside it.

        Args:
          checkpoint: see `restored_detector`.
          output_directory: where to.
          input_type: what the signature takes, see `export.saved_model.INPUT_TYPES`.
          fold_batch_norms: see `export.saved_model.export_saved_model`.

        Returns:
          The path of the SavedModel.
        """
        model = build_model(self.config)
        report = restore_for_inference(self.config, model, checkpoint)

        def describe(directory: Path) -> None:
            write_config(self.config, directory / "pipeline.config")
            copy_label_map(self.config, directory)
            replace_atomically(directory / REPORT_NAME, report.details())

        return export_saved_model(
            self.detector(model), output_directory, input_type, fold_batch_norms=fold_batch_norms, describe=describe
        )

    @property
    def evaluates_averages(self) -> bool:
        """Whether the averaged weights are evaluated and exported."""
        return bool(self.config.proto.eval_config.use_moving_averages)

    def evaluation(
        self,
        detector: Detector,
        *,
        save_detections: bool = False,
        strategy: tf.distribute.Strategy | None = None,
        interrupt: Callable[[], None] = lambda: None,
    ) -> Callable[[int], Evaluation]:
        """Evaluates on the data of every reader, at a step; returns the first one's evaluation.

        Args:
          detector: whose weights are evaluated as they are then.
          save_detections: write the detections as COCO results JSON.
          strategy: see `build_evaluators`.
          interrupt: likewise.
        """
        evaluators = build_evaluators(
            self.config,
            detector,
            inputs=build_eval_inputs(self.config, self.preprocessor, self.assigner),
            loss=build_loss(self.config, self.anchors, self.preprocessor.input_size),
            directory=self._require_model_dir() / "eval",
            write_detections=save_detections,
            write_summaries=self.record_summaries,
            strategy=strategy,
            interrupt=interrupt,
        )
        return functools.partial(evaluate_all, evaluators)

    def _require_model_dir(self) -> Path:
        if self.model_dir is None:
            raise UsageError("a model_dir is needed, to keep checkpoints, summaries and metrics in")
        return self.model_dir
