# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Parts built from real configs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.builders.anchors import build_anchors
from efficientdet.builders.augmentation import AUGMENTATIONS
from efficientdet.builders.evaluation import max_eval_images
from efficientdet.builders.input import build_preprocessor, build_resizer
from efficientdet.builders.losses import build_loss
from efficientdet.builders.model import backbone_variant, build_model
from efficientdet.builders.optimizer import build_optimizer
from efficientdet.builders.postprocessing import build_postprocess_settings
from efficientdet.builders.targets import build_target_assigner
from efficientdet.builders.weights import load_start_weights
from efficientdet.config import PipelineConfig, load_config
from efficientdet.data.preprocessing import KeepAspectRatio
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
    anchors = build_anchors(config, (896, 896))
    assert build_target_assigner(config, anchors).num_anchors == 150381
    expected = DetectionLoss(FocalLoss(0.25, 1.5, closed_form=True), SmoothL1Loss(1.0), 1.0, 1.0, True, True)
    assert build_loss(config, anchors, (896, 896)) == expected
    settings = build_postprocess_settings(config, preprocessor.input_size)
    assert settings.nms.max_total_detections == 100
    assert settings.nms.iou_threshold == 0.5
    optimizer = build_optimizer(config, keras.Model())
    assert optimizer.learning_rate == schedules.CosineDecay(
        float(np.float32(0.01)),
        total_steps=600000,
        warmup_learning_rate=float(np.float32(0.001)),
        warmup_steps=2500,
        hold_base_rate_steps=0,
        phase="after_warmup",
    )
    assert max_eval_images(config) is None
    assert max_eval_images(load_config(config.path, ["eval_config { num_examples: 1 }"])) == 1


def test_lite_models_take_their_own_normalization_and_strides() -> None:
    config = load_config(CONFIG)
    inputs, _ = build_preprocessor(config)(tf.fill([320, 320, 3], 255.0))
    assert float(inputs[0, 0, 0]) == 1.0  # (255 - 127) / 128
    assert len(build_anchors(config, (320, 320))) == 9 * (40**2 + 20**2 + 10**2 + 5**2 + 3**2)


_AUTOML_D0 = CONFIG.with_name("automl_d0_coco.config")
_POLYNOMIAL = """
train_config { optimizer { adam_optimizer { learning_rate { polynomial_decay_learning_rate {
  learning_rate_base: 0.5 total_steps: 100 power: 2 warmup_learning_rate: 0.25 warmup_steps: 10
} } } } }
"""


def test_what_automl_trains_with() -> None:
    config = load_config(_AUTOML_D0, ["train_config { seed: 1 }"])
    anchors = build_anchors(config, (512, 512))
    loss = build_loss(config, anchors, (512, 512))
    assert loss.classification == FocalLoss(0.25, 1.5, 0.0, closed_form=True)
    assert loss.localization == SmoothL1Loss(pytest.approx(0.1), "nonzero_targets")
    assert (loss.classification_weight, loss.localization_weight) == (1, 50)
    assert (loss.normalize_by_matches, loss.normalize_loc_by_codesize) == (True, True)
    assert (loss.normalizer_rule, loss.iou) == ("plus_one", None)
    assert build_optimizer(config, keras.Model()).learning_rate == schedules.CosineDecay(
        float(np.float32(0.16)),
        total_steps=277_200,
        warmup_learning_rate=float(np.float32(0.008)),
        warmup_steps=924,
        hold_base_rate_steps=0,
        phase="from_start",
    )


def test_an_iou_loss_takes_its_anchors_in_pixels() -> None:
    config = load_config(_AUTOML_D0, ["model { ssd { loss { iou_loss { kind: GIOU weight: 0.5 } } } }"])
    anchors = np.array([[0.25, 0.125, 0.5, 1.0]], np.float32)
    loss = build_loss(config, anchors, (512, 256))
    assert loss.iou is not None
    assert (loss.iou.kind, loss.iou_weight) == ("giou", 0.5)
    assert loss.iou.coder == (1, 1, 1, 1)
    np.testing.assert_array_equal(loss.iou.anchors, [[128, 32, 256, 256]])
    assert loss.iou.anchors.dtype == np.float32


def test_automl_clips_the_truth_to_the_last_pixel_and_tfod_does_not() -> None:
    anchors = np.array([[0.5, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 0.5]], np.float32)
    beyond = tf.constant([[0.5, 0.5, 1.0, 1.0], [511.5 / 512, 0.5, 1.0, 1.0]])
    codes = []
    for override in ("", "model { ssd { clip_truth_to_last_pixel: false } }"):
        assigner = build_target_assigner(load_config(_AUTOML_D0, [override]), anchors)
        codes.append(assigner(beyond, tf.constant([0, 1]), tf.ones([2])).box_codes[0].numpy())
    # From 256 to 511 of 512 pixels: half a pixel up and left, log(255 / 256) in size.
    np.testing.assert_allclose(codes[0], [-0.5 / 256, -0.5 / 256, np.log(255 / 256), np.log(255 / 256)], atol=1e-6)
    np.testing.assert_allclose(codes[1], [0, 0, 0, 0], atol=1e-6)


def test_automls_pictures() -> None:
    config = load_config(_AUTOML_D0)
    resizer = build_resizer(config)
    assert resizer == KeepAspectRatio(512, 512, (0, 0, 0), half_pixel_centers=True, truncate_size=True)
    flip, scale = (
        AUGMENTATIONS[step.WhichOneof("preprocessing_step")](getattr(step, step.WhichOneof("preprocessing_step")))
        for step in config.proto.train_config.data_augmentation_options
    )
    assert flip.keywords == {"probability": 0.5}
    assert scale.keywords == {
        "output_size": 512,
        "scale_min": pytest.approx(0.1),
        "scale_max": 2.0,
        "pad_value": pytest.approx((123.675, 116.28, 103.53)),
        "half_pixel_centers": True,
    }


def test_automls_decay_reaches_every_kernel_and_no_bias() -> None:
    small = "model { ssd { feature_extractor { bifpn { num_filters: 8 num_iterations: 1 } } } }"
    model = build_model(load_config(_AUTOML_D0, [small]))
    kernels = [variable for variable in model.trainable_weights if "kernel" in variable.name]
    expected = 4e-5 * sum(float(tf.nn.l2_loss(kernel)) for kernel in kernels)
    assert float(model.regularization_loss()) == pytest.approx(expected, rel=1e-4)


def test_a_polynomial_rate() -> None:
    rate = build_optimizer(load_config(_AUTOML_D0, [_POLYNOMIAL]), keras.Model()).learning_rate
    assert rate == schedules.PolynomialDecay(0.5, 100, power=2.0, warmup_learning_rate=0.25, warmup_steps=10)
    assert [float(rate(step)) for step in (0, 50, 100)] == pytest.approx([0.25, 0.125, 0.0])


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
        ("/nowhere/ckpt-1", "full", CheckpointError, "/nowhere/ckpt-1 does not exist"),
    ],
)
def test_start_weights_that_cannot_be(source: str, kind: str, error: type[Exception], rule: str) -> None:
    override = f'train_config {{ fine_tune_checkpoint: "{source}" fine_tune_checkpoint_type: "{kind}" }}'
    config = load_config(CONFIG, [SIZE, override])
    with pytest.raises(error, match=rule):
        load_start_weights(config, build_model(config))
