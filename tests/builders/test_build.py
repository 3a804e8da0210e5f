# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Parts built from real configs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.evaluation import max_eval_images
from efficientdet.builders.input import build_preprocessor
from efficientdet.builders.losses import build_loss, build_target_assigner
from efficientdet.builders.model import backbone_variant, build_anchors, build_model
from efficientdet.builders.optimizer import build_optimizer
from efficientdet.builders.postprocessing import build_postprocess_settings
from efficientdet.builders.weights import load_start_weights
from efficientdet.config import PipelineConfig, load_config
from efficientdet.errors import CheckpointError, ConfigError
from efficientdet.losses import DetectionLoss, FocalLoss, SmoothL1Loss
from efficientdet.training import schedules
from tests.end_to_end.tiny import CONFIG, SIZE

# Anchors and parameters in use (all, trainable) of the models that TFOD builds from its zoo configs, counted there.
_TFOD = {
    0: (49104, 3_927_203, 3_880_067),
    1: (76725, 5_125_434, 5_062_298),
    2: (110484, 6_280_743, 6_208_119),
    3: (150381, 9_891_656, 9_787_336),
}


def _zoo(shared: Path, size: int) -> PipelineConfig:
    (path,) = (shared / "configs" / "tfod_zoo").glob(f"*_d{size}_*.config")
    return load_config(path)


@pytest.mark.parametrize("size", _TFOD)
def test_a_zoo_config_builds_the_published_model(shared: Path, size: int) -> None:
    config = _zoo(shared, size)
    anchors, parameters, trainable = _TFOD[size]
    model = build_model(config)
    assert len(build_anchors(config, build_preprocessor(config).input_size)) == anchors
    assert sum(variable.shape.num_elements() for variable in model.variables) == parameters
    assert sum(variable.shape.num_elements() for variable in model.trainable_variables) == trainable


def test_a_users_d3_config_builds_every_part(shared: Path) -> None:
    config = load_config(shared / "configs" / "d3_14_percent.config")
    assert backbone_variant(config) == "b3"
    preprocessor = build_preprocessor(config)
    assert preprocessor.input_size == (896, 896)
    assert build_target_assigner(config, build_anchors(config, (896, 896))).num_anchors == 150381
    assert build_loss(config) == DetectionLoss(FocalLoss(0.25, 1.5), SmoothL1Loss(1.0), 1.0, 1.0, True, True)
    settings = build_postprocess_settings(config, preprocessor.input_size)
    assert settings.nms.max_total_detections == 100
    assert settings.nms.iou_threshold == 0.5
    optimizer = build_optimizer(config)
    assert optimizer.learning_rate == schedules.CosineDecay(
        float(np.float32(0.01)),
        total_steps=600000,
        warmup_learning_rate=float(np.float32(0.001)),
        warmup_steps=2500,
        hold_base_rate_steps=0,
    )
    assert max_eval_images(config) is None
    assert max_eval_images(load_config(config.path, ["eval_config { num_examples: 1 }"])) == 1


def test_lite_models_take_their_own_normalization_and_strides() -> None:
    config = load_config(CONFIG)
    inputs, _ = build_preprocessor(config)(tf.fill([320, 320, 3], 255.0))
    assert float(inputs[0, 0, 0]) == 1.0  # (255 - 127) / 128
    assert len(build_anchors(config, (320, 320))) == 9 * (40**2 + 20**2 + 10**2 + 5**2 + 3**2)


def test_a_seed_decides_the_initial_weights() -> None:
    config = load_config(CONFIG, [SIZE])
    first, same, other = (build_model(config, seed=seed).trainable_variables[0].numpy() for seed in (1, 1, 2))
    assert (first == same).all()
    assert (first != other).any()


@pytest.mark.parametrize(
    ("source", "kind", "error", "rule"),
    [
        (
            "efficientnet-lite1",
            "classification",
            ConfigError,
            "must be 'efficientnet-lite0', the backbone of this model",
        ),
        ("efficientnet-lite0", "full", ConfigError, 'must be "classification" for an ImageNet backbone'),
        ("/nowhere/ckpt-1", "full", CheckpointError, "/nowhere/ckpt-1 is not a checkpoint"),
    ],
)
def test_start_weights_that_cannot_be(source: str, kind: str, error: type[Exception], rule: str) -> None:
    override = f'train_config {{ fine_tune_checkpoint: "{source}" fine_tune_checkpoint_type: "{kind}" }}'
    config = load_config(CONFIG, [SIZE, override])
    with pytest.raises(error, match=rule):
        load_start_weights(config, build_model(config))
