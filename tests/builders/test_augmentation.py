# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Every augmentation as its message builds it: it runs anywhere, its seed decides, and rows stay together."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from efficientdet.builders.augmentation import AUGMENTATIONS, build_augmentations
from efficientdet.data.augmentation_chain import Augmentation
from efficientdet.data.augmentations.mixing import Mixing
from efficientdet.data.record_order import plain
from efficientdet.protos.preprocessor_pb2 import PreprocessingStep
from tests.data.augmentations.examples import assert_same, make_example

_BOXES = ((0.0, 0.0, 0.5, 0.5), (0.2, 0.1, 0.9, 1.0), (0.6, 0.6, 0.8, 0.7))
_OPERATION = "min_object_covered: .5 min_area: .3 max_area: .9 overlap_thresh: .2 random_coef: .1"
_SHAPED = f"{_OPERATION} min_aspect_ratio: .8 max_aspect_ratio: 1.2"
_SET = [
    *(f"{kind} {{}}" for kind in AUGMENTATIONS),
    "random_distort_color { color_ordering: 1 }",
    "random_jitter_boxes { jitter_mode: SHRINK_SYMMETRIC }",
    "random_jitter_boxes { jitter_mode: EXPAND_SYMMETRIC_XY ratio: 0.9 }",
    "drop_label_probabilistically { label: 2 drop_probability: .5 }",
    "remap_labels { original_labels: [1, 3] new_label: 2 }",
    "random_pad_image { min_image_height: 25 min_image_width: 50 max_image_height: 60 max_image_width: 60 }",
    "random_absolute_pad_image { max_height_padding: 9 max_width_padding: 5 pad_color: [1, 2, 3] }",
    "random_crop_image { random_coef: .5 clip_boxes: false }",
    "random_crop_pad_image { min_padded_size_ratio: [1, 1] max_padded_size_ratio: [1.5, 3] pad_color: [1, 2, 3] }",
    f"ssd_random_crop {{ operations {{ {_SHAPED} }} operations {{ {_SHAPED} clip_boxes: false }} }}",
    f"ssd_random_crop_pad {{ operations {{ {_SHAPED} max_padded_size_ratio: [3, 3] pad_color_g: 9 }} }}",
    f"ssd_random_crop_fixed_aspect_ratio {{ aspect_ratio: 1.5 operations {{ {_OPERATION} }} }}",
    f"ssd_random_crop_pad_fixed_aspect_ratio {{ aspect_ratio: .5 operations {{ {_SHAPED} }} }}",
    "random_grid_mask { probability: 1 max_rotation: 45 color: [9, 8, 7] }",
    "random_min_iou_crop { min_ious: [0, 0.2] max_attempts: 5 }",
    "random_zoom_out { probability: 1 max_ratio: 2.5 color: [1, 2, 3] }",
    "random_photometric_distort { probability: 1 max_hue_delta: .5 }",
    "random_mix_up { probability: 1 }",
    "random_mosaic { probability: 1 output_size: 24 min_box_share: 0 }",
]  # fmt: skip


def _augmentation(text: str) -> Augmentation:
    """What `text` builds; a picture that it mixes is mixed with itself."""
    (built,) = build_augmentations([text_format.Parse(text, PreprocessingStep())])
    if isinstance(built, Mixing):
        return lambda example, seed: built(example, [lambda: example] * built.num_partners, seed)
    return built


@pytest.mark.slow  # the same steps run alone, 20 draws each, in tests/data/augmentations/test_properties.py
@pytest.mark.parametrize("text", _SET)
def test_it_runs_alone_and_inside_tf_data_alike(text: str) -> None:
    augment = _augmentation(text)
    for example in (make_example(20, 30, _BOXES), make_example(33, 11, ())):
        seeds = np.int32([(1, i) for i in range(4)])
        inside = tf.data.Dataset.from_tensor_slices(seeds).map(plain(functools.partial(augment, example)))
        for seed, element in zip(seeds, inside, strict=True):
            alone = augment(example, tf.constant(seed))
            assert alone.image.dtype in (tf.uint8, tf.float32)
            assert alone.image.shape.rank == 3
            assert 0 <= np.min(alone.image) <= np.max(alone.image) <= 255.001
            for left, right in zip(alone, element, strict=True):
                if left.dtype == tf.float32:  # fused or not, sums differ in the last bits
                    np.testing.assert_allclose(left, right, rtol=1e-6, atol=1e-4)
                else:
                    np.testing.assert_array_equal(left, right)
            assert_same(augment(example, tf.constant(seed)), alone)


