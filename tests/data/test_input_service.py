# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Batches of tf.data services are those of one process, and a fault or a restart changes none of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from efficientdet.cli.data_service import Service
from efficientdet.data.checks import INPUT_ERRORS
from efficientdet.data.input_service import Restarts
from efficientdet.data.input_share import InputShare
from efficientdet.data.pipeline import InputPipeline
from efficientdet.errors import DataError, UsageError
from efficientdet.types import Batch
from tests.data.toy_input import assert_equal, build, rows_of


@pytest.fixture(scope="module")
def services() -> Iterator[list[Service]]:
    services = [Service("localhost", 0) for _ in range(2)]
    yield services
    for service in services:
        service.stop()


@pytest.fixture(scope="module")
def file(tmp_path_factory, write_tfrecord) -> str:
    records = [b"bad" if number == 25 else b"%d" % number for number in range(30)]
    return write_tfrecord(tmp_path_factory.mktemp("service") / "x", records)


def _trained(data: InputPipeline, count: int, share: InputShare, start: int = 0) -> list[Batch]:
    batches: list[Batch] = []
    iterator = None
    while len(batches) < count:
        step = start + len(batches)
        try:
            iterator = iterator or iter(data.train_dataset(step, share))
            batches.append(next(iterator))
        except INPUT_ERRORS as error:
            if (problem := data.exclude(error, step)) is not None:
                raise problem from error
            iterator = None
    return batches


def test_services_give_the_batches_of_one_process_bit_for_bit(services, file):
    addresses = tuple(service.address for service in services)
    alone, served = build([file]), build([file], services=addresses)
    share = InputShare(0, 2, 2)
    expected = rows_of(_trained(alone, 17, share))  # two a batch, to the middle of the third epoch
    for one, other in zip(rows_of(_trained(served, 17, share)), expected, strict=True):
        assert_equal(one, other)
    assert served.excluded == alone.excluded
    assert [fault.record for fault in served.excluded] == [25]
    for one, other in zip(rows_of(_trained(served, 2, share, start=15)), expected[30:], strict=True):
        assert_equal(one, other)


@pytest.mark.slow  # TensorFlow finds out after seconds
def test_a_service_that_is_started_anew_goes_on(file):
    service = Service("localhost", 0)
    data = build([file], services=(service.address,))
    expected = rows_of(_trained(build([file]), 40, InputShare()))
    batches = iter(data.train_dataset())
    rows = rows_of([next(batches) for _ in range(3)])
    service.stop()
    again = Service("localhost", service.port)
    while len(rows) < 160:
        step = len(rows) // 4
        try:
            rows += rows_of([next(batches)])
        except INPUT_ERRORS as error:
            problem = data.exclude(error, step)
            batches = iter(data.train_dataset(step))
    for one, other in zip(rows, expected, strict=True):
        assert_equal(one, other)
    assert problem is None
    again.stop()


def test_nobody_answers(file):
    data = build([file], services=("grpc://localhost:1",))
    with pytest.raises(DataError, match=r"no tf.data service answers at grpc://localhost:1 .*data-service --port 1"):
        data.train_dataset()


def test_a_port_that_is_taken(services):
    with pytest.raises(UsageError, match=f"cannot listen at port {services[0].port}: "):
        Service("localhost", services[0].port)


def test_services_that_never_keep_their_turn_are_an_error():
    restarts = Restarts()
    out_of_turn = ValueError("efficientdet-batch-out-of-turn: 5 in place of 6")
    assert [restarts.explain(out_of_turn, batch) for batch in (7, 500, 501)] == [(True, None)] * 3
    assert restarts.explain(ValueError("odd"), 502) == (False, None)
    assert restarts.explain(out_of_turn, 502) == (True, None)  # the fourth, and the first was long ago
    is_of_services, problem = restarts.explain(out_of_turn, 503)
    assert is_of_services
    assert "do not keep their turns at batch 503" in str(problem)
