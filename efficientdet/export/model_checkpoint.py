# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Writes a network's weights, and puts finished files and folders in the place of earlier ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import tensorflow as tf
import tf_keras as keras


def write_model_checkpoint(model: keras.Model, directory: Path) -> None:
    """Writes `<directory>/ckpt-0`: the weights that a model has now, and nothing else, as `model`."""
    checkpoint = tf.train.Checkpoint(model=model)
    tf.train.CheckpointManager(checkpoint, str(directory), max_to_keep=1).save(checkpoint_number=0)


def replace_path(source: Path, target: Path) -> None:
    """Moves a file or a folder to where another one may be, which is lost; both lie on one file system."""
    if target.is_dir():
        shutil.rmtree(target)
    os.replace(source, target)
