# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet infer` and `scripts/infer.py`: runs a SavedModel or a checkpoint on pictures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from efficientdet.cli.terminal import add_config_arguments, command, read_config
from efficientdet.data.label_map import read_label_map
from efficientdet.errors import UsageError
from efficientdet.inference import DetectFn, detect_with_detector, detect_with_saved_model, find_images, run_inference

SOME_SKIPPED = 1  # exit code: the job is done, but for pictures that could not be read


def build_parser() -> argparse.ArgumentParser:
    """The flags of inference."""
    parser = argparse.ArgumentParser(
        description="Detects objects in images. Writes an annotated copy of each, and detections.json (COCO results "
        "format, pixels of the original image). The model comes from --saved_model_dir, or from "
        "--pipeline_config_path with --checkpoint.",
        allow_abbrev=False,
    )
    parser.add_argument("--saved_model_dir", metavar="DIR", help="a SavedModel, or the folder of an export")
    add_config_arguments(parser, required=False)
    parser.add_argument(
        "--checkpoint", metavar="PATH", help="a checkpoint (its path without .index), its folder, or published weights"
    )
    parser.add_argument(
        "--images", action="append", nargs="+", required=True, metavar="PATH", help="files, folders or globs"
    )
    parser.add_argument(
        "--label_map_path", metavar="FILE", help="label map with the class names; ids are shown without"
    )
    parser.add_argument(
        "--min_score", type=_score, default=0.3, metavar="S", help="leave out what scores lower (default: %(default)s)"
    )
    parser.add_argument(
        "--output_dir", required=True, metavar="DIR", help="folder for the annotated images and detections.json"
    )
    return parser


def _score(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"must lie in 0..1, got {text}")
    return value


def _detect_function(flags: argparse.Namespace) -> DetectFn:
    if flags.saved_model_dir:
        return detect_with_saved_model(flags.saved_model_dir)
    config = read_config(flags, "export")  # what a detector needs is what an export needs: no data

    from efficientdet.experiment import Experiment  # TensorFlow comes in here: a mistake above answers at once

    return detect_with_detector(Experiment(config).restored_detector(flags.checkpoint))


def _check_model(flags: argparse.Namespace) -> None:
    from_config = flags.pipeline_config_path or flags.checkpoint or flags.override
    if flags.saved_model_dir and from_config:
        raise UsageError(
            "--saved_model_dir excludes --pipeline_config_path, --checkpoint and --override: it holds the whole model"
        )
    if not flags.saved_model_dir and not (flags.pipeline_config_path and flags.checkpoint):
        raise UsageError("a model is needed: --saved_model_dir, or --pipeline_config_path with --checkpoint")


def _class_names(label_map_path: str | None) -> dict[int, str]:
    if not label_map_path:
        return {}
    return read_label_map(label_map_path).names_by_row


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
      argv: its flags; those of the process when None.

    Returns:
      0, or 1 when pictures could not be read, or 2 for a mistake of the user's.
    """
    flags = build_parser().parse_args(argv)
    _check_model(flags)
    paths = find_images([pattern for group in flags.images for pattern in group])
    names = _class_names(flags.label_map_path)
    detect = _detect_function(flags)
    summary = run_inference(detect, paths, flags.output_dir, names=names, min_score=flags.min_score)
    skipped = f", {len(summary.skipped)} skipped" if summary.skipped else ""
    print(
        f"{summary.images} images, {summary.detections} detections of score {flags.min_score:g} or more{skipped}: "
        f"see {flags.output_dir}"
    )
    return SOME_SKIPPED if summary.skipped else 0
