# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pictures that are drawn to be read: records, and a label map. No TensorFlow."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from efficientdet.bench.cases import Material
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.data.record_encoding import RecordBox, encode_example
from efficientdet.doctor.overfit.sample import write_records

NUM_IMAGES = 64
_HEIGHT, _WIDTH = 480, 640
_LEAST_SIDE = 0.02  # of a box: an object, not a line


def drawn(material: Material, folder: Path) -> tuple[Path, Path]:
    """Draws the pictures, unless the folder has them.

    Args:
      material: what is on them.
      folder: exists.

    Returns:
      The label map, and the file of records.
    """
    stem = f"{material.boxes}-boxes-{material.classes}-classes"
    label_map, records = folder / f"{stem}.pbtxt", folder / f"{stem}.record"
    if not records.exists():
        names = [f"class_{number}" for number in range(1, material.classes + 1)]
        write_label_map([Label(number, name, "") for number, name in enumerate(names, start=1)], label_map)
        draws = np.random.default_rng(0)
        write_records([_record(draws, number, material.boxes, names) for number in range(NUM_IMAGES)], records)
    return label_map, records


def jpeg(draws: np.random.Generator) -> bytes:
    """A picture as a file of about 180 kB, the size of COCO's: smooth noise with grain."""
    small = draws.integers(0, 256, (_HEIGHT // 4, _WIDTH // 4, 3), np.uint8)
    pixels = np.asarray(Image.fromarray(small).resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC), np.int16)
    pixels = np.clip(pixels + draws.integers(-6, 7, pixels.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def _record(draws: np.random.Generator, number: int, count: int, names: list[str]) -> bytes:
    corners = np.sort(draws.uniform(0.0, 1.0 - _LEAST_SIDE, (count, 2, 2)), axis=1)
    rows = draws.integers(len(names), size=count)
    boxes = [
        RecordBox(
            names[row], int(row) + 1,
            ymin=float(low[0]), xmin=float(low[1]),
            ymax=float(high[0]) + _LEAST_SIDE, xmax=float(high[1]) + _LEAST_SIDE, area=0.0,
        )
        for (low, high), row in zip(corners, rows, strict=True)
    ]  # fmt: skip
    return encode_example(
        encoded=jpeg(draws), image_format="jpeg", size=(_HEIGHT, _WIDTH),
        filename=f"{number}.jpg", source_id=str(number), boxes=boxes,
    )  # fmt: skip
