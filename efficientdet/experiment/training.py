# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One start of a training: everything that takes part in it, wired together."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

from efficientdet import model_directory
from efficientdet.builders.conventions import copy_label_map
from efficientdet.builders.diagnostics import build_diagnostics
from efficientdet.builders.evaluation import metrics_files
from efficientdet.builders.model import build_model, training_precision
from efficientdet.builders.plan import build_plan
from efficientdet.builders.steering import build_fault_policy, build_judge
from efficientdet.builders.trainer import require_divisible_batch
from efficientdet.config import PipelineConfig
from efficientdet.data.pipeline import InputPipeline
from efficientdet.evaluation.evaluation import Evaluation
from efficientdet.experiment.fault_report import FaultReporter
from efficientdet.experiment.recorded_results import RecordedResults
from efficientdet.experiment.recording import build_recorder
from efficientdet.experiment.schedule_restart import log_schedule, schedule_start
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.start_up import uncollected
from efficientdet.training import distribution
from efficientdet.training.checkpoint_files import saved_steps
from efficientdet.training.checkpoint_writing import Retention
from efficientdet.training.checkpoints import Extra, TrainingCheckpoints
from efficientdet.training.incidents import Incidents
from efficientdet.training.loop import Intervals, run_training
from efficientdet.training.outcome import Observer
from efficientdet.training.progress import Progress
from efficientdet.training.recovery import Recovery
from efficientdet.training.run_state import RunState
from efficientdet.training.signals import StopSignals
from efficientdet.training.steering import Steering
from efficientdet.training.stopping import Deadline
from efficientdet.training.workers import Workers, gather, loss_of_worker_told, require_alike, workers_of
from efficientdet.weights.variables import variables_by_path

if TYPE_CHECKING:
    from efficientdet.experiment import Experiment

_RUN_STATE = "run_state"
_LOSS_SCALE = "loss_scale"

_logger = logging.getLogger(__name__)


class TrainingOptions(NamedTuple):
    """What is asked of a start of a training, besides its config.

    Attributes:
      save_detections: write each evaluation's detections as COCO results JSON.
      restart_schedule: begin the learning rate's schedule, and the count of `num_steps`, at the latest checkpoint.
      tpu: the name of a TPU, see `distribution.choose_strategy`.
      stop_at: when to end, in seconds of `time.monotonic`; None: when all is done.
      recipe_notes: what was said of the recipe beforehand, a sentence each; told again with a fault.
      observers: watch beside those that every training has.
    """

    save_detections: bool = False
    restart_schedule: bool = False
    tpu: str | None = None
    stop_at: float | None = None
    recipe_notes: Sequence[str] = ()
    observers: Sequence[Observer] = ()


