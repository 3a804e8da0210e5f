# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is read: shards, samples, the same files twice, evaluation sets too small to tell."""

from __future__ import annotations

import glob
import math
from collections.abc import Iterator
from typing import NamedTuple

from efficientdet.data import faults
from efficientdet.doctor.findings import Case, Finding, Severity
from efficientdet.doctor.recipe import pricing
from efficientdet.doctor.recipe.comparison import Comparison
from efficientdet.doctor.recipe.pricing import percent, price, severity
from efficientdet.doctor.recipe.shards import PLACEHOLDER, FileSet, overlap

TRAIN_INPUTS = "train_input_reader.tf_record_input_reader.input_path"
AP_SCATTER = 0.12
"""Standard deviation of AP times the root of the number of images.

Bootstrap of a Lite0's detections on 159 pictures of BCCD (three classes, 20 boxes a picture), 100 draws each of 20, 40,
80, 159 and 320 pictures: .106, .101, .130, .104, .113. Data with rare classes scatters more.
"""
_FEW_EVAL_IMAGES = 100
_SHORT = 0.95  # of all images: less is a part


def check_files(comparison: Comparison) -> Iterator[Finding]:
    """Yields what is to be said of the files that a config names."""
    yield from _train_shards(comparison)
    yield from _train_sample(comparison)
    yield from _shared_files(comparison)
    for index in range(len(comparison.eval_files)):
        yield from _evaluated(comparison, index)
    yield from _paths(comparison)


def ap_half_width(num_images: int) -> float:
    """Points of AP to either side that 95 of 100 evaluation sets of this size would stay within, at the least."""
    return 100 * 2 * AP_SCATTER / math.sqrt(max(num_images, 1))


def _train_shards(comparison: Comparison) -> Iterator[Finding]:
    files, images = comparison.train_files, comparison.train_images
    if images and not images.number:
        yield comparison.finding(
            "no-images",
            Severity.ERROR,
            "there is no image to train on",
            path=f"{TRAIN_INPUTS}[0]",
            why="The files hold no record.",
            remedy="write them anew: efficientdet import",
            cost=pricing.USELESS,
        )
    if files.read >= files.total:
        return
    seen = f", about {images.number:,} images," if images and comparison.reproduces else ""
    yield comparison.finding(
        "shards-read",
        severity(files.share),
        f"{files.read} of {files.total} shards of the training data {'is' if files.read == 1 else 'are'} read",
        path=f"{TRAIN_INPUTS}[0]",
        why=f"{percent(files.share)} of the images{seen} are seen over and over: the model learns them by heart.",
        remedy=f'input_path: "{whole_set(files)}"',
        cost=price(pricing.DATA, files.share),
    )


def whole_set(files: FileSet) -> str:
    """The glob of all shards of the set that the first name with "-of-" belongs to."""
    pattern = next((pattern for pattern in files.patterns if "-of-" in pattern), "")
    before, _, after = pattern.rpartition("-of-")
    return f"{before.rpartition('-')[0]}-?????-of-{after}"


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
            cost=price(pricing.DATA, stride),
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
            cost=pricing.MIDDLING,
        )


def _shared_files(comparison: Comparison) -> Iterator[Finding]:
    shared = {index: overlap(comparison.train_files, files) for index, files in enumerate(comparison.eval_files)}
    shared = {index: names for index, names in shared.items() if names}
    if not shared:
        return
    # Beside a set that was held out, one that was trained on is a comparison.
    is_only = len(shared) == len(comparison.eval_files)
    cases = tuple(
        comparison.case(
            f"eval_input_reader[{index}].tf_record_input_reader.input_path", f"{name} is trained on as well"
        )
        for index, names in shared.items()
        for name in names
    )
    count = len(cases)
    yield Finding(
        "recipe",
        faults.FILES_OVERLAP,
        Severity.ERROR if is_only else Severity.NOTE,
        f"evaluation reads {'a path' if count == 1 else f'{count} paths'} that training reads",
        "What was trained on is found again: the figure says nothing of new images.",
        "eval_input_reader { tf_record_input_reader { input_path: ... } } of images that are held out",
        count=count,
        cases=cases,
        cost=pricing.USELESS,
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
                cost=price(pricing.MEASUREMENT, part.share),
            )
    if images and images.number < _FEW_EVAL_IMAGES and files.share >= _SHORT:
        yield comparison.finding(
            "eval-size",
            Severity.NOTE,
            f"AP of {images.number} images is uncertain by {ap_half_width(images.number):.1f} points at least",
            path=path,
            why="Two runs that differ by less do not differ. 95 of 100 sets of this size would stay within, going by a "
            "bootstrap on blood cells; rare classes scatter more.",
            remedy="compare means over several seeds, or hold out more images",
        )


