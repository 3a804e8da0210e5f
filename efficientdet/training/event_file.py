# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The one TensorBoard file of a training."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import tensorflow as tf


class EventFile:
    """What several watchers of a training write into: TensorBoard follows only the newest file of a folder.

    Args:
      directory: `<model_dir>/train`; no file is made before there is something to write.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = os.fspath(directory)
        self._writer: tf.summary.SummaryWriter | None = None

    @contextlib.contextmanager
    def at(self, step: int) -> Iterator[None]:
        """Lets `tf.summary` write into this file, under a step, for the time of a `with` block.

        Args:
          step: of all that is written.

        Yields:
          Nothing.
        """
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(self._directory)
        with self._writer.as_default(step=step):
            yield
        self._writer.flush()

    def close(self) -> None:
        """Writes out what is buffered; a later `at` begins another file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
