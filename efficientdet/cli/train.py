# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet train` and `scripts/model_main.py`: TFOD's model_main flags, one process to train and evaluate in."""

from __future__ import annotations

import argparse
import functools
import logging
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from efficientdet.cli.launch import launch
from efficientdet.cli.terminal import (
    add_config_arguments,
    boolean,
    command,
    leave_if_stopped,
    positive_int,
    read_config,
)
from efficientdet.config import PipelineConfig
from efficientdet.config_checks import Purpose
from efficientdet.errors import UsageError
from efficientdet.start_up import quick_imports
from efficientdet.training.clusters import TF_CONFIG, Cluster, cluster_of, slurm_cluster, tf_config

if TYPE_CHECKING:
    from efficientdet.experiment import Experiment

_logger = logging.getLogger(__name__)

# Flags of TFOD's model_main that are known and refused, with what to do instead.
_REFUSED = {
    "eval_on_train_data": "TFOD accepts it and does nothing. To score training images, point eval_input_reader at "
    "them: --override 'eval_input_reader { tf_record_input_reader { input_path: \"train.record\" } }'",
}


def build_parser() -> argparse.ArgumentParser:
    """The flags of TFOD's model_main_tf2, and ours."""
    parser = argparse.ArgumentParser(
        description="Trains the detector of a pipeline config and evaluates it in the same process. With "
        "--checkpoint_dir it only evaluates: each checkpoint of that folder, as it appears.",
        allow_abbrev=False,
    )
    add_config_arguments(parser)
    parser.add_argument(
        "--model_dir",
        required=True,
        metavar="DIR",
        help="checkpoints, summaries and metrics; an earlier run is resumed",
    )
    _add_training_flags(parser)
    _add_evaluation_flags(parser)
    _add_device_flags(parser)
    for name, reason in _REFUSED.items():
        refused = f"refused: {reason.split('. ')[0]}"
        parser.add_argument(f"--{name}", type=boolean, nargs="?", const=True, metavar="X", help=refused)
    _add_absl_flags(parser)
    # Belongs to --eval_on_train_data and means nothing without it.
    parser.add_argument("--sample_1_of_n_eval_on_train_examples", type=positive_int, default=5, help=argparse.SUPPRESS)
    return parser


def _add_training_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--num_train_steps", type=positive_int, metavar="N", help="instead of train_config.num_steps; exact")
    add(
        "--checkpoint_every_n", type=positive_int, metavar="N", help="instead of train_config.checkpoint_interval_steps"
    )
    add(
        "--restart_schedule",
        action="store_true",
        help="begin the learning rate's schedule and the count of steps at the latest checkpoint, this once",
    )
    add(
        "--max_hours",
        type=float,
        metavar="H",
        help="instead of train_config.max_hours: the schedule is shortened to end within them",
    )
    add(
        "--record_summaries",
        type=boolean,
        nargs="?",
        const=True,
        default=True,
        metavar="BOOL",
        help="TensorBoard files",
    )


def _add_evaluation_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--eval_every_n", type=positive_int, metavar="N", help="instead of eval_config.interval_steps")
    add(
        "--checkpoint_dir",
        metavar="DIR",
        help="evaluate the checkpoints of this folder, or published weights once; do not train",
    )
    add(
        "--eval_timeout",
        type=float,
        default=3600,
        metavar="SECONDS",
        help="stop after so long without a new checkpoint",
    )
    add("--sample_1_of_n_eval_examples", type=positive_int, metavar="N", help="evaluate every N-th picture only")
    add("--save_detections", action="store_true", help="write each evaluation's detections as COCO results JSON")


def _add_device_flags(parser: argparse.ArgumentParser) -> None:
    """On what it trains. Without any: on all GPUs of this machine, or with the workers that TF_CONFIG names."""
    add = functools.partial(parser.add_argument, metavar="N", type=positive_int, default=1)
    add("--workers", help="start N processes on this machine, which train together")
    add("--num_workers", help="as many as TF_CONFIG names; need not be said")
    parser.add_argument("--cluster", choices=["slurm"], help="the tasks of an srun are the workers")
    parser.add_argument("--use_tpu", type=boolean, nargs="?", const=True, default=False, metavar="BOOL")
    parser.add_argument("--tpu_name", default="", metavar="NAME", help="unset: the TPU of the environment")


def _add_absl_flags(parser: argparse.ArgumentParser) -> None:
    """Lets the command lines of TFOD's guides start: absl's negated booleans, and the flags of its log."""
    parser.add_argument("--norecord_summaries", dest="record_summaries", action="store_false", help=argparse.SUPPRESS)
    for name in ("nouse_tpu", "noeval_on_train_data", "alsologtostderr", "logtostderr"):
        parser.add_argument(f"--{name}", action="store_true", help=argparse.SUPPRESS)
    for name in ("verbosity", "stderrthreshold"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)


def main(argv: Sequence[str] | None = None) -> int:
    """Trains, or evaluates with `--checkpoint_dir`. Returns the exit code."""
    try:
        code = _run(argv)
    except SystemExit as end:  # a signal has stopped it, saved
        _leave(int(end.code or 0), argv)
        raise
    _leave(code, argv)
    return code


def _leave(code: int, argv: Sequence[str] | None) -> None:
    if "tensorflow" in sys.modules:
        from efficientdet.training.distribution import leave_workers

        leave_workers(code)
    leave_if_stopped(code, argv)


