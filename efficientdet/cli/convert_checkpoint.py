# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet convert-checkpoint` and `scripts/convert_checkpoint.py`: weights of any origin, in our terms."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from efficientdet.cli.terminal import add_config_arguments, command, read_config


def build_parser() -> argparse.ArgumentParser:
    """The flags of a conversion."""
    parser = argparse.ArgumentParser(
        description="Converts weights - of the TensorFlow Object Detection API, of google/automl, of an ImageNet "
        "backbone, or of this library - for the model of a config. Writes <output_directory>/checkpoint/ckpt-0, a "
        "pipeline.config that trains from it, and restore_report.txt, which accounts for every variable and tensor.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--input",
        required=True,
        metavar="SOURCE",
        help="a checkpoint (its path without .index), its folder, an unpacked archive of published weights, a "
        "SavedModel's folder, or an .h5 or .pth file",
    )
    add_config_arguments(parser)
    parser.add_argument(
        "--output_directory",
        required=True,
        metavar="DIR",
        help="made when missing; an earlier conversion in it is replaced, and nothing else is",
    )
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Converts one file of weights. Returns the exit code."""
    flags = build_parser().parse_args(argv)
    config = read_config(flags, "export")  # what a conversion needs is what an export needs: no data

    from efficientdet.conversion import convert_checkpoint  # TensorFlow comes in here: a mistake above answers at once

    convert_checkpoint(config, flags.input, flags.output_directory)
    return 0
