# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Three pictures that can be scored by hand, and a network that finds the same in each."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from efficientdet.builders.evaluation import build_evaluators
from efficientdet.builders.input import build_preprocessor
from efficientdet.config import PipelineConfig, load_config
from efficientdet.data.record_encoding import RecordBox, encode_example
from efficientdet.detector import Detector
from efficientdet.evaluation.evaluator import Evaluation, evaluate_all
from efficientdet.types import Batch, Detections, GroundTruth, Predictions, Targets
from tests.end_to_end.tiny import CONFIG

SIDE = 64
BOX_A, BOX_B, BOX_C, BOX_D = (0, 0, 16, 16), (32, 0, 64, 16), (0, 32, 16, 64), (40, 40, 60, 60)  # yxyx, pixels
DETECTED = [("circle", 0.9, BOX_A), ("square", 0.6, BOX_B), ("circle", 0.3, BOX_C)]  # in every picture
IDS = {"circle": 1, "square": 3}  # cross is 2
# What is there: (class, box, difficult). The circles to find are three, the squares one.
TRUE = {
    "a/0.jpg": [("square", BOX_B, False), ("circle", BOX_D, False)],
    "7": [("circle", BOX_A, False)],
    "..": [("circle", BOX_A, False), ("square", BOX_B, True)],
}
# Circles, best first: wrong, right, right, then three that are wrong: precision 0, 1/2, 2/3, ... at recall 0, 1/3, 2/3.
# Squares: right, wrong, and one that does not count: precision 1, 1/2 at recall 1.
CIRCLE_AREA, CIRCLE_ELEVEN = 2 / 3 * 2 / 3, 7 * 2 / 3 / 11


def write_records(folder: Path) -> Path:
    """Writes the pictures as `all.record`, one of them as `one.record`, and the label map."""
    (folder / "labels.pbtxt").write_text("".join(f"item {{ id: {i} name: '{n}' }}\n" for n, i in IDS.items()))
    content = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (127, 127, 127)).save(content, "PNG")
    for name, source_ids in (("all", list(TRUE)), ("one", ["7"])):
        with tf.io.TFRecordWriter(str(folder / f"{name}.record")) as writer:
            for source_id in source_ids:
                boxes = [
                    RecordBox(text, IDS[text], *(side / SIDE for side in box), area=0.0, is_difficult=difficult)
                    for text, box, difficult in TRUE[source_id]
                ]
                writer.write(
                    encode_example(
                        encoded=content.getvalue(),
                        image_format="png",
                        size=(SIDE, SIDE),
                        filename="",
                        source_id=source_id,
                        boxes=boxes,
                    )
                )
    return folder


def reader_text(records: Path, name: str = "", record: str = "all") -> str:
    label_map, path = (json.dumps(str(records / file)) for file in ("labels.pbtxt", f"{record}.record"))
    return f"{{ name: {json.dumps(name)} label_map_path: {label_map} tf_record_input_reader {{ input_path: {path} }} }}"


def build_config(records: Path, *overrides: str) -> PipelineConfig:
    resizer = f"model {{ ssd {{ image_resizer {{ fixed_shape_resizer {{ height: {SIDE} width: {SIDE} }} }} }} }}"
    reader = (
        f"eval_input_reader {reader_text(records)} eval_config {{ include_metrics_per_category: false batch_size: 3 }}"
    )
    return load_config(CONFIG, [resizer, reader, *overrides])


class _Eyes:
    """A network that finds the same in every picture, and its post-processing."""

    def __call__(self, inputs: tf.Tensor, training: bool) -> Predictions:
        return Predictions(tf.zeros([tf.shape(inputs)[0], 1, 5]), tf.zeros([tf.shape(inputs)[0], 1, 4]))

    def regularization_loss(self) -> tf.Tensor:
        return tf.constant(4.0)

    @staticmethod
    def detections(predictions: Predictions, true_sizes: tf.Tensor) -> Detections:
        count = tf.shape(true_sizes)[0]

        def repeated(values: Sequence[Any], dtype: tf.DType) -> tf.Tensor:
            row = tf.constant(values, dtype)
            return tf.tile(row[tf.newaxis], [count, *[1] * row.shape.rank])

        return Detections(
            boxes=repeated([box for _, _, box in DETECTED], tf.float32) / SIDE,
            scores=repeated([score for _, score, _ in DETECTED], tf.float32),
            classes=repeated([IDS[name] - 1 for name, _, _ in DETECTED], tf.int32),
            anchors=repeated([0, 0, 0], tf.int32),
            count=tf.fill([count], 3),
        )


class _Loss:
    def num_matched(self, targets: Targets) -> tf.Tensor:
        return tf.constant(1.0)

    def normalizer(self, num_matched: tf.Tensor) -> tf.Tensor:
        return num_matched

    def __call__(
        self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.constant(1.0), tf.constant(2.0)


def assign(boxes: tf.Tensor, classes: tf.Tensor, weights: tf.Tensor) -> Targets:
    return Targets(tf.zeros([1], tf.int32), tf.ones([1]), tf.zeros([1, 4]), tf.zeros([1]))


class Batches(SimpleNamespace):
    """The pictures of the records as an input pipeline gives them, which takes seconds to build."""

    def __init__(self, source_ids: Sequence[str] = tuple(TRUE)) -> None:
        super().__init__(source_ids=source_ids, exclude_evaluated=None)

    def eval_dataset(self, max_examples: int | None, *, worker: int, workers: int) -> tf.data.Dataset:
        assert (worker, workers) == (0, 1)
        pictures = [_picture(source_id) for source_id in self.source_ids[:max_examples]]
        return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(lambda *rows: np.stack(rows), *pictures)).batch(
            3
        )


def _picture(source_id: str) -> Batch:
    boxes = np.zeros([3, 4], np.float32)
    classes, difficult = np.zeros(3, np.int32), np.zeros(3, bool)
    for index, (name, box, is_difficult) in enumerate(TRUE[source_id]):
        boxes[index], classes[index], difficult[index] = np.float32(box) / SIDE, IDS[name] - 1, is_difficult
    count = np.int32(len(TRUE[source_id]))
    floats, flags = np.zeros(3, np.float32), np.zeros(3, bool)
    return Batch(
        inputs=np.zeros([SIDE, SIDE, 3], np.float32),
        true_sizes=np.array([SIDE, SIDE], np.int32),
        original_sizes=np.array([SIDE, SIDE], np.int32),
        source_ids=np.array(source_id.encode()),
        ground_truth=GroundTruth(boxes, classes, floats, flags, difficult, floats, count),
        targets=Targets(np.zeros(1, np.int32), floats[:1], np.zeros([1, 4], np.float32), floats[:1]),
    )


def evaluate(
    config: PipelineConfig, folder: Path, *, write_summaries: bool = False, inputs: Sequence[Any] = (Batches(),)
) -> Evaluation:
    preprocessor = build_preprocessor(config)
    model: Any = _Eyes()
    detector = Detector(model, preprocessor, model.detections, lambda predictions: (None, None))
    evaluators = build_evaluators(
        config,
        detector,
        inputs=inputs,
        loss=_Loss(),
        directory=folder / "eval",
        write_summaries=write_summaries,
    )
    return evaluate_all(evaluators, 5)
