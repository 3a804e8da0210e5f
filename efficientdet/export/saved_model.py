# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Exports a detector as a SavedModel that TensorFlow alone can run, with TFOD's inputs and outputs.

Two signatures. `serving_default` is TFOD's, with everything that every anchor said beside the detections (18 MB per
picture for D0 and 90 classes). `detect` returns the detections only, and computes no more than they need; its argument
is named after what it takes, so that a client can tell. Both run one frozen network, see `freezing`.
"""

from __future__ import annotations

import functools
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from efficientdet.data.records import decode_image
from efficientdet.detector import Detector
from efficientdet.errors import UsageError
from efficientdet.export.fidelity import require_same_predictions
from efficientdet.export.freezing import Predict, freeze
from efficientdet.export.model_checkpoint import replace_path, write_model_checkpoint
from efficientdet.types import Detections, Predictions

_logger = logging.getLogger(__name__)
# Beside the model, in the folder that TensorFlow leaves to others: shows that an export may be replaced by the next.
_MARKER = Path("saved_model", "assets.extra", "efficientdet_export")
DESCRIPTIONS = ("pipeline.config", "pipeline.label_map.pbtxt", "restore_report.txt")
_WRITTEN = ("saved_model", "checkpoint", *DESCRIPTIONS)  # in this order: the marker comes first
_LABEL_ID_OFFSET = 1  # class row -> id of the label map


class _Input(NamedTuple):
    """One way of handing pictures over."""

    # Name of the `detect` signature's argument; `serving_default` says input_tensor for all, as TFOD does.
    argument: str
    spec: tf.TensorSpec
    preprocess: Callable[[Detector, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def export_saved_model(
    detector: Detector,
    directory: str | Path,
    input_type: str = "image_tensor",
    *,
    fold_batch_norms: bool = True,
    describe: Callable[[Path], None] | None = None,
) -> Path:
    """Writes `saved_model/`, `checkpoint/ckpt-0` (weights only) and `pipeline.config`, the layout of TFOD's exporter.

    Every file is complete before the first one is moved to its place: a failed export leaves an earlier one as it was.

    Args:
      detector: what to export, with the weights it has now.
      directory: where to; made when missing. An earlier export in it is replaced, nothing else is.
      input_type: one of `INPUT_TYPES`; encoded pictures are JPEG or PNG.
      fold_batch_norms: freeze the network with its batch norms folded into its convolutions, and check that it predicts
        the same; else the signatures read the variables, and keep the batch norms. The variables are saved, as they
        were trained, in any case.
      describe: writes what should lie beside the weights into a folder, under some of the names of `DESCRIPTIONS`; None
        writes nothing.

    Returns:
      The path of the SavedModel.

    Raises:
      UsageError: the input type is unknown, `directory` is not a directory, or it holds what is no export: a training,
        or files of the names above that something else wrote.
      ExportError: the frozen network predicts something else.
    """
    if input_type not in _INPUTS:
        raise UsageError(f"input_type ({input_type}) must be one of: {', '.join(INPUT_TYPES)}")
    directory = Path(directory)
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"output directory {directory} is a file")
    _require_free(directory)
    directory.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix=".export-", dir=directory) as scratch_name:
        scratch = Path(scratch_name)
        module = _ServingModule(detector, _INPUTS[input_type], fold_batch_norms=fold_batch_norms)
        tf.saved_model.save(module, str(scratch / "saved_model"), signatures=module.signatures())
        (scratch / _MARKER).parent.mkdir()
        (scratch / _MARKER).write_text(f"{input_type}\n", encoding="utf-8")
        write_model_checkpoint(detector.model, scratch / "checkpoint")
        if describe is not None:
            describe(scratch)
        for name in _WRITTEN:
            if (scratch / name).exists():
                replace_path(scratch / name, directory / name)
    _logger.info("exported %s (%s) in %.1f s", directory / "saved_model", input_type, time.monotonic() - start)
    return directory / "saved_model"


def _require_free(directory: Path) -> None:
    """Refuses a directory in which an export would destroy what is not an earlier export."""
    if (directory / "checkpoint").is_file() or any(directory.glob("ckpt-*.index")):
        raise UsageError(f"output directory {directory} holds the checkpoints of a training: export to another one")
    if (directory / _MARKER).is_file():
        return
    for name in _WRITTEN:
        if (directory / name).exists():
            raise UsageError(
                f"output directory {directory} holds a {name} that no export wrote, and that this one would replace: "
                "export to another one"
            )


class _ServingModule(tf.Module):
    """What is saved: the variables and the functions over them.

    The network itself is no attribute: saving a Keras model would trace the call of every layer in it once more, which
    costs more time and space than everything else in the export together.
    """

    def __init__(self, detector: Detector, source: _Input, *, fold_batch_norms: bool) -> None:
        super().__init__(name="detector")
        self.weights = list(detector.model.variables)
        # Functions of their own, traced once, which both signatures call.
        preprocess = tf.function(
            functools.partial(source.preprocess, detector), input_signature=[source.spec], autograph=False
        )
        predict: Predict = tf.function(detector.predict, autograph=False)
        if fold_batch_norms:
            shape, _ = preprocess.get_concrete_function().output_shapes
            predict = _frozen_network(detector, tf.TensorSpec(shape, tf.float32))
        decide = tf.function(detector.postprocess, autograph=False)

        def run(images: tf.Tensor) -> tuple[Predictions, Detections]:
            inputs, true_sizes = preprocess(images)
            predictions = predict(inputs)
            return predictions, decide(predictions, true_sizes)

        def serve(input_tensor: tf.Tensor) -> dict[str, tf.Tensor]:
            predictions, detections = run(input_tensor)
            boxes, scores = detector.decode(predictions)
            return _detection_outputs(detections) | _raw_outputs(detections, boxes, scores)

        def detect(images: tf.Tensor) -> dict[str, tf.Tensor]:
            return _detection_outputs(run(images)[1])

        spec = source.spec
        # Under this name it becomes what a call of the loaded SavedModel does.
        self.__call__ = tf.function(
            serve, input_signature=[tf.TensorSpec(spec.shape, spec.dtype, "input_tensor")], autograph=False
        )
        self.detect = tf.function(
            detect, input_signature=[tf.TensorSpec(spec.shape, spec.dtype, source.argument)], autograph=False
        )

    def signatures(self) -> dict[str, Any]:
        """Returns signature name -> function."""
        return {tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: self.__call__, "detect": self.detect}


def _frozen_network(detector: Detector, inputs: tf.TensorSpec) -> Predict:
    """The detector's network, folded, frozen, checked and reported."""
    network = freeze(detector.predict, inputs)
    differences = require_same_predictions(detector, network.predict, inputs)
    _logger.info(
        "folded %d batch norms into convolutions; %.1f M weights frozen; the largest difference on noise is %s",
        network.batch_norms,
        network.num_weights / 1e6,
        ", ".join(f"{difference:.1e} in {kind}" for kind, difference in differences.items()),
    )
    return network.predict


