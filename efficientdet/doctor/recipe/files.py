# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is read: shards, samples, the same files twice, evaluation sets too small to tell, weights to start from."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from typing import NamedTuple

from efficientdet.doctor import cost
from efficientdet.doctor.cost import price
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.recipe.comparison import Comparison
from efficientdet.doctor.record_findings import FILES_MISSING, UNCONFIGURED, ap_half_width, record_findings
from efficientdet.doctor.record_sets import PLACEHOLDER, TRAINING

_FEW_EVAL_IMAGES = 100
_SHORT = 0.95  # of all images: less is a part


def check_files(comparison: Comparison) -> Iterator[Finding]:
    """Yields what is to be said of the files that a config names."""
    counts = {TRAINING: comparison.train_images}
    counts |= {
        f"eval_input_reader[{index}]": comparison.eval_images(index) for index in range(len(comparison.eval_files))
    }
    images = {path: count.number for path, count in counts.items() if count is not None}
    yield from record_findings(comparison.config, "recipe", must_exist=False, images=images)
    yield from _train_sample(comparison)
    for index in range(len(comparison.eval_files)):
        yield from _evaluated(comparison, index)
    yield from _checkpoint(comparison)


def _train_sample(comparison: Comparison) -> Iterator[Finding]:
    reader = comparison.proto.train_input_reader
    stride = reader.sample_1_of_n_examples
    if stride > 1:
        yield comparison.finding(
            "records-sampled",
            Severity.WARNING,
            f"1 of {stride} training records is read",
            path="train_input_reader.sample_1_of_n_examples",
            why="The rest of the data is never seen.",
            remedy="train_input_reader { sample_1_of_n_examples: 1 }",
            cost=price(cost.DATA, stride),
        )
    if comparison.trains and comparison.proto.HasField("train_input_reader") and not reader.shuffle:
        yield comparison.finding(
            "input-order",
            Severity.WARNING,
            "training reads the records in the order of the files",
            path="train_input_reader.shuffle",
            why="Neighbouring records are alike, so that batches are too: one sequence in one file cost half the AP in "
            "google/automl#215.",
            remedy="train_input_reader { shuffle: true }",
            cost=cost.MIDDLING,
        )


def _evaluated(comparison: Comparison, index: int) -> Iterator[Finding]:
    path, files = f"eval_input_reader[{index}]", comparison.eval_files[index]
    images = comparison.eval_images(index)
    why = "The figure is of a part, and does not compare with a published one."
    if images:
        uncertainty = ap_half_width(images.number)
        why += f" AP of {images.number:,} images is uncertain by {uncertainty:.1f} points at least."
    for part in _parts_evaluated(comparison, index):
        if part.share < _SHORT:
            yield comparison.finding(
                part.code,
                Severity.WARNING,
                f"{part.what} of the evaluation data {'is' if part.what.startswith('1 ') else 'are'} read",
                path=part.field,
                why=why,
                remedy=part.remedy,
                cost=price(cost.MEASUREMENT, part.share),
            )
    if images and images.number < _FEW_EVAL_IMAGES and files.share >= _SHORT:
        yield comparison.finding(
            "eval-size",
            Severity.NOTE,
            f"AP of {images.number} images is uncertain by {ap_half_width(images.number):.1f} points at least",
            path=path,
            why="Two runs that differ by less do not differ. 95 of 100 sets of this size would stay within, going by a "
            "bootstrap on blood cells; rare classes scatter more.",
            remedy="Compare means over several seeds, or hold out more images.",
        )


class _EvaluatedPart(NamedTuple):
    """A way in which a part of the evaluation data alone may be read."""

    code: str
    field: str
    what: str
    share: float
    remedy: str


def _parts_evaluated(comparison: Comparison, index: int) -> Iterator[_EvaluatedPart]:
    sampling = f"eval_input_reader[{index}].sample_1_of_n_examples"
    stride = comparison.proto.eval_input_reader[index].sample_1_of_n_examples
    yield _EvaluatedPart("eval-sample", sampling, f"1 of {stride} records", 1 / stride, "sample_1_of_n_examples: 1")
    settings, published = comparison.proto.eval_config, comparison.recipe.data.num_eval_images
    limit = settings.num_examples if settings.HasField("num_examples") else 0
    if limit and comparison.reproduces:
        what = f"{limit} of {published:,} images"
        yield _EvaluatedPart("eval-sample", "eval_config.num_examples", what, limit / published, "num_examples: 0")


def _checkpoint(comparison: Comparison) -> Iterator[Finding]:
    """A path of initial weights that is a placeholder, or leads nowhere on this machine."""
    value = comparison.proto.train_config.fine_tune_checkpoint
    field = "train_config.fine_tune_checkpoint"
    why = "Whether its weights fit is unknown here."
    if PLACEHOLDER in value:
        title, remedy = "the checkpoint to start from is still to be set", "Set it in the file, or with --override."
        yield comparison.finding(UNCONFIGURED, Severity.NOTE, title, path=field, why=why, remedy=remedy)
    elif value and not _leads_somewhere(value):
        title = "the checkpoint to start from leads nowhere on this machine"
        remedy = "Mend the path, or run this where the file is."
        yield comparison.finding(FILES_MISSING, Severity.NOTE, title, path=field, why=why, remedy=remedy)


def _leads_somewhere(value: str) -> bool:
    """Whether the prefix of a checkpoint's files is there, or names weights of a package."""
    is_package = "/" not in value and "." not in value
    return is_package or bool(glob.glob(f"{glob.escape(value)}*"))
