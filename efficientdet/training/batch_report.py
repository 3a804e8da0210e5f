# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Writes a batch to look at: its pictures with their boxes, and what the loss was told of them as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from efficientdet.atomic_write import replace_atomically
from efficientdet.evaluation.file_names import as_file_name
from efficientdet.types import Batch

DrawBatch = Callable[[Batch], np.ndarray]
"""Pictures of a batch with their boxes drawn, uint8 [B, H, W, 3]."""


def source_ids(batch: Batch) -> tuple[str, ...]:
    """The names of a batch's pictures."""
    return tuple(source_id.decode("utf-8", "replace") for source_id in np.asarray(batch.source_ids))


def write_batch(folder: Path, batch: Batch, draw: DrawBatch, *, names: Mapping[int, str]) -> None:
    """Writes a PNG of each picture as the network saw it, and `batch.json`.

    Args:
      folder: is made.
      batch: arrays or eager tensors.
      draw: draws all pictures of it.
      names: class row -> name.

    Raises:
      OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for index, (source_id, pixels) in enumerate(zip(source_ids(batch), draw(batch), strict=True)):
        file = f"{index:03}-{as_file_name(source_id)}.png"
        Image.fromarray(pixels).save(folder / file)
        pictures.append({"file": file, "source_id": source_id} | _truth(batch, index, names))
    replace_atomically(folder / "batch.json", json.dumps({"pictures": pictures}, indent=1) + "\n")


def _truth(batch: Batch, index: int, names: Mapping[int, str]) -> dict[str, Any]:
    """What was to be found in a picture. Boxes are ymin, xmin, ymax, xmax, normalised to the network's input."""
    truth, targets = batch.ground_truth, batch.targets
    count = int(truth.count[index])
    rows = [int(row) for row in np.asarray(truth.classes[index])[:count]]
    return {
        "matched_anchors": int(np.count_nonzero(np.asarray(targets.box_weights[index]) > 0)),
        "boxes": [
            {
                "box": [_number(value) for value in box],
                "class": names.get(row, row),
                "weight": _number(weight),
            }
            for box, row, weight in zip(
                np.asarray(truth.boxes[index])[:count],
                rows,
                np.asarray(truth.weights[index])[:count],
                strict=True,
            )
        ],
    }


def _number(value: float) -> float | str:
    """A number as JSON can hold it: what is not finite as a word."""
    return float(value) if np.isfinite(value) else str(value)
