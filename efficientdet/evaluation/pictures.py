# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What an evaluation shows: what was found in a picture beside the truth, for TensorBoard and as files."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from efficientdet.atomic_write import replace_atomically
from efficientdet.evaluation.file_names import as_file_name
from efficientdet.types import Detections, GroundTruth
from efficientdet.visualization import draw_boxes, draw_detections, draw_outlines, enlarged, side_by_side


class PictureSettings(NamedTuple):
    """What is drawn, and where to."""

    num_pictures: int  # the first so many are drawn
    min_score: float = 0.5  # of a detection drawn; the metrics see every one
    max_boxes: int | None = 20  # detections drawn in a picture; None: all
    show_names: bool = True
    show_scores: bool = True
    truth_colour: tuple[int, int, int] | None = None  # RGB, of the truth below the detections; None: only beside them
    export_directory: Path | None = None  # where each picture is written as a PNG; None: nowhere
    export_ids: bool = False  # the names of these files hold those of the pictures


class EvaluationPictures:
    """Draws the first pictures of one evaluation.

    Args:
      settings: see `PictureSettings`.
      names: class row -> name.
      to_pixels: maps inputs float32 [h, w, 3] back to uint8.

    Attributes:
      drawn: uint8 [h, w, 3] each, RGB.
    """

    def __init__(
        self, settings: PictureSettings, names: Mapping[int, str], to_pixels: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self._settings = settings
        self._names = names if settings.show_names else None
        self._to_pixels = to_pixels
        self._source_ids: list[str] = []
        self.drawn: list[np.ndarray] = []

    def add(self, source_id: str, inputs: np.ndarray, detections: Detections, truth: GroundTruth | None) -> None:
        """Draws a picture, if it is one of the first.

        Args:
          source_id: its name in the data set.
          inputs: float32 [h, w, 3], what the network saw of it, without padding.
          detections: numpy arrays without a batch dimension.
          truth: likewise, boxes normalised to the picture; None leaves it out.
        """
        if len(self.drawn) < self._settings.num_pictures:
            self.drawn.append(self._draw(inputs, detections, truth))
            self._source_ids.append(source_id)

    def export(self) -> None:
        """Writes the pictures that were drawn, under the names that TFOD gives them."""
        directory = self._settings.export_directory
        if directory is None:
            return
        for index, (picture, source_id) in enumerate(zip(self.drawn, self._source_ids, strict=True)):
            ending = f"-{as_file_name(source_id)}" if self._settings.export_ids else ""
            content = io.BytesIO()
            Image.fromarray(picture).save(content, "PNG")
            replace_atomically(directory / f"export-image-{index}{ending}.png", content.getvalue())

    def _draw(self, inputs: np.ndarray, detections: Detections, truth: GroundTruth | None) -> np.ndarray:
        settings = self._settings
        pixels = below = enlarged(self._to_pixels(inputs))
        if truth is not None and settings.truth_colour is not None:
            below = draw_outlines(pixels, truth.boxes[: truth.count], settings.truth_colour)
        predicted = draw_detections(
            below,
            detections,
            names=self._names,
            min_score=settings.min_score,
            max_boxes=settings.max_boxes,
            show_scores=settings.show_scores,
        )
        if truth is None:
            return predicted
        boxes, classes = truth.boxes[: truth.count], truth.classes[: truth.count]
        return side_by_side(predicted, draw_boxes(pixels, boxes, classes, names=self._names), ("predicted", "truth"))
