# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""COCO's box metrics: what was found is set against the truth, in pixels of the original picture.

The numbers come from faster-coco-eval, or from pycocotools where asked for. Both are handed exactly the entries that
`write` writes, so that anyone who runs pycocotools on the two files gets the reported numbers. Nothing here needs
TensorFlow.

Reference: Lin et al. 2014 (arXiv:1405.0312), https://cocodataset.org/#detection-eval; metric names as TFOD writes them.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from efficientdet.atomic_write import replace_atomically
from efficientdet.evaluation.metrics import DECIMALS, NOT_DEFINED, Category, corners_in_pixels
from efficientdet.start_up import uncollected
from efficientdet.types import Detections, GroundTruth

METRIC_NAMES = (
    "DetectionBoxes_Precision/mAP",
    "DetectionBoxes_Precision/mAP@.50IOU",
    "DetectionBoxes_Precision/mAP@.75IOU",
    "DetectionBoxes_Precision/mAP (small)",
    "DetectionBoxes_Precision/mAP (medium)",
    "DetectionBoxes_Precision/mAP (large)",
    "DetectionBoxes_Recall/AR@1",
    "DetectionBoxes_Recall/AR@10",
    "DetectionBoxes_Recall/AR@100",
    "DetectionBoxes_Recall/AR@100 (small)",
    "DetectionBoxes_Recall/AR@100 (medium)",
    "DetectionBoxes_Recall/AR@100 (large)",
)
CATEGORY_METRIC_PREFIX = "DetectionBoxes_PerformanceByCategory/mAP/"
_MAX_ID_DIGITS = 15  # an integer of 15 digits survives a JSON reader that holds numbers in float64

Backend = Literal["faster_coco_eval", "pycocotools"]


class _Rows(NamedTuple):
    """Detections of one picture, best first."""

    category_ids: np.ndarray  # int64 [n]
    boxes: np.ndarray  # float64 [n, 4], (x, y, width, height) in pixels
    scores: np.ndarray  # float32 [n]

    def entries(self, image_id: int) -> list[dict[str, Any]]:
        """As entries of a COCO results file."""
        rows = zip(self.category_ids.tolist(), self.boxes.tolist(), self.scores, strict=True)
        return [
            {"image_id": image_id, "category_id": category_id, "bbox": box, "score": float(str(score))}
            for category_id, box, score in rows
        ]


class ImageIds:
    """Gives pictures the integer ids that COCO's format asks for.

    A source id that is a plain number stays itself, so that results can be scored against the data set's own
    annotations. Any other, an empty one, or one that was given before, gets the lowest number not yet used.
    """

    def __init__(self) -> None:
        self._used: set[int] = set()
        self._next = 1

    def assign(self, source_id: str) -> int:
        """Returns the id of the next picture, whose name in its data set is `source_id`."""
        is_number = source_id.isascii() and source_id.isdecimal() and len(source_id) <= _MAX_ID_DIGITS
        image_id = int(source_id) if is_number else self._next
        if image_id in self._used:
            image_id = self._next
        self._used.add(image_id)
        while self._next in self._used:
            self._next += 1
        return image_id


def coco_results(image_id: int, size: tuple[int, int], detections: Detections) -> list[dict[str, Any]]:
    """Writes the detections of one picture as entries of a COCO results file.

    Args:
      image_id: id of the picture.
      size: its (height, width) in pixels.
      detections: numpy arrays without a batch dimension; boxes normalised to the picture.

    Returns:
      One entry per detection, best first: image_id, category_id (class row + 1), bbox (x, y, width, height in pixels)
      and score (the shortest decimal that names the float32, so that no order is lost).
    """
    return _rows(size, detections).entries(image_id)


def _rows(size: tuple[int, int], detections: Detections) -> _Rows:
    """The detections of one picture, see `coco_results`."""
    count = int(detections.count)
    boxes = _to_xywh_pixels(detections.boxes[:count], size)
    scores = np.asarray(detections.scores[:count], np.float32)
    return _Rows(np.asarray(detections.classes[:count], np.int64) + 1, boxes, scores)


