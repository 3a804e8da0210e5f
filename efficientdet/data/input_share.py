# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which part of every global batch a worker prepares."""

from __future__ import annotations

from typing import NamedTuple


class InputShare(NamedTuple):
    """One worker's part of the input.

    Attributes:
      worker: 0-based number of the worker.
      workers: how many there are; each prepares `batch_size / workers` pictures of every global batch, a run of
        neighbours: worker 0 the first.
      replicas: of all workers together. A worker hands out batches of `batch_size / replicas` pictures, one for each of
        its own replicas in turn.
    """

    worker: int = 0
    workers: int = 1
    replicas: int = 1
