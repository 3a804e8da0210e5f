# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet data-stats`: mean and standard deviation of the training pictures, as the network's input has them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from efficientdet.cli.terminal import add_config_arguments, command, image_progress, positive_int, read_config
from efficientdet.config import PipelineConfig
from efficientdet.errors import DataError, UsageError

if TYPE_CHECKING:
    from efficientdet.data.statistics import ChannelStatistics

_PLACE = "model { ssd { feature_extractor"
# One picture at a time, so that memory does not depend on the config's batch size; and no weights, which may be absent.
_INPUT_ALONE = 'train_config { batch_size: 1 fine_tune_checkpoint: "" }'
_EPSILON = 1e-3  # a smaller standard deviation is rounding


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(
        description="Measures the training pictures after augmentation, resized and without padding, in 0..255, and "
        "prints the normalization that they suggest. A network that starts from published weights keeps the "
        "normalization that these were trained with.",
        allow_abbrev=False,
    )
    parser.add_argument("config", nargs="?", metavar="CONFIG", help="the same as --pipeline_config_path")
    add_config_arguments(parser, required=False)
    parser.add_argument(
        "--max_images", type=positive_int, default=2000, metavar="N", help="pictures to look at (default: %(default)s)"
    )
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Prints the statistics beside the config's, and the text to paste. Returns the exit code."""
    flags = build_parser().parse_args(argv)
    if (flags.config is None) == (flags.pipeline_config_path is None):
        raise UsageError("name one config: CONFIG or --pipeline_config_path")
    flags.pipeline_config_path = flags.pipeline_config_path or flags.config
    config = read_config(flags, "train", overrides=[_INPUT_ALONE])
    found = _measure(config, flags.max_images)
    if min(found.stddev) < _EPSILON:
        raise DataError(f"all pixels have one value in a channel (mean {_numbers(found.mean)}): nothing to divide by")
    for line in _report(config, found):
        print(line)
    return 0


def _measure(config: PipelineConfig, max_images: int) -> ChannelStatistics:
    from efficientdet.builders.statistics import build_statistics_input
    from efficientdet.data.checks import INPUT_ERRORS
    from efficientdet.data.statistics import ChannelSums

    data = build_statistics_input(config)
    num_images = min(max_images, data.num_records)
    sums = ChannelSums()
    show = image_progress(sys.stderr.isatty())
    try:
        for number, batch in enumerate(data.train_dataset().take(num_images), start=1):
            height, width = batch.true_sizes[0].numpy()
            sums.add(batch.inputs[0, :height, :width].numpy())
            show(number, num_images)
    except INPUT_ERRORS as error:
        raise data.explain(error) from error
    return sums.statistics()


def _report(config: PipelineConfig, found: ChannelStatistics) -> Iterable[str]:
    now = config.proto.model.ssd.feature_extractor.normalization
    yield f"{f'training pictures, after augmentation: {found.num_images}':<46}{'red':>10}{'green':>10}{'blue':>10}"
    rows = [
        ("mean", found.mean),
        ("mean in the config", now.mean),
        ("standard deviation", found.stddev),
        ("standard deviation in the config", now.stddev),
    ]
    for name, values in rows:
        yield f"{name:<46}" + "".join(f"{value:>10.3f}" for value in values)
    yield ""
    yield f"{_PLACE} {{ normalization {{ mean: [{_numbers(found.mean)}] stddev: [{_numbers(found.stddev)}] }} }} }} }}"


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.3f}" for value in values)
