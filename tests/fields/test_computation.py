# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the fields of `train_config` do that say how a network is computed in training."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf

from efficientdet.builders.model import build_model, build_training_model
from efficientdet.errors import ConfigError
from tests.end_to_end.tiny import CONFIG, SIZE
from tests.fields.rows import SSD300, config, field, parameters, train

_PRECISION = field("TrainConfig.precision")
_RECOMPUTE = field("TrainConfig.recompute")

# Of 1 + 2^-9 + 2^-12, float16 keeps ten binary places, bfloat16 seven.
_VALUE = 1 + 2**-9 + 2**-12
_ROWS: list[tuple[Any, ...]] = [
    (_PRECISION, "", _VALUE),
    (_PRECISION, "precision: FLOAT32", _VALUE),
    (_PRECISION, "precision: FLOAT16", 1 + 2**-9),
    (_PRECISION, "precision: BFLOAT16", 1.0),
    (_PRECISION, "use_bfloat16: true", _VALUE),  # TFOD's, which means TPUs
]


@pytest.mark.parametrize(("text", "expected"), parameters(_ROWS))
def test_what_a_training_computes_in(text: str, expected: float) -> None:
    model = build_training_model(config(CONFIG, SIZE, *train("seed: 1", text)))
    model.backbone.stem.kernel.assign(tf.ones_like(model.backbone.stem.kernel))
    x = tf.reshape([_VALUE, 0.0, 0.0], [1, 1, 1, 3])
    assert float(model.backbone.stem(x)[0, 0, 0, 0]) == expected
    assert {variable.dtype for variable in model.variables} == {tf.float32}


@_PRECISION
def test_what_others_compute_in() -> None:
    model = build_model(config(CONFIG, SIZE, *train("seed: 1 precision: BFLOAT16 recompute: HEADS")))
    assert model.backbone.stem.compute_dtype == "float32"
    assert not model.heads.recompute


# Lite0 has a stem and 1, 2, 2, 3, 3, 4, 1 blocks in its stacks, of which the first three have a stride up to 8.
_PART_ROWS: list[tuple[str, tuple[int, bool, bool]]] = [
    ("", (0, False, False)),
    ("recompute: FIRST_STAGES", (1 + 5, False, False)),
    ("recompute: BACKBONE", (1 + 16, False, False)),
    ("recompute: [BACKBONE, FIRST_STAGES]", (1 + 16, False, False)),
    ("recompute: PYRAMID", (0, True, False)),
    ("recompute: [HEADS, FIRST_STAGES, HEADS]", (1 + 5, False, True)),
]


@pytest.mark.parametrize(("text", "expected"), parameters((_RECOMPUTE, *row) for row in _PART_ROWS))
def test_what_is_computed_twice(text: str, expected: tuple[int, bool, bool]) -> None:
    model = build_training_model(config(CONFIG, SIZE, *train("seed: 1", text)))
    num_blocks = sum(stride <= model.backbone.recompute_stride for stride in model.backbone._strides)
    assert (num_blocks, model.fpn.recompute, model.heads.recompute) == expected


# Kernels of ours keep inputs in the same way.
_EVERYTHING = "seed: 1 recompute: [BACKBONE, PYRAMID, HEADS] kernels { depthwise: PLAIN }"


@_RECOMPUTE
def test_all_parts_are_computed_twice() -> None:
    model = build_training_model(config(CONFIG, SIZE, *train(_EVERYTHING)))
    call = tf.function(lambda x: model(x, training=True, seed=tf.constant([1, 2])), autograph=False)
    graph = call.get_concrete_function(tf.TensorSpec([1, 64, 64, 3])).graph
    # Where inputs are kept: at the stem, 16 blocks, one cell, and one layer of each head.
    assert [op.type for op in graph.get_operations()].count("IdentityN") == 1 + 16 + 1 + 2


@_RECOMPUTE
def test_a_network_without_a_pyramid() -> None:
    config(SSD300, *train("recompute: [BACKBONE, HEADS]"))
    with pytest.raises(ConfigError, match=r"must be without PYRAMID: ssd_vgg16_keras has no"):
        config(SSD300, *train("recompute: [HEADS, PYRAMID]"))
