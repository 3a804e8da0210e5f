# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Records that are left out: nothing else changes, a resume repeats it, and a damaged file is one clear error."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from efficientdet.data.checks import INPUT_ERRORS, RecordFault
from efficientdet.data.files import FOOTER_BYTES, HEADER_BYTES, walk_records
from efficientdet.data.pipeline import InputPipeline
from efficientdet.errors import DataError
from efficientdet.types import Batch
from tests.data.toy_input import assert_equal, build, rows_of


@pytest.fixture
def make(tmp_path, write_tfrecord) -> Callable[..., InputPipeline]:
    """Pipelines over the numbers from 100 to 115 in two files, some of them bad."""

    def make(*bad: int, **changes: Any) -> InputPipeline:
        records = [b"bad" if index in bad else b"%d" % (100 + index) for index in range(16)]
        files = [write_tfrecord(tmp_path / name, records[start : start + 8]) for name, start in (("a", 0), ("b", 8))]
        return build(files, **changes)

    return make


def _trained(data: InputPipeline, count: int, start: int = 0) -> list[Batch]:
    """Batches as a trainer fetches them."""
    batches: list[Batch] = []
    iterator = None
    while len(batches) < count:
        try:
            iterator = iterator or iter(data.train_dataset(start + len(batches)))
            batches.append(next(iterator))
        except INPUT_ERRORS as error:
            if (problem := data.exclude(error, start + len(batches))) is not None:
                raise problem from error
            iterator = None
    return batches


def _evaluated(data: InputPipeline) -> list[Batch]:
    """Batches as an evaluator fetches them."""
    batches: list[Batch] = []
    iterator = iter(data.eval_dataset())
    while True:
        try:
            batches.append(next(iterator))
        except StopIteration:
            return batches
        except INPUT_ERRORS as error:
            if (problem := data.exclude_evaluated(error, len(batches))) is not None:
                raise problem from error
            iterator = iter(data.eval_dataset(start_batch=len(batches)))


def _assert_stands_in(picture: Batch) -> None:
    assert not picture.inputs.any()
    assert not picture.original_sizes.any()
    assert not any(values.any() for values in picture.ground_truth)
    assert picture.targets.classes.tolist() == [-1]
    assert not any(values.any() for values in picture.targets[1:])


def _flip_byte(file: str, position: int) -> None:
    content = bytearray(Path(file).read_bytes())
    content[position] ^= 1
    Path(file).write_bytes(content)


def _left_out(data: InputPipeline, rows: Sequence[Batch]) -> set[int]:
    """The records that rows of training stand in for; checks that they do."""
    indices = [int(record.index) for record in data._order.training(0).take(len(rows)).as_numpy_iterator()]
    places = [place for place, row in enumerate(rows) if not row.original_sizes.any()]
    for place in places:
        _assert_stands_in(rows[place])
    return {indices[place] for place in places}


def _assert_others_equal(rows: Sequence[Batch], untouched: Sequence[Batch]) -> None:
    for row, other in zip(rows, untouched, strict=True):
        if row.original_sizes.any():
            assert_equal(row, other)


def test_a_search_through_all_files_lets_a_signal_through(make):
    data = make()

    def stop() -> None:
        raise KeyboardInterrupt

    data.let_through(stop)
    with pytest.raises(KeyboardInterrupt):
        data.exclude(tf.errors.InvalidArgumentError(None, None, "a reason that is none of the records"), 0)


def test_others_stay_as_they_are(make):
    data, told = make(0, 5, 7, 8), []
    data.on_exclude = told.append
    rows = rows_of(_trained(data, 8))  # two epochs
    names = data._order.records.names
    assert list(data.excluded) == told
    assert {(fault.file, fault.record) for fault in told} == {
        (names[0], 0),
        (names[0], 5),
        (names[0], 7),
        (names[1], 0),
    }
    assert {fault.problem for fault in told} == {"a bad record"}
    assert _left_out(data, rows) == {0, 5, 7, 8}
    _assert_others_equal(rows, rows_of(_trained(make(), 8)))


@pytest.mark.parametrize("mixes", [False, True])
def test_a_resume_after_an_exclusion_repeats_every_batch(make, mixes):
    first = make(5, mixes=mixes)
    batches = _trained(first, 10)
    assert [fault.record for fault in first.excluded] == [5]
    resumed = make(5, mixes=mixes)
    resumed.exclude_known(first.excluded)
    for start in (0, 7) if mixes else (3,):
        for one, other in zip(batches[start:], _trained(resumed, 10 - start, start), strict=True):
            assert_equal(one, other)
    assert resumed.excluded == first.excluded


def _ops(dataset: tf.data.Dataset) -> list[str]:
    graph = tf.compat.v1.GraphDef.FromString(dataset._as_serialized_graph().numpy())
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return sorted(node.op for node in nodes)


