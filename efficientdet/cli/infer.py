# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The command `infer`: runs a SavedModel or a checkpoint on pictures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from efficientdet.cli.terminal import add_config_arguments, command
from efficientdet.errors import UsageError
from efficientdet.inference import DetectFn, detect_with_detector, detect_with_saved_model, find_images, run_inference

SOME_SKIPPED = 1  # exit code: the job is done, but for pictures that could not be read


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infer",
        description="Detects objects in pictures. Writes an annotated copy of each, and detections.json (COCO results format, "
        "pixels of the original picture). The model comes from --saved_model_dir, or from --pipeline_config_path with "
        "--checkpoint.",
    )
    parser.add_argument("--saved_model_dir", metavar="DIR", help="a SavedModel, or the folder of an export")
    add_config_arguments(parser, required=False)
    parser.add_argument("--checkpoint", metavar="PATH", help="a checkpoint (its path without .index), or its folder")
    parser.add_argument(
        "--images", action="append", nargs="+", required=True, metavar="PATH", help="files, folders or globs"
    )
    parser.add_argument("--label_map_path", metavar="FILE", help="label map with the class names; ids are shown without")
    parser.add_argument(
        "--min_score", type=_score, default=0.3, metavar="S", help="leave out what scores lower (default: %(default)s)"
    )
    parser.add_argument("--output_dir", required=True, metavar="DIR", help="folder for the pictures and detections.json")
    return parser


def _score(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"must lie in 0..1, got {text}")
    return value


def _detect_function(arguments: argparse.Namespace) -> DetectFn:
    if arguments.saved_model_dir:
        return detect_with_saved_model(arguments.saved_model_dir)
    from efficientdet.config import load_config

    config = load_config(arguments.pipeline_config_path, arguments.override)
    from efficientdet.experiment import Experiment  # after the config was checked: it imports TensorFlow

    return detect_with_detector(Experiment(config).restored_detector(arguments.checkpoint))


def _check_model_arguments(arguments: argparse.Namespace) -> None:
    from_config = arguments.pipeline_config_path or arguments.checkpoint or arguments.override
    if arguments.saved_model_dir and from_config:
        raise UsageError(
            "--saved_model_dir excludes --pipeline_config_path, --checkpoint and --override: it holds the whole model"
        )
    if not arguments.saved_model_dir and not (arguments.pipeline_config_path and arguments.checkpoint):
        raise UsageError("a model is needed: --saved_model_dir, or --pipeline_config_path with --checkpoint")


def _class_names(label_map_path: str | None) -> dict[int, str]:
    if not label_map_path:
        return {}
    from efficientdet.data.label_map import read_label_map

    label_map = read_label_map(label_map_path)
    return {class_id - 1: name for class_id, name in zip(label_map.ids, label_map.names, strict=True)}


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
      argv: its flags; those of the process when None.

    Returns:
      0, or 1 when pictures could not be read, or 2 for a mistake of the user's.
    """
    arguments = _parser().parse_args(argv)
    _check_model_arguments(arguments)
    paths = find_images([pattern for group in arguments.images for pattern in group])
    names = _class_names(arguments.label_map_path)
    detect = _detect_function(arguments)
    summary = run_inference(detect, paths, arguments.output_dir, names=names, min_score=arguments.min_score)
    skipped = f", {len(summary.skipped)} skipped" if summary.skipped else ""
    print(
        f"{summary.images} pictures, {summary.detections} detections of score {arguments.min_score:g} or more{skipped}: "
        f"see {arguments.output_dir}"
    )
    return SOME_SKIPPED if summary.skipped else 0
