# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Batches that tf.data services prepare, each on a machine of its own, in an order that does not depend on them.

A tf.data service hands each of its workers the whole input, and takes batches from whichever is quickest. So that a
batch's place stays a function of its number, each service here has one worker and prepares every S-th batch of S
services; the trainer takes them in turn, and checks the number of each.
"""

from __future__ import annotations

import functools
import logging
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import tensorflow as tf

from efficientdet.data.record_files import plain
from efficientdet.errors import DataError
from efficientdet.types import Batch

_logger = logging.getLogger(__name__)

_OUT_OF_TURN = "efficientdet-batch-out-of-turn"
_FORGOTTEN = "Unknown iteration client id"  # what a service says to those it served before it was started anew
_CONNECT_SECONDS = 10.0
_RESTARTS, _APART = 3, 100  # more restarts than these, within so many batches, are none


def batches_from_services(services: Sequence[str], batches_of: Callable[[int], tf.data.Dataset]) -> tf.data.Dataset:
    """Lets services prepare batches.

    A service that stops is waited for. When it is started anew, it has forgotten how far it was: that is an error which
    `Restarts` knows, and a dataset that begins at the batch it happened at goes on as if nothing had been.

    Args:
      services: their addresses, "grpc://host:port".
      batches_of: gives the batches of a service, by its number. Their files must be there under the same paths, and no
        function of theirs may call Python.

    Returns:
      Dataset of Batch, in the order that one process would give them.

    Raises:
      DataError: nobody answers at an address.
    """
    for service in services:
        _check_answer(service)
    everything = tf.data.experimental.service.ShardingPolicy.OFF
    streams = [
        batches_of(number)
        .enumerate()
        .apply(tf.data.experimental.service.distribute(everything, service, compression=None))
        for number, service in enumerate(services)
    ]
    turns = tf.data.Dataset.range(len(services)).repeat()
    taken = tf.data.Dataset.choose_from_datasets(streams, turns).enumerate()
    return taken.map(plain(functools.partial(_checked, len(services))))


class Restarts:
    """Counts how often services were started anew, to tell that from services that never keep their turn."""

    def __init__(self) -> None:
        self._batches: list[int] = []

    def explain(self, error: Exception, batch_number: int) -> tuple[bool, DataError | None]:
        """Judges an error.

        Args:
          error: what fetching a batch raised.
          batch_number: of the batch.

        Returns:
          Whether the error is about the services, and what to raise; None when the batch is to be fetched anew.
        """
        if not any(mark in str(error) for mark in (_OUT_OF_TURN, _FORGOTTEN)):
            return False, None
        self._batches.append(batch_number)
        if len(self._batches) > _RESTARTS and batch_number - self._batches[-_RESTARTS - 1] < _APART:
            rule = "each address must be one that `efficientdet data-service` printed, with one worker of its own"
            return True, DataError(f"the tf.data services do not keep their turns at batch {batch_number}: {rule}")
        _logger.warning("A tf.data service was started anew; going on with batch %d", batch_number)
        return True, None


def _checked(services: int, place: tf.Tensor, numbered: tuple[tf.Tensor, Batch]) -> Batch:
    number, batch = numbered
    expected = place // services
    rule = f"{_OUT_OF_TURN}: a tf.data service sent its batch"
    in_turn = tf.debugging.Assert(number == expected, [rule, number, "in place of", expected])
    with tf.control_dependencies([in_turn]):
        return tf.nest.map_structure(tf.identity, batch)


def _check_answer(service: str) -> None:
    """TensorFlow itself would wait for hours."""
    place = urlsplit(service)
    try:
        socket.create_connection((place.hostname or "", place.port or 0), _CONNECT_SECONDS).close()
    except OSError as error:
        raise DataError(
            f"no tf.data service answers at {service} ({error.strerror or error}): start one there with "
            f"`efficientdet data-service --port {place.port}`, or leave data_service_address empty"
        ) from None