def _detection_outputs(detections: Detections) -> dict[str, tf.Tensor]:
    """The decided boxes under TFOD's names, all float32. Rows beyond `num_detections` hold zeros, and class 1."""
    return {
        "detection_boxes": detections.boxes,
        "detection_scores": detections.scores,
        "detection_classes": tf.cast(detections.classes + _LABEL_ID_OFFSET, tf.float32),
        "num_detections": tf.cast(detections.count, tf.float32),
    }


def _raw_outputs(detections: Detections, boxes: tf.Tensor, scores: tf.Tensor) -> dict[str, tf.Tensor]:
    """What the anchors said: all of them, and the rows that the detections came from."""
    in_use = tf.sequence_mask(detections.count, tf.shape(detections.scores)[1], tf.float32)
    return {
        "detection_anchor_indices": tf.cast(detections.anchors, tf.float32),
        "detection_multiclass_scores": tf.gather(scores, detections.anchors, batch_dims=1) * in_use[..., tf.newaxis],
        "raw_detection_boxes": boxes,
        "raw_detection_scores": scores,
    }


def _preprocess_images(detector: Detector, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return detector.preprocess.preprocess_batch(images)


def _preprocess_encoded(detector: Detector, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes and resizes one by one, because the pictures of a batch may differ in size.

    Decodes as training does. A picture that is neither JPEG nor PNG, or too large, ends the call with an error that
    names its place in the batch.
    """

    def preprocess(numbered: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        index, content = numbered
        return detector.preprocess(decode_image(content, tf.strings.format("image {} of the batch", index)))

    numbered = (tf.range(tf.size(encoded)), encoded)
    return tf.map_fn(preprocess, numbered, fn_output_signature=(tf.float32, tf.int32))


def _preprocess_examples(detector: Detector, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    features = {"image/encoded": tf.io.FixedLenFeature([], tf.string)}
    return _preprocess_encoded(detector, tf.io.parse_example(serialized, features)["image/encoded"])


_INPUTS = {
    "image_tensor": _Input("images", tf.TensorSpec([None, None, None, 3], tf.uint8), _preprocess_images),
    "float_image_tensor": _Input("images", tf.TensorSpec([None, None, None, 3], tf.float32), _preprocess_images),
    "encoded_image_string_tensor": _Input("encoded_images", tf.TensorSpec([None], tf.string), _preprocess_encoded),
    "tf_example": _Input("examples", tf.TensorSpec([None], tf.string), _preprocess_examples),
}
INPUT_TYPES = tuple(_INPUTS)
