# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""SavedModels: TFOD's names and shapes, any batch, TensorFlow alone, and no half-written export."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from efficientdet.detector import Detector
from efficientdet.errors import UsageError
from efficientdet.export.saved_model import INPUT_TYPES, export_saved_model
from tests.toy_detector import ANCHORS, CLASSES, KEPT, toy_detector, toy_image

_RAW = {"detection_anchor_indices", "detection_multiclass_scores", "raw_detection_boxes", "raw_detection_scores"}
_DECIDED = {"detection_boxes", "detection_scores", "detection_classes", "num_detections"}


@pytest.fixture(scope="module")
def detector() -> Detector:
    return toy_detector()


@pytest.fixture(scope="module")
def exported(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("exports")
    return {input_type: export_saved_model(detector, root / input_type, input_type) for input_type in INPUT_TYPES}


def _png(image: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def _example(image: np.ndarray) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[_png(image)]))
    return tf.train.Example(features=tf.train.Features(feature={"image/encoded": feature})).SerializeToString()


_MAKE_INPUT: dict[str, tuple[str, Callable[[list[np.ndarray]], tf.Tensor]]] = {
    "image_tensor": ("images", lambda images: tf.constant(np.stack(images))),
    "float_image_tensor": ("images", lambda images: tf.constant(np.stack(images), tf.float32)),
    "encoded_image_string_tensor": ("encoded_images", lambda images: tf.constant([_png(image) for image in images])),
    "tf_example": ("examples", lambda images: tf.constant([_example(image) for image in images])),
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("input_type", INPUT_TYPES)
def test_signatures_return_what_the_detector_returns(
    exported: dict[str, Path], detector: Detector, input_type: str, batch: int
) -> None:
    images = [toy_image(40, 56, seed) for seed in range(batch)]
    expected = detector(tf.constant(np.stack(images)))
    argument, make_input = _MAKE_INPUT[input_type]
    loaded = tf.saved_model.load(str(exported[input_type]))
    served = loaded.signatures["serving_default"](input_tensor=make_input(images))
    detected = loaded.signatures["detect"](**{argument: make_input(images)})
    called = loaded(make_input(images))

    assert set(served) == set(called) == _DECIDED | _RAW
    assert set(detected) == _DECIDED
    assert {output.dtype for output in served.values()} == {tf.float32}
    for outputs in (served, detected, called):
        np.testing.assert_allclose(outputs["detection_boxes"], expected.boxes, rtol=0, atol=1e-6)
        np.testing.assert_allclose(outputs["detection_scores"], expected.scores, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(outputs["detection_classes"], expected.classes + 1)
        np.testing.assert_array_equal(outputs["num_detections"], expected.count)


def test_shapes_and_raw_outputs_are_those_of_tfod(exported: dict[str, Path]) -> None:
    loaded = tf.saved_model.load(str(exported["image_tensor"]))
    outputs = {name: value.numpy() for name, value in loaded(tf.constant(toy_image(64, 64)[np.newaxis])).items()}
    anchors = len(ANCHORS)
    assert {name: value.shape for name, value in outputs.items()} == {
        "detection_boxes": (1, KEPT, 4),
        "detection_scores": (1, KEPT),
        "detection_classes": (1, KEPT),
        "num_detections": (1,),
        "detection_multiclass_scores": (1, KEPT, CLASSES),
        "detection_anchor_indices": (1, KEPT),
        "raw_detection_boxes": (1, anchors, 4),
        "raw_detection_scores": (1, anchors, CLASSES),
    }
    count = int(outputs["num_detections"][0])
    assert count > 0
    rows = outputs["detection_anchor_indices"][0].astype(int)
    for row in range(count):
        multiclass = outputs["detection_multiclass_scores"][0, row]
        np.testing.assert_array_equal(multiclass, outputs["raw_detection_scores"][0, rows[row]])
        assert multiclass.max() == outputs["detection_scores"][0, row]
        assert multiclass.argmax() == outputs["detection_classes"][0, row] - 1
        np.testing.assert_array_equal(outputs["detection_boxes"][0, row], outputs["raw_detection_boxes"][0, rows[row]])


def test_rows_beyond_the_count_are_zeros(exported: dict[str, Path]) -> None:
    loaded = tf.saved_model.load(str(exported["image_tensor"]))
    image = np.full([64, 64, 3], 127, np.uint8)  # grey: every logit is about 0,
    image[:8] = toy_image(8, 64)  # but for the eight cells of the first row
    outputs = loaded(tf.constant(image[np.newaxis]))
    count = int(outputs["num_detections"][0])
    assert 0 < count < KEPT
    for name in ("detection_boxes", "detection_scores", "detection_multiclass_scores", "detection_anchor_indices"):
        assert not np.any(outputs[name].numpy()[0, count:]), name


def test_encoded_pictures_of_a_batch_may_differ_in_size(exported: dict[str, Path], detector: Detector) -> None:
    images = [toy_image(30, 60), toy_image(64, 20), toy_image(10, 10)]
    loaded = tf.saved_model.load(str(exported["encoded_image_string_tensor"]))
    outputs = loaded(tf.constant([_png(image) for image in images]))
    for index, image in enumerate(images):
        expected = detector(tf.constant(image[np.newaxis]))
        np.testing.assert_allclose(outputs["detection_boxes"][index], expected.boxes[0], rtol=0, atol=1e-6)
        np.testing.assert_allclose(outputs["detection_scores"][index], expected.scores[0], rtol=0, atol=1e-6)


def test_grey_and_jpeg_bytes_become_rgb(exported: dict[str, Path]) -> None:
    loaded = tf.saved_model.load(str(exported["encoded_image_string_tensor"]))
    grey = toy_image(32, 32)[..., 0]
    content = io.BytesIO()
    Image.fromarray(grey).save(content, "JPEG")
    outputs = loaded(tf.constant([_png(grey), content.getvalue()]))
    colour = loaded(tf.constant([_png(np.stack([grey] * 3, axis=-1))]))
    np.testing.assert_allclose(outputs["detection_scores"][0], colour["detection_scores"][0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("image_format", ["GIF", "BMP"])
def test_encoded_pictures_that_training_does_not_read_are_refused(exported: dict[str, Path], image_format: str) -> None:
    content = io.BytesIO()
    Image.fromarray(toy_image(8, 8)).save(content, image_format)
    loaded = tf.saved_model.load(str(exported["encoded_image_string_tensor"]))
    for signature in (loaded.signatures["serving_default"], loaded.signatures["detect"]):
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"image 1 of the batch.*neither JPEG nor PNG"):
            signature(tf.constant([_png(toy_image(8, 8)), content.getvalue()]))


def test_an_oversized_picture_is_refused_by_its_header(exported: dict[str, Path]) -> None:
    png = bytearray(_png(toy_image(8, 8)))
    png[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height of the header; no pixel follows
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[bytes(png)]))
    example = tf.train.Example(features=tf.train.Features(feature={"image/encoded": feature}))
    inputs = {"encoded_image_string_tensor": bytes(png), "tf_example": example.SerializeToString()}
    for input_type, content in inputs.items():
        loaded = tf.saved_model.load(str(exported[input_type]))
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"image 0 of the batch.*exceeds.*60000 60000"):
            loaded(tf.constant([content]))


def test_a_fresh_process_needs_tensorflow_alone(exported: dict[str, Path], detector: Detector, tmp_path: Path) -> None:
    image = toy_image(40, 56)
    np.save(tmp_path / "image.npy", image[np.newaxis])
    script = (
        "import sys, numpy as np, tensorflow as tf\n"
        f"model = tf.saved_model.load({str(exported['image_tensor'])!r})\n"
        "outputs = model.signatures['detect'](images=tf.constant(np.load('image.npy')))\n"
        "np.savez('outputs.npz', **{name: value.numpy() for name, value in outputs.items()})\n"
        "assert 'efficientdet' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=120)
    outputs = np.load(tmp_path / "outputs.npz")
    expected = detector(tf.constant(image[np.newaxis]))
    np.testing.assert_allclose(outputs["detection_scores"], expected.scores, rtol=0, atol=1e-5)
    np.testing.assert_allclose(outputs["detection_boxes"], expected.boxes, rtol=0, atol=1e-5)


def test_the_checkpoint_holds_the_weights_below_model(exported: dict[str, Path], detector: Detector) -> None:
    folder = exported["image_tensor"].parent / "checkpoint"
    latest = tf.train.latest_checkpoint(str(folder))
    assert latest == str(folder / "ckpt-0")
    kernel = tf.train.load_variable(latest, "model/cells/kernel/.ATTRIBUTES/VARIABLE_VALUE")
    np.testing.assert_array_equal(kernel, detector.model.cells.kernel)

    other = toy_detector()
    other.model.cells.kernel.assign(tf.zeros_like(other.model.cells.kernel))
    tf.train.Checkpoint(model=other.model).restore(latest).assert_existing_objects_matched()
    np.testing.assert_array_equal(other.model.cells.kernel, detector.model.cells.kernel)


def _write(directory: Path, text: str) -> None:
    (directory / "pipeline.config").write_text(text)


def test_an_export_replaces_an_earlier_one(tmp_path: Path) -> None:
    detector = toy_detector()
    export_saved_model(detector, tmp_path, describe=lambda folder: _write(folder, "old"))
    detector.model.cells.kernel.assign(tf.zeros_like(detector.model.cells.kernel))
    (tmp_path / "notes.txt").write_text("mine")
    model_dir = export_saved_model(detector, tmp_path, describe=lambda folder: _write(folder, "new"))
    assert {path.name for path in tmp_path.iterdir()} == {"saved_model", "checkpoint", "pipeline.config", "notes.txt"}
    assert (tmp_path / "pipeline.config").read_text() == "new"
    outputs = tf.saved_model.load(str(model_dir))(tf.constant(toy_image(8, 8)[np.newaxis]))
    np.testing.assert_array_equal(outputs["raw_detection_scores"], np.full([1, 64, CLASSES], 0.5, np.float32))


def test_a_failed_export_leaves_the_earlier_one(tmp_path: Path) -> None:
    detector = toy_detector()
    model_dir = export_saved_model(detector, tmp_path)
    before = (model_dir / "saved_model.pb").stat().st_mtime_ns

    def fail(directory: Path) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        export_saved_model(detector, tmp_path, describe=fail)
    assert (model_dir / "saved_model.pb").stat().st_mtime_ns == before
    assert {path.name for path in tmp_path.iterdir()} == {"saved_model", "checkpoint"}


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"input_type \(image\) must be one of: image_tensor, float_image_tensor"):
        export_saved_model(toy_detector(), tmp_path, "image")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        export_saved_model(toy_detector(), tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("checkpoint", "holds the checkpoints of a training"),
        ("ckpt-7.index", "holds the checkpoints of a training"),
        ("saved_model/saved_model.pb", "holds a saved_model that no export wrote"),
        ("checkpoint/notes.txt", "holds a checkpoint that no export wrote"),
        ("pipeline.config", "holds a pipeline.config that no export wrote"),
    ],
)
def test_nothing_but_an_export_is_replaced(tmp_path: Path, name: str, message: str) -> None:
    precious = tmp_path / "run" / name
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    with pytest.raises(UsageError, match=message):
        export_saved_model(toy_detector(), tmp_path / "run", describe=lambda folder: _write(folder, "new"))
    assert precious.read_text() == "precious"
    assert [path for path in (tmp_path / "run").rglob("*") if path.is_file()] == [precious]
