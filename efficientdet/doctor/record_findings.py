# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is to be said of the files that the readers of a config name: missing, read in part, read twice.

Both the check of the data and that of the recipe say this, in the same words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from efficientdet.config import PipelineConfig
from efficientdet.doctor import cost
from efficientdet.doctor.config_case import config_case
from efficientdet.doctor.cost import price, severity
from efficientdet.doctor.findings import Area, Case, Finding, Severity
from efficientdet.doctor.quantities import percent
from efficientdet.doctor.record_counts import count_images
from efficientdet.doctor.record_sets import PLACEHOLDER, FileSet, Reader, existing, overlap, readers_of, whole_set

SHARDS_MISSING = "shards-missing"
EVAL_SHARDS_MISSING = "eval-shards-missing"
FILES_MISSING = "files-missing"
UNCONFIGURED = "unconfigured"
FILES_OVERLAP = "files-overlap"
NO_IMAGES = "no-images"

AP_SCATTER = 0.12
"""Standard deviation of AP times the root of the number of images.

Bootstrap of a Lite0's detections on 159 pictures of BCCD (three classes, 20 boxes a picture), 100 draws each of 20, 40,
80, 159 and 320 pictures: .106, .101, .130, .104, .113. Data with rare classes scatters more.
"""


def ap_half_width(num_images: int) -> float:
    """Points of AP to either side that 95 of 100 evaluation sets of this size would stay within, at the least."""
    return 100 * 2 * AP_SCATTER / math.sqrt(max(num_images, 1))


def record_findings(
    config: PipelineConfig, area: Area, *, must_exist: bool, images: Mapping[str, int] | None = None
) -> Iterator[Finding]:
    """Yields what is to be said of the files that the readers name.

    Args:
      config: resolved.
      area: of the check that says it.
      must_exist: whether the check reads the files; otherwise it is no more than a note that they are elsewhere.
      images: that readers read, by the path of the reader, where more is known than the files tell.
    """
    readers = readers_of(config)
    for reader in readers:
        number = (images or {}).get(reader.path)
        counted = count_images(reader.files.files) if number is None else None
        number = counted.number if counted else number
        if reader.is_training and number == 0:
            yield no_images(config, reader, area, "the files hold no record")
        if reader.files.read < reader.files.total:
            yield _shards(config, reader, area, number)
    yield from _overlap(config, readers, area)
    yield from _paths(config, readers, area, must_exist)


def no_images(config: PipelineConfig, reader: Reader, area: Area, why: str) -> Finding:
    """That there is nothing to train on.

    Args:
      config: resolved.
      reader: of files without a record.
      area: of the check that says it.
      why: what is wrong with them.
    """
    case = Case(config.where(f"{reader.inputs}[0]"), why)
    title, remedy = "there is no image to train on", "Write the records anew: efficientdet import."
    return Finding(
        area, NO_IMAGES, Severity.ERROR, title, "Nothing can be learnt.", remedy, cases=(case,), cost=cost.USELESS
    )


def _shards(config: PipelineConfig, reader: Reader, area: Area, images: int | None) -> Finding:
    """That a part of a set of shards is read: of the training data that costs the most of all."""
    files = reader.files
    what = "training" if reader.is_training else "evaluation"
    if reader.is_training:
        about = f" (about {images:,} images)" if images else ""
        why = f"{percent(files.share)} of the data{about} is seen over and over: the model learns it by heart."
    else:
        why = "The figure is of a part, and does not compare with a published one."
        if images:
            why += f" AP of {images:,} images is uncertain by {ap_half_width(images):.1f} points at least."
    return Finding(
        area,
        SHARDS_MISSING if reader.is_training else EVAL_SHARDS_MISSING,
        severity(files.share) if reader.is_training else Severity.WARNING,
        f"{files.read:,} of {files.total:,} shards of the {what} data {'is' if files.read == 1 else 'are'} read",
        why,
        f'input_path: "{whole_set(files)}"',
        cases=(config_case(config, f"{reader.inputs}[0]"),),
        cost=price(cost.DATA if reader.is_training else cost.MEASUREMENT, files.share),
    )


def missing_shards(files: FileSet, where: str) -> Finding:
    """That a part of a set of shards is there, in files that no config names: they are about to be imported.

    Args:
      files: of which some shards are missing.
      where: they are.
    """
    are = "is" if files.read == 1 else "are"
    return Finding(
        "data",
        SHARDS_MISSING,
        severity(files.share),
        f"{files.read:,} of {files.total:,} shards {are} there",
        "A file name that ends in -of-NNNNN is one of so many: the rest of the data set takes no part.",
        "Make sure that all of them are there, and import them together.",
        cases=(Case(where, f"{files.total - files.read:,} are missing"),),
        cost=price(cost.DATA, files.share),
    )


def _overlap(config: PipelineConfig, readers: Sequence[Reader], area: Area) -> Iterator[Finding]:
    evaluated = [reader for reader in readers if not reader.is_training]
    if len(evaluated) == len(readers):
        return
    shared = [overlap(readers[0].files, reader.files) for reader in evaluated]
    cases = tuple(
        Case(config.where(reader.inputs), f"{name} is trained on as well")
        for reader, names in zip(evaluated, shared, strict=True)
        for name in names
    )
    if cases:
        # Beside a set that was held out, one that was trained on is a comparison.
        is_only = all(shared)
        yield Finding(
            area,
            FILES_OVERLAP,
            Severity.ERROR if is_only else Severity.NOTE,
            f"evaluation reads {'a path' if len(cases) == 1 else f'{len(cases)} paths'} that training reads",
            "What was trained on is found again: the figure says nothing of new images.",
            "eval_input_reader { tf_record_input_reader { input_path: ... } } of images that are held out",
            count=len(cases),
            cases=cases,
            cost=cost.USELESS if is_only else 0.0,
        )


def _paths(config: PipelineConfig, readers: Sequence[Reader], area: Area, must_exist: bool) -> Iterator[Finding]:
    """Paths that are still to be set, and such that lead nowhere on this machine."""
    paths: dict[str, str] = {}
    for reader in readers:
        patterns = reader.files.patterns or ("",)
        paths |= {f"{reader.inputs}[{index}]": pattern for index, pattern in enumerate(patterns)}
        paths[f"{reader.path}.label_map_path"] = reader.message.label_map_path
    open_ = {path: value for path, value in paths.items() if not value or PLACEHOLDER in value}
    absent = {path: value for path, value in paths.items() if path not in open_ and not existing(value)}
    one = {"paths": "path", "are": "is", "lead": "leads"}
    for code, found, title, remedy in (
        (UNCONFIGURED, open_, "paths are still to be set", "Set them in the file, or with --override."),
        (FILES_MISSING, absent, "paths lead nowhere on this machine", "Mend them, or run this where the files are."),
    ):
        if found:
            cases = tuple(Case(config.where(path), value or f"{path} is not set") for path, value in found.items())
            words = " ".join(one.get(word, word) for word in title.split()) if len(cases) == 1 else title
            why = "The run stops before its first step." if must_exist else "What the files hold is unknown here."
            yield Finding(
                area,
                code,
                Severity.ERROR if must_exist else Severity.NOTE,
                f"{len(cases)} {words}",
                why,
                remedy,
                count=len(cases),
                cases=cases,
                cost=cost.USELESS if must_exist else 0.0,
            )
