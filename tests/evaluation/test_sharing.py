# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Workers that share an evaluation, as threads: what they give together is what one of them gives alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.errors import DataError
from efficientdet.evaluation import sharing
from efficientdet.evaluation.batch_result import BatchResult, as_bytes, from_bytes
from efficientdet.evaluation.evaluation import Evaluation
from efficientdet.evaluation.evaluator import Evaluator
from efficientdet.evaluation.pictures import PictureSettings
from efficientdet.evaluation.sharing import PeerError, SharedEvaluation
from efficientdet.types import Detections, GroundTruth, Losses
from tests.evaluation.telegraph import build, pictures


class _Thread:
    """One of several threads that gather what they have."""

    def __init__(self, index: int, table: list[bytes], barrier: threading.Barrier) -> None:
        self.index, self.count = index, len(table)
        self._table, self._barrier = table, barrier
        self.gathered = 0

    def gather(self, content: bytes) -> list[bytes]:
        self.gathered += 1
        self._table[self.index] = content
        self._barrier.wait(10)
        contents = list(self._table)
        self._barrier.wait(10)
        return contents


def _peers(count: int) -> list[_Thread]:
    table, barrier = [b""] * count, threading.Barrier(count)
    return [_Thread(index, table, barrier) for index in range(count)]


def _together(tasks: list[Callable[[], Any]]) -> list[Any]:
    """What each task returns or raises, run at the same time."""

    def outcome(task: Callable[[], Any]) -> Any:
        try:
            return task()
        except BaseException as error:
            return error

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(outcome, tasks))


def _result(number: int, *, losses: bool = True) -> BatchResult:
    random = np.random.default_rng(number)
    return BatchResult(
        losses=Losses(*random.normal(size=4).astype(np.float32)) if losses else (),
        detections=Detections(
            random.random([1, 3, 4], np.float32),
            random.random([1, 3], np.float32),
            np.array([[2, 1, 0]], np.int32),
            np.zeros([1, 3], np.int32),
            np.array([number], np.int32),
        ),
        ground_truth=GroundTruth(*[random.random([1, 2], np.float32) for _ in range(7)]),
        source_ids=np.array([b"a\0\xff\0"], object),
        original_sizes=np.array([[7, 9]], np.int32),
        true_sizes=np.array([[5, 6]], np.int32),
        input_size=np.array([8, 8], np.int32),
        inputs=random.random([0, 8, 8, 3], np.float32),
    )


@pytest.mark.parametrize("losses", [True, False])
def test_a_result_survives_its_journey(losses: bool) -> None:
    results = [_result(number, losses=losses) for number in range(3)]
    returned = from_bytes(as_bytes(results))
    assert len(returned) == 3
    for sent, came in zip(results, returned, strict=True):
        tf.nest.assert_same_structure(sent, came)
        for one, other in zip(tf.nest.flatten(sent), tf.nest.flatten(came), strict=True):
            assert np.asarray(one).dtype == other.dtype
            np.testing.assert_array_equal(one, other)
    assert from_bytes(as_bytes([])) == []


@pytest.mark.parametrize(("workers", "batches"), [(2, 5), (3, 4), (2, 1), (3, 0), (2, 64), (2, 65)])
def test_the_chief_sees_all_batches_in_their_order(workers: int, batches: int) -> None:
    def run(peers: _Thread) -> bytes:
        own = (_result(number) for number in range(peers.index, batches, workers))
        return SharedEvaluation(peers).run(own, lambda all: bytes(int(r.detections.count[0]) for r in all))

    peers = _peers(workers)
    assert _together([lambda peer=peer: run(peer) for peer in peers]) == [bytes(range(batches))] * workers
    # A turn for every 16 batches of the chief and one for the outcome, however many batches the others have.
    assert {peer.gathered for peer in peers} == {-(-batches // workers) // 16 + 2}


def _failing(after: int, error: BaseException) -> Iterator[BatchResult]:
    for number in range(after):
        yield _result(number)
    raise error


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("error", [DataError("bad record"), SystemExit(143)])
def test_an_error_of_one_worker_ends_all(failing: int, error: BaseException) -> None:
    def run(peers: _Thread) -> bytes:
        own = _failing(20, error) if peers.index == failing else iter([_result(0)] * 40)
        return SharedEvaluation(peers).run(own, lambda all: bytes(len(list(all))))

    outcomes = _together([lambda peer=peer: run(peer) for peer in _peers(2)])
    assert outcomes[failing] is error
    assert type(outcomes[1 - failing]) is PeerError
    assert f"worker {failing}" in str(outcomes[1 - failing])


def test_an_error_of_the_chief_alone_is_told() -> None:
    def conclude(results: object) -> bytes:
        raise DataError("no image")

    def run(peers: _Thread) -> bytes:
        return SharedEvaluation(peers).run(iter([]), conclude)

    chief, other = _together([lambda peer=peer: run(peer) for peer in _peers(2)])
    assert type(chief) is DataError
    assert isinstance(other, PeerError)
    assert "no image" in str(other)


def test_an_evaluation_survives_its_journey() -> None:
    losses = Losses(0.1, float("nan"), 1e-30, float("inf"))
    evaluation = Evaluation(40, {"AP": 1 / 3, "AR": -1.0}, losses, 17, 0.25)
    assert repr(Evaluation.from_bytes(evaluation.as_bytes())) == repr(evaluation)
    assert Evaluation.from_bytes(evaluation._replace(losses=None).as_bytes()).losses is None


def _files(folder: Path) -> dict[str, bytes]:
    contents = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in contents.items() if "tfevents" not in name}


def _without_time(line: bytes) -> dict[str, float]:
    record = json.loads(line)
    del record["seconds"]
    return record


def test_two_workers_evaluate_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_BATCHES_PER_EXCHANGE", 1)

    def evaluator(folder: str, share: Callable[[], tf.data.Dataset], **keywords: Any) -> Evaluator:
        drawn = PictureSettings(2, export_directory=tmp_path / folder / "drawn", export_ids=True)
        return build(tmp_path / folder, dataset_fn=share, keywords=keywords, pictures=drawn, write_detections=True)

    alone = evaluator("one", lambda: pictures(1)).evaluate(10)
    evaluators = [
        evaluator(f"two_{peer.index}", lambda i=peer.index: pictures(1).shard(2, i), peers=peer) for peer in _peers(2)
    ]
    shared = _together([lambda one=one: one.evaluate(10) for one in evaluators])
    for evaluation in shared:
        assert evaluation._replace(seconds=0.0) == alone._replace(seconds=0.0)
    one, two = _files(tmp_path / "one"), _files(tmp_path / "two_0")
    lines = [files.pop("metrics.jsonl") for files in (one, two)]
    assert one == two
    assert sorted(one) == [
        "drawn/export-image-0-17.png",
        "drawn/export-image-1-b.jpg.png",
        "step-10/detections.json",
        "step-10/ground_truth.json",
    ]
    assert _without_time(lines[0]) == _without_time(lines[1])
    assert not (tmp_path / "two_1").exists()
