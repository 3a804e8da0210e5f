# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Takes runs of neighbours out of a stream of records that nobody has parsed yet."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from efficientdet.data.record_files import plain


class Turns(NamedTuple):
    """Of every `period` records, the `length` from `first` on."""

    period: int
    first: int
    length: int

    def of(self, records: tf.data.Dataset) -> tf.data.Dataset:
        """The records of these turns, in their order; the stream itself where these are all."""
        if self.length == self.period:
            return records
        first, end = self.first, self.first + self.length

        def is_own(position: tf.Tensor, _: tuple) -> tf.Tensor:
            place = position % self.period
            return (place >= first) & (place < end)

        return records.enumerate().filter(plain(is_own)).map(plain(lambda _, record: record))
