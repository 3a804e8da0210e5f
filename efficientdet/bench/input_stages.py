# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each stage of a config's training input costs: pipelines that end one stage later each, in turns.

The stages of a sample of the records are timed by the processor time of all cores, which other work on the machine
hardly changes; a stage's cost is what its pipeline takes more than the one before.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from efficientdet.bench.input_report import InputFigures, Stage
from efficientdet.bench.reading import no_targets
from efficientdet.builders.input import build_train_input
from efficientdet.config import PipelineConfig
from efficientdet.data.files import resolve_files
from efficientdet.data.pipeline import Assigner, InputPipeline
from efficientdet.data.preprocessing import FixedShape, Preprocessor
from efficientdet.data.records import decode_image
from efficientdet.experiment import Experiment
from efficientdet.protos.preprocessor_pb2 import PreprocessingStep, RandomHorizontalFlip
from efficientdet.training import distribution
from efficientdet.tuning.record_sample import write_sample

READING, DECODING, PARSING = "reading", "decoding", "parsing"
RESIZING, BATCHING, MATCHING = "resizing and normalising", "batching", "matching"

LARGEST_BATCH = 8  # what an image costs does not depend on it
_ROUNDS = 3  # each pipeline is run so often; the quickest counts


class _Pipeline(NamedTuple):
    """An input that ends with a stage."""

    stage: str
    batches: Callable[[int], tf.data.Dataset]  # so many of them


