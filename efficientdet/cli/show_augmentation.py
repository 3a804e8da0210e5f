# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet show-augmentation`, `scripts/show_augmentation.py`: training pictures before and after augmentation."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf import text_format

from efficientdet.cli.terminal import add_config_arguments, command, positive_int, read_config
from efficientdet.config import PipelineConfig, with_seed
from efficientdet.errors import UsageError
from efficientdet.protos.preprocessor_pb2 import PreprocessingStep

if TYPE_CHECKING:
    import numpy as np

    from efficientdet.data.pipeline import InputPipeline
    from efficientdet.types import Batch
    from efficientdet.visualization.sheet import Cell

_NO_WEIGHTS = 'train_config { fine_tune_checkpoint: "" }'  # they may be absent
_SUFFIXES = (".png", ".jpg", ".jpeg")


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(
        description="Draws training pictures as they are read, and beside them what the network sees of them in the "
        "first epochs: augmented with the draws of train_config.seed, resized, and with their boxes.",
        allow_abbrev=False,
    )
    add_config_arguments(parser)
    parser.add_argument(
        "--num_images", type=positive_int, default=4, metavar="N", help="rows of the sheet (default: %(default)s)"
    )
    parser.add_argument(
        "--draws", type=positive_int, default=3, metavar="N", help="epochs to show of each (default: %(default)s)"
    )
    parser.add_argument(
        "--step", metavar="NAME|INDEX", help="show this augmentation alone: ssd_random_crop, or 0 for the first one"
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="the sheet, a .png or .jpg")
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
      argv: its flags; those of the process when None.

    Returns:
      0, or 2 for a mistake of the user's.
    """
    flags = build_parser().parse_args(argv)
    output = Path(flags.output)
    if output.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"--output ({output}) must end in one of {', '.join(_SUFFIXES)}")
    config = with_seed(read_config(flags, "train", overrides=[_NO_WEIGHTS]))
    kinds = [str(step.WhichOneof("preprocessing_step")) for step in _steps(config)]
    step = None if flags.step is None else _find_step(flags.step, kinds)
    sheet = _sheet(config, step, flags.num_images, flags.draws)

    from PIL import Image

    output.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(output, quality=90)
    print(output)
    return 0


def _steps(config: PipelineConfig) -> Sequence[PreprocessingStep]:
    """The config's augmentations, in their order."""
    steps = config.proto.train_config.data_augmentation_options
    if not steps:
        raise UsageError(f"{config.path} has no train_config.data_augmentation_options: nothing is augmented")
    return steps


def _find_step(text: str, kinds: Sequence[str]) -> int:
    """The place of the step that a flag names, or whose place it is."""
    listed = ", ".join(f"{place} {kind}" for place, kind in enumerate(kinds))
    places = [place for place, kind in enumerate(kinds) if text in (kind, str(place))]
    if not places:
        raise UsageError(f"--step ({text}) must be one of the config's augmentations: {listed}")
    if len(places) > 1:
        raise UsageError(f"--step ({text}) is there more than once; give its place: {listed}")
    return places[0]


def _described(config: PipelineConfig, step: int | None) -> str:
    """What is shown, for the heading."""
    steps = [text_format.MessageToString(given, as_one_line=True) for given in _steps(config)]
    return " > ".join(steps) if step is None else f"{steps[step]} alone"


def _sheet(config: PipelineConfig, step: int | None, num_images: int, draws: int) -> np.ndarray:
    """The sheet, uint8 [h, w, 3]."""
    from efficientdet.builders.augmentation_preview import build_augmentation_preview
    from efficientdet.builders.input import build_label_map
    from efficientdet.experiment import Experiment
    from efficientdet.visualization.sheet import draw_sheet

    experiment = Experiment(config)
    preprocessor = experiment.preprocessor
    preview = build_augmentation_preview(config, preprocessor, experiment.assigner, step=step)
    columns = [[_cell(batch, batch.inputs[0].numpy()) for batch in _epoch(preview.as_read, 0, num_images)]]
    for epoch in range(draws):
        batches = _epoch(preview.augmented, epoch, num_images)
        columns.append([_cell(batch, preprocessor.to_pixels(batch.inputs[0].numpy())) for batch in batches])
    height, width = preprocessor.input_size
    return draw_sheet(
        list(zip(*columns, strict=True)),
        heading=f"{width} x {height}, seed {config.proto.train_config.seed}: {_described(config, step)}",
        legends=["as read", *(f"epoch {epoch + 1}" for epoch in range(draws))],
        names=build_label_map(config, "train_input_reader").names_by_row,
    )


def _epoch(data: InputPipeline, epoch: int, num_images: int) -> Iterator[Batch]:
    """The first pictures of an epoch, one in a batch."""
    from efficientdet.data.checks import INPUT_ERRORS

    num_images = min(num_images, data.num_records)
    try:
        yield from data.train_dataset(start_batch=epoch * data.num_records).take(num_images)
    except INPUT_ERRORS as error:
        raise data.explain(error) from error


def _cell(batch: Batch, image: np.ndarray) -> Cell:
    from efficientdet.visualization.sheet import Cell

    truth, count = batch.ground_truth, int(batch.ground_truth.count[0])
    return Cell(image, truth.boxes[0, :count].numpy(), truth.classes[0, :count].numpy())
