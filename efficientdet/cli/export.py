# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet export` and `scripts/export_model.py`: the flags of TFOD's exporter_main_v2."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from efficientdet.cli.terminal import add_config_arguments, boolean, command, read_config
from efficientdet.errors import UsageError

INPUT_TYPES = ("image_tensor", "float_image_tensor", "encoded_image_string_tensor", "tf_example")
_SIDE_INPUTS = ("side_input_shapes", "side_input_types", "side_input_names")


def build_parser() -> argparse.ArgumentParser:
    """The flags of TFOD's exporter."""
    parser = argparse.ArgumentParser(
        description="Writes <output_directory>/saved_model, checkpoint/ckpt-0 and pipeline.config.",
        allow_abbrev=False,
    )
    parser.add_argument("--input_type", choices=INPUT_TYPES, default="image_tensor", help="what the signature takes")
    add_config_arguments(parser)
    parser.add_argument("--config_override", dest="override", action="append", help="TFOD's name of --override")
    parser.add_argument(
        "--trained_checkpoint_dir",
        required=True,
        metavar="DIR",
        help="a folder, whose latest checkpoint is exported; a checkpoint; or published weights",
    )
    parser.add_argument("--output_directory", required=True, metavar="DIR")
    parser.add_argument(
        "--fold_batch_norms",
        type=boolean,
        nargs="?",
        const=True,
        default=True,
        help="freeze the network, with its batch norms folded into its convolutions: faster (default: true)",
    )
    parser.add_argument(
        "--use_side_inputs", type=boolean, nargs="?", const=True, default=False, help="refused: none here"
    )
    for name in _SIDE_INPUTS:
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Exports one checkpoint. Returns the exit code."""
    flags = build_parser().parse_args(argv)
    if flags.use_side_inputs or any(getattr(flags, name) for name in _SIDE_INPUTS):
        raise UsageError("--use_side_inputs: these detectors have no side inputs")
    config = read_config(flags, "export")

    from efficientdet.experiment import Experiment

    Experiment(config).export(
        checkpoint=flags.trained_checkpoint_dir,
        output_directory=flags.output_directory,
        input_type=flags.input_type,
        fold_batch_norms=flags.fold_batch_norms,
    )
    return 0