def measure_stages(
    config: PipelineConfig, folder: Path, images: int, progress: Callable[[str], None] = lambda detail: None
) -> InputFigures:
    """Takes the input of a config apart.

    Args:
      config: resolved and validated for training, with a seed.
      folder: for a sample of the records.
      images: to look at; a sample has all images where there are fewer, and gives them again.
      progress: is told how far it is.

    Raises:
      EfficientDetError: the files, or the label map, cannot be used.
    """
    distribution.settle_computation()
    progress("taking a sample of the records")
    sample = folder / "sample.record"
    write_sample(_files(config), images, 0, sample)
    sampled = _reading(config, sample)
    whole = _whole_input(sampled)
    size = sampled.proto.train_config.batch_size
    count = max(images // size, 2)
    totals = _totals(list(_pipelines(sampled, sample)), count, size, progress)
    progress("the whole input")
    together = list(totals.values())[-1]
    return InputFigures(tuple(_stages(totals)), together, _rate(whole, count, size), count * size)


def _totals(pipelines: Sequence[_Pipeline], count: int, size: int, progress: Callable[[str], None]) -> dict[str, float]:
    """Milliseconds of a processor for an image, up to each stage.

    What a pipeline needs to start is that of its first batch, and left out.
    """
    quickest: dict[tuple[str, int], float] = {}
    for number in range(_ROUNDS):
        for pipeline in pipelines:
            progress(f"round {number + 1} of {_ROUNDS}: up to {pipeline.stage}")
            for length in (1, count):
                key = pipeline.stage, length
                quickest[key] = min(quickest.get(key, math.inf), _seconds(pipeline.batches(length)))
    return {
        pipeline.stage: max(1e3 * (quickest[pipeline.stage, count] - quickest[pipeline.stage, 1]), 0.0)
        / (size * (count - 1))
        for pipeline in pipelines
    }


def _stages(totals: dict[str, float]) -> Iterator[Stage]:
    """What each stage takes more than the one before; reading and decoding were timed alone."""
    yield Stage(READING, totals[READING])
    yield Stage(DECODING, totals[DECODING])
    before = totals[READING] + totals[DECODING]
    for name, total in totals.items():
        if name not in (READING, DECODING):
            yield Stage(name, max(total - before, 0.0))
            before = max(total, before)


def _pipelines(config: PipelineConfig, sample: Path) -> Iterator[_Pipeline]:
    size = config.proto.train_config.batch_size
    records = tf.data.TFRecordDataset(str(sample)).repeat()
    lengths = records.map(tf.strings.length).batch(size)  # what comes to Python is a batch, as of the later stages
    yield _Pipeline(READING, lengths.take)
    encoded = [_encoded(record) for record in tf.data.TFRecordDataset(str(sample)).as_numpy_iterator()]
    pictures = tf.data.Dataset.from_tensor_slices(encoded).cache().repeat()
    decoded = pictures.map(lambda content: decode_image(content)[0, 0, 0]).batch(size)
    yield _Pipeline(DECODING, decoded.take)

    def up_to(stage: str, config: PipelineConfig, preprocessor: Preprocessor, assigner: Assigner) -> _Pipeline:
        batches = build_train_input(config, preprocessor, assigner).train_dataset(0)  # traced once
        return _Pipeline(stage, batches.take)

    steps = config.proto.train_config.data_augmentation_options
    yield up_to(PARSING, _with_steps(config, 0), _Corner(), no_targets)
    for number, name in enumerate(step_names(steps), start=1):
        yield up_to(name, _with_steps(config, number), _Corner(), no_targets)
    experiment = Experiment(config)
    yield up_to(RESIZING, config, _CornerOf(experiment.preprocessor), no_targets)
    yield up_to(BATCHING, config, experiment.preprocessor, no_targets)
    yield up_to(MATCHING, config, experiment.preprocessor, experiment.assigner)


def step_names(steps: Sequence[PreprocessingStep]) -> list[str]:
    """The names of augmentations, numbered where one is there twice."""
    names = [step.WhichOneof("preprocessing_step") or "augmentation" for step in steps]
    return [
        name if names.count(name) == 1 else f"{name} ({names[:place].count(name) + 1})"
        for place, name in enumerate(names)
    ]


class _Corner(Preprocessor):
    """Leaves one pixel of a picture: all that comes before is computed, and nothing of size is handed on."""

    def __init__(self) -> None:
        super().__init__(FixedShape(1, 1), mean=(0.0, 0.0, 0.0), stddev=(1.0, 1.0, 1.0))

    def __call__(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.cast(image[:1, :1], tf.float32), tf.shape(image)[:2]

    def boxes_in_input(self, boxes: tf.Tensor, true_size: tf.Tensor) -> tf.Tensor:
        del true_size
        return boxes


class _CornerOf(_Corner):
    """Prepares a picture, and leaves one pixel of it."""

    def __init__(self, whole: Preprocessor) -> None:
        super().__init__()
        self._whole = whole

    def __call__(self, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, true_size = self._whole(image)
        return inputs[:1, :1], true_size

    def boxes_in_input(self, boxes: tf.Tensor, true_size: tf.Tensor) -> tf.Tensor:
        return self._whole.boxes_in_input(boxes, true_size)


def _with_steps(config: PipelineConfig, count: int) -> PipelineConfig:
    """A config with the first augmentations only; draws depend on the place, so that the others are made idle."""
    changed = config.copy()
    for step in changed.proto.train_config.data_augmentation_options[count:]:
        step.CopyFrom(PreprocessingStep(random_horizontal_flip=RandomHorizontalFlip(probability=0.0)))
    return changed


def _files(config: PipelineConfig) -> list[str]:
    return resolve_files(list(config.proto.train_input_reader.tf_record_input_reader.input_path))


def _reading(config: PipelineConfig, sample: Path) -> PipelineConfig:
    """A config that reads the sample, again and again, in this process, in batches that any machine can hold."""
    changed = config.copy()
    changed.proto.train_config.batch_size = min(changed.proto.train_config.batch_size, LARGEST_BATCH)
    reader = changed.proto.train_input_reader
    reader.tf_record_input_reader.input_path[:] = [str(sample)]
    for field in ("sample_from_datasets_weights", "data_service_address"):
        reader.ClearField(field)
    reader.num_epochs, reader.sample_1_of_n_examples = 0, 1
    return changed


def _whole_input(config: PipelineConfig) -> InputPipeline:
    experiment = Experiment(config)
    return experiment.build_train_input()


def _seconds(batches: tf.data.Dataset) -> float:
    """Of a processor, to make all of them."""
    started = time.process_time()
    for _ in batches:
        pass
    return time.process_time() - started


def _rate(data: InputPipeline, count: int, size: int) -> float:
    """Images a second, when buffers are full and nothing else is done: the median of some runs."""
    batches = iter(data.train_dataset(0))
    for _ in range(count):
        next(batches)
    rates = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for _ in range(count):
            next(batches)
        rates.append(count * size / (time.perf_counter() - started))
    return statistics.median(rates)


def _encoded(record: bytes) -> bytes:
    content: bytes = tf.train.Example.FromString(record).features.feature["image/encoded"].bytes_list.value[0]
    return content