class CocoEvaluation:
    """COCO's twelve numbers, as a `metrics.MetricSet`, and the files that they can be computed from.

    Detections and truth of classes outside `categories` are left out, as TFOD does: a model may have more class rows
    than its label map has entries (COCO's 80 ids lie in 1..90).
    """

    headline: Mapping[str, str] = {"AP": METRIC_NAMES[0], "AP50": METRIC_NAMES[1]}

    def __init__(self, categories: Sequence[Category], *, backend: Backend = "faster_coco_eval") -> None:
        self._name_of = {int(category.id): category.name for category in categories}
        self._backend = backend
        self._image_ids = ImageIds()
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._found: list[tuple[int, _Rows]] = []  # by image id; entries of files are made of them when asked for

    @property
    def num_images(self) -> int:
        """How many pictures were added."""
        return len(self._images)

    def add(
        self, source_id: str, original_size: tuple[int, int], detections: Detections, ground_truth: GroundTruth | None
    ) -> None:
        """Adds one picture, see `metrics.MetricSet`; without truth only its detections, for `write_detections`."""
        height, width = (int(side) for side in original_size)
        image_id = self._image_ids.assign(source_id)
        self._images.append({"id": image_id, "width": width, "height": height, "file_name": source_id})
        rows = _rows((height, width), detections)
        known = np.isin(rows.category_ids, list(self._name_of))
        self._found.append((image_id, _Rows(*(values[known] for values in rows))))
        if ground_truth is not None:
            self._add_truth(image_id, (height, width), ground_truth)

    def _add_truth(self, image_id: int, size: tuple[int, int], truth: GroundTruth) -> None:
        count = int(truth.count)
        for index, box in enumerate(_to_xywh_pixels(truth.boxes[:count], size).tolist()):
            category_id = int(truth.classes[index]) + 1
            if category_id not in self._name_of:
                continue
            # Without an annotated area the box's own decides which of the three size ranges the object belongs to.
            area = round(float(truth.areas[index]), DECIMALS)
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,  # from 1: to COCOeval an id of 0 means "not matched"
                    "image_id": image_id,
                    "category_id": category_id,
                    "bbox": box,
                    "area": area if area > 0 else round(box[2] * box[3], DECIMALS),
                    "iscrowd": int(truth.is_crowd[index]),
                }
            )

    def compute(self, *, per_category: bool = False) -> dict[str, float]:
        """Computes the metrics.

        Args:
          per_category: also gives the AP of each category, as `CATEGORY_METRIC_PREFIX` + its name.

        Returns:
          `METRIC_NAMES` -> value in 0..1, or -1 (`NOT_DEFINED`) where there is nothing to measure, such as AP of large
          objects where the truth has none.
        """
        if self._images:
            with uncollected():  # an entry for every detection, and nothing to throw away
                stats, ap_of = _evaluate(self._truth_dataset(), self._results_dataset(), self._backend)
        else:
            stats, ap_of = [NOT_DEFINED] * len(METRIC_NAMES), dict.fromkeys(self._name_of, NOT_DEFINED)
        metrics = dict(zip(METRIC_NAMES, stats, strict=True))
        if per_category:
            metrics |= {CATEGORY_METRIC_PREFIX + name: ap_of[id_] for id_, name in self._name_of.items()}
        return metrics

    def write(self, directory: str | Path) -> None:
        """Writes `ground_truth.json` (COCO instances) and `detections.json` (COCO results) into a directory."""
        replace_atomically(Path(directory) / "ground_truth.json", json.dumps(self._truth_dataset()))
        self.write_detections(Path(directory) / "detections.json")

    def write_detections(self, path: str | Path) -> None:
        """Writes the detections as COCO results JSON."""
        replace_atomically(path, json.dumps(self._results()))

    def _results(self) -> list[dict[str, Any]]:
        return [entry for image_id, rows in self._found for entry in rows.entries(image_id)]

    def _truth_dataset(self) -> dict[str, Any]:
        # "info" and "licenses" are empty but present: pycocotools' loadRes copies the former.
        # The annotations are copies: COCOeval notes its "ignore" flags in what it is given.
        annotations = [dict(annotation) for annotation in self._annotations]
        return {"info": {}, "licenses": []} | self._dataset(annotations)

    def _results_dataset(self) -> dict[str, Any]:
        # What loadRes makes of a results file; done here because pycocotools' cannot read an empty one.
        annotations = [
            entry | {"id": number, "area": entry["bbox"][2] * entry["bbox"][3], "iscrowd": 0}
            for number, entry in enumerate(self._results(), start=1)
        ]
        return self._dataset(annotations)

    def _dataset(self, annotations: list[dict[str, Any]]) -> dict[str, Any]:
        categories = [{"id": id_, "name": name} for id_, name in self._name_of.items()]
        return {"images": self._images, "annotations": annotations, "categories": categories}


def _to_xywh_pixels(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Maps normalised yxyx boxes [N, 4] to COCO's (x, y, width, height), whose corners are rounded; float64 [N, 4]."""
    ymin, xmin, ymax, xmax = corners_in_pixels(boxes, size).T
    return np.round(np.stack([xmin, ymin, xmax - xmin, ymax - ymin], axis=1), DECIMALS)


def _evaluate(truth: dict[str, Any], results: dict[str, Any], backend: Backend) -> tuple[list[float], dict[int, float]]:
    """Runs COCOeval: the 12 numbers, and AP by category id."""
    if backend == "faster_coco_eval":
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as COCOeval
    else:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):  # both print progress and a table
        datasets = []
        for dataset in (truth, results):
            datasets.append(COCO())
            datasets[-1].dataset = dataset
            datasets[-1].createIndex()
        evaluation = COCOeval(*datasets, iouType="bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    # Precision is [IoU thresholds, recall levels, categories, areas, detection limits]: all areas, 100 detections.
    precision = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]
    ap_of = {}
    for index, category_id in enumerate(evaluation.params.catIds):
        values = precision[:, :, index]
        defined = values[values > NOT_DEFINED]
        ap_of[int(category_id)] = float(defined.mean()) if defined.size else NOT_DEFINED
    return [float(value) for value in evaluation.stats[: len(METRIC_NAMES)]], ap_of