class _EvaluatedPart(NamedTuple):
    """A way in which a part of the evaluation data alone may be read."""

    code: str
    field: str
    what: str
    share: float
    remedy: str


def _parts_evaluated(comparison: Comparison, index: int) -> Iterator[_EvaluatedPart]:
    path, files = f"eval_input_reader[{index}]", comparison.eval_files[index]
    inputs, sampling = f"{path}.tf_record_input_reader.input_path[0]", f"{path}.sample_1_of_n_examples"
    remedy = f'input_path: "{whole_set(files)}"'
    yield _EvaluatedPart("eval-shards-read", inputs, f"{files.read} of {files.total} shards", files.share, remedy)
    stride = comparison.proto.eval_input_reader[index].sample_1_of_n_examples
    yield _EvaluatedPart("eval-sample", sampling, f"1 of {stride} records", 1 / stride, "sample_1_of_n_examples: 1")
    settings, published = comparison.proto.eval_config, comparison.recipe.data.num_eval_images
    limit = settings.num_examples if settings.HasField("num_examples") else 0
    if limit and comparison.reproduces:
        what = f"{limit} of {published:,} images"
        yield _EvaluatedPart("eval-sample", "eval_config.num_examples", what, limit / published, "num_examples: 0")


def _paths(comparison: Comparison) -> Iterator[Finding]:
    """Paths that are placeholders, and such that lead nowhere on this machine."""
    proto, train = comparison.proto, comparison.proto.train_config
    paths = {"train_config.fine_tune_checkpoint": train.fine_tune_checkpoint}
    readers = {"train_input_reader": proto.train_input_reader} if proto.HasField("train_input_reader") else {}
    readers |= {f"eval_input_reader[{index}]": reader for index, reader in enumerate(proto.eval_input_reader)}
    for name, reader in readers.items():
        paths[f"{name}.label_map_path"] = reader.label_map_path
        for index, pattern in enumerate(reader.tf_record_input_reader.input_path):
            paths[f"{name}.tf_record_input_reader.input_path[{index}]"] = pattern
    open_ = {path: value for path, value in paths.items() if PLACEHOLDER in value}
    absent = {
        path: value for path, value in paths.items() if value and path not in open_ and not _leads_somewhere(value)
    }
    for code, found, title, remedy in (
        ("unconfigured", open_, "paths are still to be set", "set them in the file, or with --override"),
        ("not-here", absent, "paths lead nowhere on this machine", "run this where the files are, or mend the paths"),
    ):
        if found:
            cases = tuple(Case(comparison.config.where(path), f"{path}: {value}") for path, value in found.items())
            why = "What the files hold is not part of this report."
            title = (
                title if len(found) > 1 else title.replace("paths are", "path is").replace("paths lead", "path leads")
            )
            yield Finding("recipe", code, Severity.NOTE, f"{len(found)} {title}", why, remedy, len(found), cases)


def _leads_somewhere(value: str) -> bool:
    """Whether a path, a glob or the prefix of a checkpoint's files is there, or names weights of a package."""
    is_package = "/" not in value and "." not in value
    return is_package or bool(glob.glob(value)) or bool(glob.glob(f"{glob.escape(value)}*"))
