# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A preview shows what training sees."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.augmentation_preview import build_augmentation_preview
from efficientdet.config import PipelineConfig, load_config
from efficientdet.data.pipeline import InputPipeline
from efficientdet.experiment import Experiment
from efficientdet.types import Batch
from tests.end_to_end.tiny import CONFIG, SIZE, data_override, draw_records

_PICTURES = 5
_TRAINING = "train_config { seed: 3 batch_size: 1 } train_input_reader { shuffle: true num_epochs: 2 }"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> PipelineConfig:
    folder = draw_records(tmp_path_factory.mktemp("records"), num_train=_PICTURES, num_val=1)
    return load_config(CONFIG, [SIZE, data_override(folder), _TRAINING])


def _by_name(data: InputPipeline, start: int) -> dict[bytes, Batch]:
    batches = data.train_dataset(start_batch=start).take(_PICTURES).as_numpy_iterator()
    return {batch.source_ids[0]: batch for batch in batches}


def test_the_draws_are_those_of_training(config: PipelineConfig) -> None:
    experiment = Experiment(config)
    training = experiment.build_train_input()
    preview = build_augmentation_preview(config, experiment.preprocessor, experiment.assigner)
    for epoch in (0, 1):
        seen, shown = (_by_name(data, epoch * _PICTURES) for data in (training, preview.augmented))
        assert len(seen) == _PICTURES
        assert seen.keys() == shown.keys()
        assert list(seen) != list(shown)  # training is shuffled, the preview is not
        for name, batch in seen.items():
            np.testing.assert_array_equal(shown[name].inputs, batch.inputs)
            np.testing.assert_array_equal(shown[name].ground_truth.boxes, batch.ground_truth.boxes)


def test_one_step_alone_keeps_its_draws(config: PipelineConfig) -> None:
    experiment = Experiment(config)
    preview = build_augmentation_preview(config, experiment.preprocessor, experiment.assigner, step=0)
    flipped, as_read = _by_name(preview.augmented, 0), _by_name(preview.as_read, 0)
    seeds = {name: tf.random.experimental.stateless_split(_seed(place), 2)[0] for place, name in enumerate(as_read)}
    for name, read in as_read.items():
        size, count = read.original_sizes[0], int(read.ground_truth.count[0])
        assert read.inputs.dtype == np.uint8
        assert read.inputs.shape[1:3] == tuple(size)
        boxes = read.ground_truth.boxes[0, :count].copy()
        if tf.random.stateless_uniform([], seeds[name]) < 0.5:
            boxes[:, [1, 3]] = 1 - boxes[:, [3, 1]]
        boxes *= np.tile(size / max(size), 2)  # in the square input, of 160 whole pixels
        np.testing.assert_allclose(flipped[name].ground_truth.boxes[0, :count], boxes, atol=1 / 160)


def _seed(index: int) -> tf.Tensor:
    """Of a record in the first epoch, where the config's seed is 3."""
    seed = tf.constant([3, 0])
    for value in (0, index):
        seed = tf.random.experimental.stateless_fold_in(seed, tf.constant(value, tf.int64))
    return seed