def train(experiment: Experiment, model_dir: Path, options: TrainingOptions) -> Evaluation | None:
    """Trains, or resumes, until the config's last step, and evaluates on the way.

    Args:
      experiment: its config is replaced by the one of the run, with its seed.
      model_dir: of the run.
      options: see `TrainingOptions`.

    Returns:
      The last evaluation, on the first reader's data; None where the config has no evaluation data.

    Raises:
      EfficientDetError: see `loop.run_training`, and whatever a config or data can have wrong.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(loss_of_worker_told())
        signals = stack.enter_context(StopSignals())
        if not options.tpu:
            distribution.settle_computation()
        strategy = distribution.choose_strategy(options.tpu)
        if workers_of(strategy).is_chief:
            stack.enter_context(model_directory.locked(model_dir))
        with uncollected():
            run = _TrainingRun(experiment, model_dir, strategy, options)
        return run.go(signals, stack)


class _TrainingRun:
    """The parts of one start of a training, built in the order in which they need each other."""

    def __init__(
        self, experiment: Experiment, model_dir: Path, strategy: tf.distribute.Strategy, options: TrainingOptions
    ) -> None:
        self._experiment = experiment
        self._model_dir = model_dir
        self._strategy = strategy
        self._options = options
        self._workers: Workers = workers_of(strategy)
        steps = saved_steps(model_dir)
        self._config = experiment.config = self._reconciled(steps)
        require_divisible_batch(self._config, strategy.num_replicas_in_sync)
        self._incidents = Incidents(model_dir, writes=self._workers.is_chief, resumes=bool(steps))
        self._incidents.take_over(gather(strategy, self._incidents.content())[0])
        results = metrics_files(self._config, model_dir / "eval")
        self._results = RecordedResults(results, writes=self._workers.is_chief)
        self._data = self._build_input()
        self._state = RunState()
        self._trainer = experiment.build_trainer(
            strategy,
            self._data,
            with_start_weights=not steps,
            adjustable_rate=self._incidents.changes_rate,
        )
        self._checkpoints = self._build_checkpoints()
        step = self._checkpoints.restore_latest()
        require_alike(strategy, "the latest checkpoint", "none" if step is None else f"that of step {step}")
        if summary := self._incidents.summary(self._trainer.step):
            _logger.info("by what happened earlier (incidents.json): %s", summary)
        self._state.begin_schedule(self._config.proto.train_config.schedule_start_step)

    def go(self, signals: StopSignals, stack: contextlib.ExitStack) -> Evaluation | None:
        """Trains to the end.

        Args:
          signals: entered already.
          stack: for what has to be left at the end.
        """
        train, evaluation = self._config.proto.train_config, self._config.proto.eval_config
        steering = self._steering(signals)
        if self._workers.count == 1:  # others would wait for one that leaves
            self._data.let_through(signals.check)
        evaluate = self._evaluation(signals)
        if steering.recovery:
            steering.recovery.before_step(self._trainer)  # the plan tells of the rates that incidents left
        if self._workers.is_chief:  # not before all that a user can have done wrong was found
            model_directory.record(self._model_dir, self._config)
            copy_label_map(self._config, self._model_dir)
            self._log_plan()
        self._results.begin(self._trainer.step)
        return run_training(
            self._trainer,
            self._checkpoints,
            num_steps=self._last_step,
            intervals=Intervals(train.checkpoint_interval_steps, evaluation.interval_steps),
            evaluate_fn=evaluate,
            observers=self._observers(stack),
            steering=steering,
        )

    @property
    def _last_step(self) -> int:
        train = self._config.proto.train_config
        return train.schedule_start_step + train.num_steps

    def _reconciled(self, steps: Sequence[int]) -> PipelineConfig:
        """The config as this run goes on with it: one seed for all workers, one beginning of the schedule."""
        if self._options.restart_schedule:
            self._experiment.config.proto.train_config.schedule_start_step = schedule_start(self._model_dir)
        config = model_directory.reconcile(self._model_dir, self._experiment.config, resuming=bool(steps))
        # The chief's, who alone has drawn the seed and measured the time, counts on all workers.
        config.proto.ParseFromString(gather(self._strategy, config.proto.SerializeToString())[0])
        log_schedule(config)
        return config

    def _build_input(self) -> InputPipeline:
        data = self._experiment.build_train_input()
        data.exclude_known(self._incidents.excluded_records)
        data.on_exclude = lambda fault: self._incidents.exclude([fault])
        return data

    def _build_checkpoints(self) -> TrainingCheckpoints:
        train = self._config.proto.train_config
        extras: dict[str, Extra] = {_RUN_STATE: self._state}
        if self._trainer.loss_scale is not None:
            extras[_LOSS_SCALE] = self._trainer.loss_scale
        return TrainingCheckpoints(
            self._model_dir,
            model=self._trainer.model,
            optimizer=self._trainer.optimizer,
            retention=Retention(train.max_checkpoints_to_keep, train.keep_checkpoint_every_n_steps),
            extras=extras,
            workers=self._workers,
            meet=lambda: gather(self._strategy, b""),
        )

    def _steering(self, signals: StopSignals) -> Steering:
        reporter = FaultReporter(
            self._config,
            self._model_dir,
            self._trainer,
            self._data,
            state=self._state,
            preprocessor=self._experiment.preprocessor,
            recipe_notes=self._options.recipe_notes,
        )
        stop_at = self._options.stop_at
        return Steering(
            self._state,
            judge=build_judge(self._config, self._state),
            recovery=Recovery(build_fault_policy(self._config), self._incidents, self._state, reporter),
            signals=signals,
            deadline=None if stop_at is None else Deadline(stop_at),
            recorded=self._results.of,
            forget_after=self._results.forget_after,
            check_data=self._data.check_unchanged,
        )

    def _evaluation(self, signals: StopSignals) -> Callable[[int], Evaluation] | None:
        """Evaluates the averages or the trained weights, on the data of every reader, at a step."""
        if not self._config.proto.eval_input_reader:
            _logger.info("the config has no eval_input_reader: nothing is evaluated")
            return None
        model, refresh = self._evaluated_model()
        evaluate_readers = self._experiment.evaluation(
            self._experiment.detector(model),
            save_detections=self._options.save_detections,
            strategy=self._strategy,
            interrupt=signals.check,
        )
        trainer = self._trainer
        weights = trainer.averaged_weights if self._experiment.evaluates_averages else contextlib.nullcontext
        # Others would wait for a worker that leaves: of several, each looks for signals between batches only.
        cut = signals.interrupting if self._workers.count == 1 else contextlib.nullcontext

        def evaluate(step: int) -> Evaluation:
            with weights():  # which must be put back as a whole, so that a signal waits till they are in place
                refresh()
                with cut():
                    return evaluate_readers(step)

        return evaluate

    def _evaluated_model(self) -> tuple[DetectionModel, Callable[[], None]]:
        """The network that is evaluated, in float32 as an exported one is; and what gives it today's weights.

        It may be the one that trains: its fast kernels compute what an export does, but for rounding.
        """
        trained = self._trainer.model
        if training_precision(self._config.proto.train_config) == "float32":
            return trained, lambda: None
        model = build_model(self._config)

        def refresh() -> None:
            sources = variables_by_path(trained)
            for path, variable in variables_by_path(model).items():
                variable.assign(sources[path].numpy())

        return model, refresh

    def _observers(self, stack: contextlib.ExitStack) -> list[Observer]:
        train = self._config.proto.train_config
        observers: list[Observer] = []
        if self._workers.is_chief:
            observers.append(stack.enter_context(Progress(self._last_step, train.batch_size)))
            step, last_step = self._trainer.step, self._last_step
            observers.append(
                build_recorder(self._config, self._model_dir, self._strategy, step=step, last_step=last_step)
            )
        observers += build_diagnostics(
            self._config,
            model_dir=self._model_dir,
            model=self._trainer.model,
            preprocessor=self._experiment.preprocessor,
            num_records=self._data.num_records,
            is_chief=self._workers.is_chief,
            record_summaries=self._experiment.record_summaries,
        )
        return [*observers, *self._options.observers]

    def _log_plan(self) -> None:
        """Says in a few lines what is about to happen."""
        plan = build_plan(
            self._config,
            input_size=self._experiment.preprocessor.input_size,
            num_anchors=len(self._experiment.anchors),
            num_images=self._data.num_records,
        )
        for line in plan.lines(self._trainer):
            _logger.info("%s", line)
