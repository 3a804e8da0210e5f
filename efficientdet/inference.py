# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Detection on pictures from files: annotated copies, and one COCO results file.

Works with a detector in memory and with a SavedModel, one that TFOD exported included. Importing this module, and
finding the pictures, needs no TensorFlow.
"""

from __future__ import annotations

import glob
import io
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from efficientdet.atomic_write import replace_atomically
from efficientdet.data.importers.images import read_image
from efficientdet.errors import DataError, UsageError
from efficientdet.evaluation.coco import ImageIds, coco_results
from efficientdet.types import Detections
from efficientdet.visualization import draw_detections

if TYPE_CHECKING:
    from efficientdet.detector import Detector

_logger = logging.getLogger(__name__)

# uint8 [h, w, 3] RGB -> detections of that one picture: numpy arrays without a batch dimension.
DetectFn = Callable[[np.ndarray], Detections]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
_JPEG_QUALITY = 92


class InferenceSummary(NamedTuple):
    """What a run of inference did."""

    images: int
    detections: int
    skipped: tuple[str, ...]  # one line per picture that could not be read: its path and why


def find_images(patterns: Sequence[str]) -> list[Path]:
    """Finds the pictures that files, folders and globs name.

    Args:
      patterns: each one a file (of any suffix), a folder (its pictures, not those of folders below it) or a glob.

    Returns:
      Paths in the order of the patterns, sorted within one, each once.

    Raises:
      UsageError: a pattern names no picture.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if path.is_file():
            paths = [path]
        elif path.is_dir():
            paths = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in IMAGE_SUFFIXES)
        else:
            paths = sorted(Path(name) for name in glob.glob(pattern, recursive=True) if Path(name).is_file())
        if not paths:
            kinds = ", ".join(sorted(IMAGE_SUFFIXES))
            raise UsageError(f"--images {pattern}: " + (f"no {kinds} in it" if path.is_dir() else "no such file"))
        found |= dict.fromkeys(paths)
    return list(found)


def read_pixels(path: Path) -> np.ndarray:
    """Reads a picture as the importers read it for training: RGB, turned by its EXIF orientation.

    Returns:
      uint8 [h, w, 3].

    Raises:
      DataError: the file cannot be read or decoded, or is too large.
    """
    with Image.open(io.BytesIO(read_image(path).data)) as image:
        return np.asarray(image)


def detect_with_detector(detector: Detector) -> DetectFn:
    """Returns a function that runs a detector on one picture."""
    import tensorflow as tf

    signature = [tf.TensorSpec([1, None, None, 3], tf.uint8)]
    run = tf.function(lambda images: detector(images), input_signature=signature, autograph=False)

    def detect(image: np.ndarray) -> Detections:
        return Detections(*(np.asarray(values)[0] for values in run(image[np.newaxis])))

    return detect


def detect_with_saved_model(directory: str | Path) -> DetectFn:
    """Returns a function that runs a SavedModel on one picture.

    Args:
      directory: the SavedModel, or an export's folder that holds it as `saved_model`.

    Returns:
      The function; it uses the signature `detect` where there is one, otherwise TFOD's `serving_default`.

    Raises:
      UsageError: there is no SavedModel, or it is not a detector's.
    """
    directory = Path(directory)
    candidates = [directory, directory / "saved_model"]
    model_dir = next((path for path in candidates if (path / "saved_model.pb").is_file()), None)
    if model_dir is None:
        raise UsageError(f"no SavedModel in {directory}: expected the file saved_model.pb")
    import tensorflow as tf

    loaded = tf.saved_model.load(str(model_dir))
    name = "detect" if "detect" in loaded.signatures else "serving_default"
    signature = loaded.signatures.get(name)
    if signature is None or "detection_boxes" not in signature.structured_outputs:
        raise UsageError(f"the SavedModel in {model_dir} has no signature that returns detection_boxes")
    ((argument, spec),) = signature.structured_input_signature[1].items()

    def detect(image: np.ndarray) -> Detections:
        # Through `loaded`: a signature alone does not keep the variables alive.
        outputs = loaded.signatures[name](**{argument: _as_input(image, argument, spec.dtype)})
        values = {key: tensor.numpy()[0] for key, tensor in outputs.items()}
        scores = values["detection_scores"]
        return Detections(
            boxes=values["detection_boxes"],
            scores=scores,
            classes=values["detection_classes"].astype(np.int32) - 1,  # ids of the label map -> class rows
            anchors=values.get("detection_anchor_indices", np.zeros_like(scores)).astype(np.int32),
            count=values["num_detections"].astype(np.int32),
        )

    return detect


