# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Leaves out records that cannot be read, by name and up to a budget."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator

import tensorflow as tf

from efficientdet.data import checks
from efficientdet.data.checks import INPUT_ERRORS, RecordFault
from efficientdet.data.files import HEADER_BYTES, check_content, walk_records
from efficientdet.data.record_files import RecordFiles, plain
from efficientdet.errors import DataError
from efficientdet.types import Example

_logger = logging.getLogger(__name__)

# What TensorFlow says of a wrong checksum: the byte is that of the record's header, or of its content.
_DAMAGED_AT = re.compile(r"(?:corrupted|truncated) record at (\d+)")


class UnreadableRecords:
    """The records that are left out of files, and how a further one is found when reading fails.

    Whether a record is left out changes neither the place nor the draws of any other, see `RecordFiles`. It is never
    read again in this run, nor in one that resumes it, also when it could be.

    Attributes:
      excluded: what was left out, in the order it was found.
      on_exclude: is told of each that is found (and not of those that were known).
      interrupt: is called at each record where many are read to find one; what it raises ends the search.
    """

    def __init__(self, records: RecordFiles, parse: Callable[[tf.Tensor], Example], *, budget: int) -> None:
        """Leaves nothing out yet.

        Args:
          records: to leave records out of.
          parse: serialized record to Example.
          budget: how many records may be left out, those that are known already included.
        """
        self._records = records
        self._parse = parse
        self._traced = checks.traced(parse)
        self._budget = budget
        self._indices: set[int] = set()
        self.excluded: list[RecordFault] = []
        self.on_exclude: Callable[[RecordFault], None] | None = None
        self.interrupt: Callable[[], None] = lambda: None

    @property
    def indices(self) -> list[int]:
        """The numbers of the excluded records over all files, in rising order."""
        return sorted(self._indices)

    def exclude_known(self, faults: Iterable[RecordFault]) -> None:
        """Leaves out what an earlier start of the run left out; what is not in the files any more is passed over."""
        for fault in faults:
            if not self._records.has(fault.file, fault.record):
                _logger.warning("%s, record %d was left out before, and is not there now", fault.file, fault.record)
            elif (index := self._records.index_of(fault.file, fault.record)) not in self._indices:
                self._indices.add(index)
                self.excluded.append(fault)
        self._records.leave_out(self._indices)

    def exclude(self, error: Exception, near: Callable[[], tf.data.Dataset]) -> DataError | None:
        """Finds the records at fault for an error, and leaves them out.

        Args:
          error: what iterating raised, one of INPUT_ERRORS.
          near: gives (index, serialized) of the records that were most likely read; those left out already are
            stand-ins in it. Only when all of them can be read, all files are read from the start.

        Returns:
          None when at least one was found and the budget allows it: a dataset made anew then goes on. Else what to
          raise: a file as a whole is damaged, no record is at fault, or the budget is spent.
        """
        try:
            self._records.check_unchanged()
            faults = self._find(error, near)
            for fault in faults:
                if refusal := self._refusal(fault):
                    return refusal
                self._leave_out(fault)
            self._records.leave_out(self._indices)
        except DataError as damage:
            return damage
        return None if faults else DataError(checks.no_record_at_fault(error))

    def _find(self, error: Exception, near: Callable[[], tf.data.Dataset]) -> list[RecordFault]:
        """The faults behind an error, each of a record that is not left out yet.

        Raises:
          DataError: the headers of a file are damaged.
        """
        _logger.info("A record is at fault; looking for it")
        if damaged_at := _DAMAGED_AT.search(str(getattr(error, "message", error))):
            self._records.check_headers()
            if found := list(self._damaged(int(damaged_at[1]))):
                return found
        try:
            found = [
                self._fault(int(index), problem)
                for index, serialized in near()
                if (problem := checks.problem_in(serialized, self._traced)) is not None
            ]
        except INPUT_ERRORS:  # what is near cannot even be read
            found = []
        if found:
            return list(dict.fromkeys(found))
        _logger.info("It is not among those just read; reading all %d files from the start", len(self._records.names))
        files = tf.data.Dataset.range(len(self._records.names))
        records = self._records.read(files, cycle_length=1, block_length=1)
        first = checks.first_problem(records.map(plain(lambda _, serialized: serialized)), self._parse, self.interrupt)
        return [self._fault(*first)] if first else []

    def _damaged(self, position: int) -> Iterator[RecordFault]:
        """The records whose content does not fit its checksum, of those at a byte of any file."""
        for file in self._records.names:
            for record, (offset, length) in enumerate(walk_records(file)):
                if not offset <= position <= offset + HEADER_BYTES:
                    continue
                is_new = self._records.index_of(file, record) not in self._indices
                if is_new and (problem := check_content(file, offset, length)):
                    yield RecordFault(file, record, "", problem)

    def _fault(self, index: int, problem: str) -> RecordFault:
        file, record = self._records.place_of(index)
        return RecordFault(file, record, checks.source_id_of(file, record), problem)

    def _refusal(self, fault: RecordFault) -> DataError | None:
        if len(self.excluded) < self._budget:
            return None
        spent = f"{len(self.excluded)} were left out already" if self.excluded else "none may be left out"
        rule = f"{spent}: max_unreadable_records is {self._budget}"
        return DataError(f"{fault} ({rule})")

    def _leave_out(self, fault: RecordFault) -> None:
        self._indices.add(self._records.index_of(fault.file, fault.record))
        self.excluded.append(fault)
        _logger.warning(
            "LEFT OUT from now on: %s (%d of at most %d: max_unreadable_records)",
            fault, len(self.excluded), self._budget,
        )  # fmt: skip
        if self.on_exclude:
            self.on_exclude(fault)