def test_nothing_is_in_the_graph_while_nothing_is_left_out(make):
    data = make()
    before = _ops(data.train_dataset())
    data.exclude_known([RecordFault("gone", 0, "", "")])
    assert _ops(data.train_dataset()) == before
    data.exclude_known([RecordFault(data._order.records.names[0], 0, "", "")])
    assert len(_ops(data.train_dataset())) > len(before)


@pytest.mark.parametrize(("budget", "problem"), [(1, "1 were left out already"), (0, "none may be left out")])
def test_a_spent_budget_names_record_and_field(make, budget, problem):
    with pytest.raises(DataError, match=rf"record \d .*a bad record \({problem}: max_unreadable_records is {budget}\)"):
        _trained(make(2, 13, max_unreadable_records=budget), 8)


def test_known_records_count_for_the_budget(make):
    data = make(2, max_unreadable_records=1)
    data.exclude_known([RecordFault(data._order.records.names[1], 3, "11", "as it was")])
    with pytest.raises(DataError, match="1 were left out already"):
        _trained(data, 4)


def test_a_damaged_content_is_left_out_wherever_it_is_met(make):
    """Reading runs ahead: the batch at which it fails is not that of the record."""
    data, untouched = make(shuffle_buffer_size=16), rows_of(_trained(make(shuffle_buffer_size=16), 8))
    file = data._order.records.names[0]
    offset, length = list(walk_records(file))[6]
    _flip_byte(file, offset + HEADER_BYTES + 1)
    rows = rows_of(_trained(data, 8))
    end = offset + HEADER_BYTES + length + FOOTER_BYTES
    assert data.excluded == (RecordFault(file, 6, "", f"its checksum is wrong (bytes {offset} to {end})"),)
    assert _left_out(data, rows) == {6}
    _assert_others_equal(rows, untouched)


def test_neighbours_may_all_be_left_out(make):
    data = make(batch_size=16, shuffle=False)
    files = data._order.records.names
    data.exclude_known(
        [RecordFault(files[number], record, "", "") for number, record in ((0, 0), (0, 6), (0, 7), (1, 0))]
    )
    (batch,) = _trained(data, 1)
    assert [int(row.original_sizes[0]) for row in rows_of([batch])] == [0, 4, 4, 4, 4, 4, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4]


def _damage_length(file: str) -> None:
    _flip_byte(file, list(walk_records(file))[4][0])


def _truncate(file: str) -> None:
    os.truncate(file, list(walk_records(file))[4][0] + 5)


def _shorten(file: str) -> None:
    os.truncate(file, list(walk_records(file))[5][0])


@pytest.mark.parametrize(
    ("damage", "message", "trains"),
    [
        (_damage_length, r"b: not a TFRecord file, or damaged, at byte \d+ \(header of record 4\)", True),
        (_truncate, r"b has 81 bytes, and had 152 when .* \(truncated at byte 81, inside the header of record 4", True),
        (_shorten, r"b has \d+ bytes, and had \d+ when this run began \(5 records now, 8 then\).*put it back", False),
        (os.remove, "b: No such file or directory, and it was there when this run began", False),
    ],
)  # fmt: skip
def test_a_file_that_is_damaged_on_the_way_ends_the_run_in_one_sentence(make, damage, message, trains):
    data = make(shuffle=False)
    batches = iter(data.train_dataset() if trains else data.eval_dataset())
    next(batches)
    damage(data._order.records.names[1])
    exclude = data.exclude if trains else data.exclude_evaluated
    found = None
    for number in range(1, 8):
        try:
            next(batches)
        except INPUT_ERRORS as error:
            found = exclude(error, number)
            break
        except StopIteration:
            break
    if found is None:  # read in time: it is told where the files are opened again
        with pytest.raises(DataError, match=message):
            data.check_unchanged()
    else:
        assert re.search(message, str(found))
    if damage is not _damage_length:
        with pytest.raises(DataError, match=message):
            data.train_dataset()


def test_the_first_record_may_be_a_bad_one_and_not_all_of_them(make):
    assert make(0, 1).num_records == 16
    with pytest.raises(DataError, match=r"a: record 0 .*: a bad record \(as are the 10 that follow it\)"):
        make(*range(16))


def test_evaluation_leaves_them_out_too(make):
    data = make(3, 9)
    file = data._order.records.names[1]
    _flip_byte(file, list(walk_records(file))[4][0] + HEADER_BYTES)
    rows = rows_of(_evaluated(data))
    assert sorted(fault.record for fault in data.excluded) == [1, 3, 4]
    assert {index for index, row in enumerate(rows) if not row.original_sizes.any()} == {3, 9, 12}
    for index in (3, 9, 12):
        _assert_stands_in(rows[index])
    _assert_others_equal(rows, rows_of(_evaluated(make())))


def test_an_error_that_no_record_explains(make):
    error = tf.errors.InvalidArgumentError(None, None, "odd")
    problem = make(batch_size=16).exclude(error, 0)
    assert str(problem) == "every record can be read, and yet TensorFlow reports: cannot be read (odd)"
