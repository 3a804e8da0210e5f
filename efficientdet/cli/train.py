# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet train` and `scripts/model_main.py`: TFOD's model_main flags, one process to train and evaluate in."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

from efficientdet.cli.terminal import add_config_arguments, boolean, command, positive_int, read_config
from efficientdet.config import PipelineConfig
from efficientdet.config_checks import Purpose
from efficientdet.errors import UsageError

_logger = logging.getLogger(__name__)

# Flags of TFOD's model_main that are known and refused, with what to do instead.
_REFUSED = {
    "eval_on_train_data": "TFOD accepts it and does nothing. To score training images, point eval_input_reader at "
    "them: --override 'eval_input_reader { tf_record_input_reader { input_path: \"train.record\" } }'",
    "use_tpu": "TPUs are not supported yet",
    "tpu_name": "TPUs are not supported yet",
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
    parser.add_argument(
        "--num_train_steps", type=positive_int, metavar="N", help="instead of train_config.num_steps; exact"
    )
    parser.add_argument(
        "--checkpoint_every_n", type=positive_int, metavar="N", help="instead of train_config.checkpoint_interval_steps"
    )
    parser.add_argument("--eval_every_n", type=positive_int, metavar="N", help="instead of eval_config.interval_steps")
    parser.add_argument(
        "--checkpoint_dir",
        metavar="DIR",
        help="evaluate the checkpoints of this folder, or published weights once; do not train",
    )
    parser.add_argument(
        "--eval_timeout",
        type=float,
        default=3600,
        metavar="SECONDS",
        help="stop after so long without a new checkpoint",
    )
    parser.add_argument(
        "--sample_1_of_n_eval_examples", type=positive_int, metavar="N", help="evaluate every N-th picture only"
    )
    parser.add_argument(
        "--record_summaries",
        type=boolean,
        nargs="?",
        const=True,
        default=True,
        metavar="BOOL",
        help="TensorBoard files",
    )
    parser.add_argument(
        "--save_detections", action="store_true", help="write each evaluation's detections as COCO results JSON"
    )
    parser.add_argument("--num_workers", type=positive_int, default=1, metavar="N", help="only 1 is supported yet")
    for name, reason in _REFUSED.items():
        read = str if name == "tpu_name" else boolean
        refused = f"refused: {reason.split('. ')[0]}"
        parser.add_argument(f"--{name}", type=read, nargs="?", const=True, metavar="X", help=refused)
    _add_absl_flags(parser)
    # Belongs to --eval_on_train_data and means nothing without it.
    parser.add_argument("--sample_1_of_n_eval_on_train_examples", type=positive_int, default=5, help=argparse.SUPPRESS)
    return parser


def _add_absl_flags(parser: argparse.ArgumentParser) -> None:
    """Lets the command lines of TFOD's guides start: absl's negated booleans, and the flags of its log."""
    parser.add_argument("--norecord_summaries", dest="record_summaries", action="store_false", help=argparse.SUPPRESS)
    for name in ("nouse_tpu", "noeval_on_train_data", "alsologtostderr", "logtostderr"):
        parser.add_argument(f"--{name}", action="store_true", help=argparse.SUPPRESS)
    for name in ("verbosity", "stderrthreshold"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Trains, or evaluates with `--checkpoint_dir`. Returns the exit code."""
    flags = build_parser().parse_args(argv)
    _refuse(flags)
    evaluate_only = flags.checkpoint_dir is not None
    purposes: tuple[Purpose, ...] = ("eval",) if evaluate_only else ("train", "eval")
    config = read_config(flags, *purposes, overrides=_flag_overrides(flags))
    if flags.sample_1_of_n_eval_examples is not None:  # of every reader, where an override could name one only
        for reader in config.proto.eval_input_reader:
            reader.sample_1_of_n_examples = flags.sample_1_of_n_eval_examples

    if not evaluate_only:
        _warn(config)

    from efficientdet.experiment import Experiment  # TensorFlow comes in here: a mistake above answers at once

    experiment = Experiment(config, model_dir=flags.model_dir, record_summaries=flags.record_summaries)
    if evaluate_only:
        experiment.evaluate_continuously(
            flags.checkpoint_dir, timeout=flags.eval_timeout, save_detections=flags.save_detections
        )
    else:
        experiment.train(save_detections=flags.save_detections)
    return 0


def _warn(config: PipelineConfig) -> None:
    """Logs the worst of what speaks against a training, in five lines at most."""
    from efficientdet.doctor.preflight import preflight_lines

    try:
        lines = preflight_lines(config)
    except Exception as error:  # advice is no reason to stop a training, wrong or broken
        lines = [f"the recipe could not be checked: {error}"]
    for line in lines:
        _logger.warning("%s", line)


def _refuse(flags: argparse.Namespace) -> None:
    for name, reason in _REFUSED.items():
        if getattr(flags, name):
            raise UsageError(f"--{name}: {reason}")
    if flags.num_workers > 1:
        raise UsageError("--num_workers: one process only, which uses every GPU it sees; several are not supported yet")


def _flag_overrides(flags: argparse.Namespace) -> list[str]:
    """The flags that stand for a config field, as override texts: the resolved config then shows what ran."""
    texts = {
        "train_config {{ num_steps: {} }}": flags.num_train_steps,
        "train_config {{ checkpoint_interval_steps: {} }}": flags.checkpoint_every_n,
        "eval_config {{ interval_steps: {} }}": flags.eval_every_n,
    }
    return [text.format(value) for text, value in texts.items() if value is not None]