@command
def _run(argv: Sequence[str] | None = None) -> int:
    started = time.monotonic()
    words = sys.argv[1:] if argv is None else list(argv)
    flags = build_parser().parse_args(words)
    _refuse(flags)
    cluster = _join_cluster(flags)
    evaluate_only = flags.checkpoint_dir is not None
    purposes: tuple[Purpose, ...] = ("eval",) if evaluate_only else ("train", "eval")
    config = read_config(flags, *purposes, overrides=_flag_overrides(flags), log_notes=flags.workers == 1)
    if flags.sample_1_of_n_eval_examples is not None:  # of every reader, where an override could name one only
        for reader in config.proto.eval_input_reader:
            reader.sample_1_of_n_examples = flags.sample_1_of_n_eval_examples

    if flags.workers > 1:
        return launch(_without_workers(words), flags.workers, flags.model_dir)
    # The others are told by the chief.
    is_chief = not evaluate_only and (cluster is None or cluster.index == 0)
    notes = _warn(config) if is_chief else []
    stop_at = None
    if is_chief:
        from efficientdet.tuning.time_budget import in_time

        config, stop_at = in_time(config, flags.model_dir, started=started, begins_anew=flags.restart_schedule)

    experiment = _import_experiment(for_tpu=flags.use_tpu)(
        config, model_dir=flags.model_dir, record_summaries=flags.record_summaries
    )
    if evaluate_only:
        experiment.evaluate_continuously(
            flags.checkpoint_dir, timeout=flags.eval_timeout, save_detections=flags.save_detections
        )
    else:
        experiment.train(
            save_detections=flags.save_detections,
            restart_schedule=flags.restart_schedule,
            tpu=flags.tpu_name if flags.use_tpu else None,
            stop_at=stop_at,
            recipe_notes=notes,
        )
    return 0


def _import_experiment(*, for_tpu: bool) -> type[Experiment]:
    """Imports TensorFlow, and only now: a mistake in the config or on the command line is answered at once."""
    with quick_imports(for_tpu=for_tpu):
        from efficientdet.experiment import Experiment

    return Experiment


def _warn(config: PipelineConfig) -> list[str]:
    """Logs the worst of what speaks against a training, in five lines at most, and returns them."""
    from efficientdet.doctor.preflight import preflight_lines

    try:
        lines = preflight_lines(config)
    except Exception as error:  # advice is no reason to stop a training, wrong or broken
        lines = [f"the recipe could not be checked: {error}"]
    for line in lines:
        _logger.warning("%s", line)
    return lines


def _refuse(flags: argparse.Namespace) -> None:
    for name, reason in _REFUSED.items():
        if getattr(flags, name):
            raise UsageError(f"--{name}: {reason}")
    if flags.checkpoint_dir is not None and (flags.max_hours is not None or flags.restart_schedule):
        named = "--restart_schedule" if flags.restart_schedule else "--max_hours"
        raise UsageError(f"{named}: means nothing with --checkpoint_dir, which only evaluates")
    if flags.tpu_name and not flags.use_tpu:
        raise UsageError("--tpu_name: means nothing without --use_tpu")
    several = flags.workers > 1 or flags.cluster is not None
    if several and (flags.checkpoint_dir is not None or flags.use_tpu):
        other = "--use_tpu" if flags.use_tpu else "--checkpoint_dir"
        raise UsageError(f"{'--workers' if flags.workers > 1 else '--cluster'}: cannot be used together with {other}")
    if flags.workers > 1 and (flags.cluster is not None or os.environ.get(TF_CONFIG)):
        raise UsageError("--workers: starts workers of its own, where --cluster or TF_CONFIG names them already")


def _join_cluster(flags: argparse.Namespace) -> Cluster | None:
    """The cluster of this process; that of SLURM's tasks is put into TF_CONFIG, for TensorFlow and for us."""
    if flags.checkpoint_dir is not None:
        return None
    if flags.cluster == "slurm":
        os.environ[TF_CONFIG] = tf_config(slurm_cluster(os.environ))
    cluster = cluster_of(os.environ)
    named = len(cluster.addresses) if cluster else 1
    if flags.num_workers not in (1, named):
        raise UsageError(
            f"--num_workers {flags.num_workers}: TF_CONFIG names {named if cluster else 'no workers'}. To start "
            f"{flags.num_workers} on this machine: --workers {flags.num_workers}"
        )
    return cluster


def _without_workers(words: Sequence[str]) -> list[str]:
    """A command line without `--workers N`."""
    kept = [word for word in words if not word.startswith("--workers=")]
    while "--workers" in kept:
        place = kept.index("--workers")
        del kept[place : place + 2]
    return kept


def _flag_overrides(flags: argparse.Namespace) -> list[str]:
    """The flags that stand for a config field, as override texts: the resolved config then shows what ran."""
    texts = {
        "train_config {{ num_steps: {} }}": flags.num_train_steps,
        "train_config {{ checkpoint_interval_steps: {} }}": flags.checkpoint_every_n,
        "eval_config {{ interval_steps: {} }}": flags.eval_every_n,
        "train_config {{ max_hours: {} }}": flags.max_hours,
    }
    return [text.format(value) for text, value in texts.items() if value is not None]