def run_inference(
    detect: DetectFn,
    paths: Sequence[Path],
    output_dir: str | Path,
    *,
    names: Mapping[int, str],
    min_score: float = 0.3,
    max_boxes: int = 100,
) -> InferenceSummary:
    """Detects in pictures; writes an annotated copy of each, and `detections.json` for all of them.

    Boxes in the JSON are in pixels of the picture as it is seen, that is, after its EXIF orientation. A picture that
    cannot be read is reported and left out.

    Args:
      detect: runs on one picture.
      paths: files of the pictures.
      output_dir: made when missing; a picture keeps its name, with a number where two have the same.
      names: class row -> name; a class without one is shown by its id.
      min_score: detections of a lower score are left out of the pictures and of the JSON.
      max_boxes: of a picture, the best are drawn.

    Returns:
      The summary.

    Raises:
      UsageError: an annotated picture would overwrite one of the originals.
    """
    output_dir = Path(output_dir)
    targets = _output_paths(paths, output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    image_ids, results, skipped = ImageIds(), [], []
    for path, target in zip(paths, targets, strict=True):
        try:
            image = read_pixels(path)
        except DataError as error:
            _logger.warning("skipped %s", error)
            skipped.append(str(error))
            continue
        found = _at_least(detect(image), min_score)
        shown = {row: names.get(row, str(row + 1)) for row in map(int, found.classes)}
        drawn = Image.fromarray(draw_detections(image, found, names=shown, max_boxes=max_boxes))
        drawn.save(target, quality=_JPEG_QUALITY)
        entries = coco_results(image_ids.assign(path.stem), image.shape[:2], found)
        results += [entry | {"file_name": str(path)} for entry in entries]
        _logger.info("%s: %d detections -> %s", path, len(entries), target)
    replace_atomically(output_dir / "detections.json", json.dumps(results))
    return InferenceSummary(len(paths) - len(skipped), len(results), tuple(skipped))


def _as_input(image: np.ndarray, argument: str, dtype: Any) -> Any:
    """Brings a picture into the form that a signature takes, a batch of one."""
    import tensorflow as tf

    if dtype != tf.string:
        return tf.constant(image[np.newaxis], dtype)
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG", compress_level=1)
    if argument != "examples":
        return tf.constant([content.getvalue()])
    encoded = tf.train.Feature(bytes_list=tf.train.BytesList(value=[content.getvalue()]))
    example = tf.train.Example(features=tf.train.Features(feature={"image/encoded": encoded}))
    return tf.constant([example.SerializeToString()])


def _at_least(detections: Detections, min_score: float) -> Detections:
    """Keeps the detections in use that reach a score, without padding."""
    count = int(detections.count)
    keep = np.flatnonzero(np.asarray(detections.scores)[:count] >= min_score)
    boxes, scores, classes, anchors = (np.asarray(values)[keep] for values in detections[:-1])
    return Detections(boxes, scores, classes, anchors, count=np.int32(len(keep)))


def _output_paths(paths: Sequence[Path], output_dir: Path) -> list[Path]:
    """Names the annotated pictures; PNG stays PNG, everything else becomes JPEG."""
    originals = {path.resolve() for path in paths}
    taken: set[Path] = set()
    targets = []
    for path in paths:
        suffix = path.suffix if path.suffix.lower() in {".jpg", ".jpeg", ".png"} else ".jpg"
        target, number = output_dir / f"{path.stem}{suffix}", 1
        while target in taken:
            number += 1
            target = output_dir / f"{path.stem}-{number}{suffix}"
        if target.resolve() in originals:
            raise UsageError(f"--output_dir {output_dir}: {target} would overwrite an original; choose another folder")
        taken.add(target)
        targets.append(target)
    return targets
