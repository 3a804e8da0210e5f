# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of an input reader does to the order of records and to batches."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from efficientdet.builders.input import build_eval_input, build_train_input
from efficientdet.config import parse_config
from efficientdet.data.input_share import InputShare
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.data.pipeline import InputPipeline
from efficientdet.data.preprocessing import FixedShape, Preprocessor
from efficientdet.data.record_encoding import RecordBox, encode_example
from efficientdet.errors import ConfigError, DataError
from efficientdet.types import Example, Targets
from tests.end_to_end.tiny import CONFIG
from tests.fields.rows import config, field

_LABEL_MAP = (
    'item {{ id: {id} name: "n01" display_name: "cat" }} item {{ id: {other} name: "n02" display_name: "dog" }}'
)
_LABEL_MAPS = {  # (id, name, display name)
    "map": [(1, "n01", "cat"), (2, "n02", "dog")],
    "swapped": [(2, "n01", "cat"), (1, "n02", "dog")],
    "crossed": [(1, "n01", "cat"), (2, "cat", "dog")],
}
_Reader = Callable[[str], InputPipeline]


def _record(number: int, name: str) -> bytes:
    """A picture with three boxes, of which the second is a crowd."""
    file = io.BytesIO()
    Image.fromarray(np.full([4, 4, 3], number, np.uint8)).save(file, "PNG")
    boxes = [RecordBox(name, 1, 0.1, 0.1, 0.5, 0.5 + 0.1 * i, 10.0, is_crowd=i == 1) for i in range(3)]
    return encode_example(
        encoded=file.getvalue(), image_format="png", size=(4, 4), filename="", source_id=str(number), boxes=boxes
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records 0 to 5 in a.record and 6 to 11 in b.record, of class n01, and one of class "cat" in cat.record."""
    folder = tmp_path_factory.mktemp("readers")
    for name, labels in _LABEL_MAPS.items():
        write_label_map([Label(*label) for label in labels], folder / f"{name}.pbtxt")
    for name, (numbers, text) in {"a": (range(6), "n01"), "b": (range(6, 12), "n01"), "cat": (range(1), "cat")}.items():
        with tf.io.TFRecordWriter(str(folder / f"{name}.record")) as writer:
            for number in numbers:
                writer.write(_record(number, text))
    with tf.io.TFRecordWriter(str(folder / "bad.record")) as writer:  # 11 of 15 are not known
        for number in range(15):
            writer.write(_record(number, "n01" if number % 4 == 0 else "n09"))
    return folder


def _no_targets(boxes: tf.Tensor, classes: tf.Tensor, weights: tf.Tensor) -> Targets:
    return Targets(tf.zeros([1], tf.int32), tf.zeros([1]), tf.zeros([1, 4]), tf.zeros([1]))


@pytest.fixture(scope="module")
def read(folder: Path) -> _Reader:
    """Builds the training input of a reader's text, with batches of 5 pictures; by default all of a and b."""
    # Without the limit that `train_config` has for boxes: it would count instead of the reader's.
    base = re.sub(r"max_number_of_boxes: \d+", "", CONFIG.read_text())
    parts = "seed: 1 batch_size: 5 data_augmentation_options { rgb_to_gray {} }"

    def read(text: str, build: Callable[..., InputPipeline] = build_train_input) -> InputPipeline:
        reader = "train_input_reader" if build is build_train_input else "eval_input_reader"
        files = 'tf_record_input_reader { input_path: ["FOLDER/a.record", "FOLDER/b.record"] }'
        for name, default in {"label_map_path": 'label_map_path: "FOLDER/map.pbtxt"', "tf_record": files}.items():
            text += "" if name in text else f" {default}"
        config = parse_config(
            base,
            "fields.config",
            [
                f"model {{ ssd {{ num_classes: 2 }} }} train_config {{ {parts} }} eval_config {{ batch_size: 5 }}",
                f"{reader} {{ {text} }}".replace("FOLDER", str(folder)),
            ],
        )
        return build(config, Preprocessor(FixedShape(4, 4), mean=(0, 0, 0), stddev=(1, 1, 1)), _no_targets)

    return read


def _order(data: InputPipeline, count: int = 24) -> list[int]:
    """The numbers of the first records in training."""
    return [int(record.index) for record in data._order.training(0).take(count).as_numpy_iterator()]


def _switches(data: InputPipeline) -> int:
    """How often the first 12 records go from one file to the other."""
    files = [index // 6 for index in _order(data, 12)]
    return sum(one != other for one, other in itertools.pairwise(files))


def _sizes(data: InputPipeline) -> list[int]:
    return [len(batch.source_ids) for batch in data.train_dataset()]


def _first_example(data: InputPipeline) -> Example:
    """The first picture of training, before it is augmented."""
    (record,) = data._order.training(0).take(1)
    return data._load(record.serialized)


def _first_classes(data: InputPipeline) -> list[int]:
    return _first_example(data).classes.numpy().tolist()


def _count(data: InputPipeline) -> int:
    (batch,) = data.train_dataset().take(1)
    return int(batch.ground_truth.count[0])


def _prefetched(data: InputPipeline) -> int:
    """Batches that the dataset holds ready."""
    graph = tf.compat.v1.GraphDef.FromString(data.train_dataset()._as_serialized_graph().numpy())
    nodes = {node.name: node for node in graph.node}
    (prefetch,) = (node for node in graph.node if node.op == "PrefetchDataset")
    return int(tf.make_ndarray(nodes[prefetch.input[1]].attr["value"].tensor))


_ONE_AT_A_TIME = "shuffle_buffer_size: 1 read_block_length: 1"
_CROSSED = 'label_map_path: "FOLDER/crossed.pbtxt" tf_record_input_reader { input_path: "FOLDER/cat.record" }'
_ROWS: list[tuple[str, Callable[[InputPipeline], Any], Any, pytest.MarkDecorator]] = [
    ("shuffle: false", _order, [*range(12)] * 2, field("InputReader.shuffle")),
    ("shuffle: true", _order, lambda order: order[:12] != order[12:] and sorted(order[:12]) == [*range(12)],
     field("InputReader.shuffle")),
    # Without a buffer a file is read in its order; files are not.
    ("num_readers: 1 shuffle_buffer_size: 1", lambda data: sorted([_order(data, 12)[:6], _order(data, 12)[6:]]),
     [[*range(6)], [*range(6, 12)]], field("InputReader.shuffle_buffer_size")),
    ("num_readers: 1 shuffle_buffer_size: 6", lambda data: sorted([_order(data, 12)[:6], _order(data, 12)[6:]]),
     lambda files: files != [[*range(6)], [*range(6, 12)]], field("InputReader.shuffle_buffer_size")),
    (f"num_readers: 1 {_ONE_AT_A_TIME}", _switches, 1, field("InputReader.num_readers")),
    (f"num_readers: 2 {_ONE_AT_A_TIME}", _switches, 11, field("InputReader.num_readers")),
    ("num_readers: 2 shuffle_buffer_size: 1 read_block_length: 3", _switches, 3,
     field("InputReader.read_block_length")),
    ("num_epochs: 2", lambda data: len(_order(data, 99)), 24, field("InputReader.num_epochs")),
    ("num_epochs: 0", lambda data: len(_order(data, 99)), 99, field("InputReader.num_epochs")),
    ("sample_1_of_n_examples: 5 shuffle: false", lambda data: _order(data, 4), [0, 5, 10, 0],
     field("InputReader.sample_1_of_n_examples")),
    ("num_epochs: 1 drop_remainder: true", _sizes, [5, 5], field("InputReader.drop_remainder")),
    ("num_epochs: 1 drop_remainder: false", _sizes, [5, 5, 2], field("InputReader.drop_remainder")),
    ("max_number_of_boxes: 7", lambda data: data.train_dataset().element_spec.ground_truth.boxes.shape, (5, 7, 4),
     field("InputReader.max_number_of_boxes")),
    ("max_number_of_boxes: 2 skip_crowd: false", _count, 2, field("InputReader.max_number_of_boxes")),
    ("skip_crowd: false", lambda data: len(_first_example(data).boxes), 3, field("InputReader.skip_crowd")),
    ("skip_crowd: true", lambda data: len(_first_example(data).boxes), 2, field("InputReader.skip_crowd")),
    ("skip_crowd: false", _first_classes, [0, 0, 0], field("InputReader.label_map_path")),
    ('skip_crowd: false label_map_path: "FOLDER/swapped.pbtxt"', _first_classes, [1, 1, 1],
     field("InputReader.label_map_path")),
    *((f"skip_crowd: true {_CROSSED} use_display_name: {use}", _first_classes, classes,
       field("InputReader.use_display_name")) for use, classes in (("true", [0, 0]), ("false", [1, 1]))),
    ('tf_record_input_reader { input_path: "FOLDER/b.record" }', lambda data: data.num_records, 6,
     field("InputReader.tf_record_input_reader", "TFRecordInputReader.input_path")),
    ('tf_record_input_reader { input_path: "FOLDER/[ab].record" }', lambda data: data.num_records, 12,
     field("TFRecordInputReader.input_path")),
    ("num_prefetch_batches: 3", _prefetched, 3, field("InputReader.num_prefetch_batches")),
    ("num_prefetch_batches: -1", _prefetched, -1, field("InputReader.num_prefetch_batches")),
    ("input_type: INPUT_DEFAULT", lambda data: data.num_records, 12, field("InputReader.input_type")),
    # Of 400 records 6 to 11 are 300 +- 9, and 40 +- 6.
    ("sample_from_datasets_weights: [1, 3]", lambda data: sum(index > 5 for index in _order(data, 400)),
     lambda drawn: 264 < drawn < 336, field("InputReader.sample_from_datasets_weights")),
    ("sample_from_datasets_weights: [9, 1]", lambda data: sum(index > 5 for index in _order(data, 400)),
     lambda drawn: 16 < drawn < 64, field("InputReader.sample_from_datasets_weights")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "measure", "expected"), [pytest.param(*given, marks=mark) for *given, mark in _ROWS])
def test_what_a_field_does(read: _Reader, text: str, measure: Callable[[InputPipeline], Any], expected: Any) -> None:
    measured = measure(read(text))
    assert expected(measured) if callable(expected) else measured == expected


@pytest.mark.field("InputReader.input_type")
def test_sequences_are_not_read(read: _Reader) -> None:
    with pytest.raises(ConfigError, match=r"input_type .* must be TF_EXAMPLE"):
        read("input_type: TF_SEQUENCE_EXAMPLE")


@pytest.mark.field("InputReader.sample_from_datasets_weights")
def test_there_is_a_weight_for_each_path_and_no_end(read: _Reader) -> None:
    with pytest.raises(ConfigError, match=r"must be one for each tf_record_input_reader.input_path \(2\)"):
        read("sample_from_datasets_weights: 1")
    with pytest.raises(ConfigError, match=r"num_epochs .* must be 0 with sample_from_datasets_weights"):
        read("sample_from_datasets_weights: [1, 2] num_epochs: 3")
    assert read("sample_from_datasets_weights: [1, 2]").num_records == 12


def test_evaluation_reads_all_in_order_whatever_the_reader_says(read: Any) -> None:
    data = read("shuffle: true num_epochs: 0 sample_from_datasets_weights: [1, 9]", build_eval_input)
    assert [int(index) for index, _ in data._order.evaluation().as_numpy_iterator()] == [*range(12)]


_BAD = 'tf_record_input_reader { input_path: "FOLDER/bad.record" } shuffle: false'


@pytest.mark.field("InputReader.max_unreadable_records")
@pytest.mark.parametrize(
    ("text", "build", "budget", "left_out"),
    [
        ("", build_train_input, 10, [1, 2, 3, 5, 6, 7, 9, 10, 11, 13]),
        ("max_unreadable_records: 3", build_train_input, 3, [1, 2, 3]),
        ("max_unreadable_records: 4", build_eval_input, 4, [1, 2, 3, 5]),
        ("", build_eval_input, 0, []),
    ],
)
def test_so_many_records_are_left_out_and_no_more(
    read: Any, text: str, build: Callable[..., InputPipeline], budget: int, left_out: list[int]
) -> None:
    data = read(f"{_BAD} {text}", build)
    error = tf.errors.InvalidArgumentError(None, None, "as TensorFlow says it")
    exclude = data.exclude if build is build_train_input else data.exclude_evaluated
    problems = [exclude(error, batch) for batch in range(3)]
    assert [fault.record for fault in data.excluded] == left_out
    refused = next(str(problem) for problem in problems if problem)
    assert "class name is not in the label map: [n09" in refused
    assert refused.endswith(f"max_unreadable_records is {budget})")


@pytest.mark.field("InputReader.worker_sharding")
@pytest.mark.parametrize(("sharding", "order"), [("BY_RECORD", [1, 3, 5, 7]), ("BY_FILE", [6, 7, 8, 9])])
def test_what_the_second_of_two_workers_reads(read: _Reader, sharding: str, order: list[int]) -> None:
    data = read(f"shuffle: false worker_sharding: {sharding}")
    data._batch_size = 2
    batches = data.train_dataset(0, InputShare(1, 2, 2)).take(4)
    assert [int(source_id) for batch in batches for source_id in batch.source_ids.numpy()] == order


@pytest.mark.field("InputReader.worker_sharding")
def test_files_of_their_own_have_no_common_end(read: _Reader) -> None:
    with pytest.raises(ConfigError, match=r"num_epochs .* must be 0 with worker_sharding: BY_FILE"):
        read("worker_sharding: BY_FILE num_epochs: 2")


@pytest.mark.parametrize(
    "text", ["worker_sharding: BY_FILE num_epochs: 0", "data_service_address: 'grpc://localhost:1'"]
)
def test_evaluation_says_that_it_shares_otherwise(text: str) -> None:
    notes = config(CONFIG, f"eval_input_reader {{ {text} }}").notes
    assert sum(f"eval_input_reader[0].{text.partition(':')[0]}" in note for note in notes) == 1


@pytest.mark.field("InputReader.data_service_address")
def test_batches_come_from_the_services_that_are_named(read: Any) -> None:
    data = read('data_service_address: "grpc://localhost:1, grpc://localhost:2"')
    assert data._settings.services == ("grpc://localhost:1", "grpc://localhost:2")
    with pytest.raises(DataError, match=r"no tf\.data service answers at grpc://localhost:1"):
        data.train_dataset()
    evaluated = read('data_service_address: "grpc://localhost:1"', build_eval_input)
    assert len(list(evaluated.eval_dataset(max_examples=2))) == 1
    with pytest.raises(ConfigError, match=r"data_service_address .* must be like grpc://host:5050"):
        read('data_service_address: "localhost:5050"')