@pytest.mark.parametrize("text", _SET)
def test_what_belongs_to_a_box_stays_with_it(text: str) -> None:
    augment = _augmentation(text)
    for i in range(4):
        result = augment(make_example(20, 30, _BOXES), tf.constant([3, i]))
        rows = result.areas.numpy() - 10  # of the boxes as they were
        assert len({values.shape[0] for values in result.box_fields().values()}) == 1
        np.testing.assert_array_equal(result.is_difficult, rows > 0)
        if "remap" not in text:
            np.testing.assert_array_equal(result.classes, rows)
        assert (result.boxes.numpy()[:, 2:] >= result.boxes.numpy()[:, :2]).all()
        if "clip_boxes: false" not in text:
            assert ((result.boxes.numpy() > -1e-6) & (result.boxes.numpy() < 1 + 1e-6)).all()
        assert (result.source_id, list(result.original_size)) == (b"x", [20, 30])


@pytest.mark.parametrize("text", _SET)
def test_it_takes_pictures_of_any_size_known_or_not(text: str) -> None:
    augment = _augmentation(text)
    for height, width in ((1, 1), (2, 17), (40, 3)):
        example = make_example(height, width, ((0.0, 0.0, 1.0, 1.0), (0.5, 0.5, 0.5, 0.5)))
        assert min(augment(example, tf.constant([0, height])).image.shape) >= 1
    known = make_example(4, 4)
    unknown = known.map_boxes(lambda values: tf.TensorSpec([None, *values.shape[1:]], values.dtype))
    unknown = unknown._replace(
        image=tf.TensorSpec([None, None, 3], tf.uint8),
        source_id=tf.TensorSpec([], tf.string),
        original_size=tf.TensorSpec([2], tf.int32),
    )
    graph = tf.function(lambda example: augment(example, tf.constant([1, 2])), autograph=False)
    outputs = graph.get_concrete_function(unknown).structured_outputs
    assert outputs.image.shape[-1] == 3
    assert outputs.boxes.shape[-1] == 4


@pytest.mark.slow
@pytest.mark.parametrize("text", _SET)
def test_no_op_in_it_has_a_state(text: str) -> None:
    from tensorflow.python.framework import op_def_registry

    augment = _augmentation(text)
    draw = plain(lambda i: augment(make_example(8, 8), tf.stack([0, tf.cast(i, tf.int32)])))
    dataset = tf.data.Dataset.range(2).map(draw)
    graph = tf.compat.v1.GraphDef.FromString(dataset._as_serialized_graph().numpy())
    ops = {node.op for function in graph.library.function for node in function.node_def}
    definitions: list[Any] = [op_def_registry.get(op) for op in ops]
    stateful = {definition.name for definition in definitions if definition is not None and definition.is_stateful}
    assert stateful <= {"If", "PartitionedCall", "StatefulPartitionedCall", "TensorDataset", "RangeDataset"}


def test_another_seed_gives_another_picture() -> None:
    drawing = [text for text in _SET if text.endswith("{}") and not text.startswith(("rgb", "adjust", "drop", "remap"))]
    same = set()
    for text in drawing:
        augment = _augmentation(text)
        results = [augment(make_example(20, 30, _BOXES), tf.constant([5, i])) for i in range(12)]
        pictures = {(result.image.numpy().tobytes(), result.boxes.numpy().tobytes()) for result in results}
        if len(pictures) == 1:
            same.add(text)
    # By default nothing is padded, and a picture of 600 pixels is smaller than any target.
    assert same == {"random_absolute_pad_image {}", "random_downscale_to_target_pixels {}"}


@pytest.mark.slow  # tracing them
def test_all_of_them_in_a_row() -> None:
    augmentations = [_augmentation(text) for text in reversed(_SET) if text.endswith("{}")]  # each kind once

    def augment(seed: tf.Tensor) -> Any:
        example = make_example(20, 30, _BOXES)
        for i, augmentation in enumerate(augmentations):
            example = augmentation(example, seed + i)
        return example

    examples = tf.data.Dataset.from_tensor_slices(np.int32([(1, 2), (3, 4)])).map(plain(augment))
    for one, other in zip(examples, examples, strict=True):
        assert_same(one, other)
        assert one.image.shape[-1] == 3
        assert np.isfinite(one.image).all()
        assert np.isfinite(one.boxes).all()
