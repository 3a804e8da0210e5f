# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a lineage fills in, and what it leaves alone. The numbers of google/automl are in test_automl_lineage.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format

from efficientdet.config import format_config, load_config, parse_config
from efficientdet.errors import ConfigError
from efficientdet.protos.optimizer_pb2 import Optimizer
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from tests.message_fields import field_value

_PIPELINES = Path(__file__).resolve().parents[1] / "pipelines"

# What TFOD's lineage adds to a whole config of an EfficientDet-D model.
_TFOD = """
lineage: TFOD
model { ssd {
  loss_normalizer: MATCHES_AT_LEAST_ONE
  clip_truth_to_last_pixel: false
  freeze_batchnorm_scope: PYRAMID_AND_HEADS
  image_resizer { keep_aspect_ratio_resizer { half_pixel_centers: false truncate_size: false } }
  feature_extractor {
    survival_probability: 0.8
    endpoints: B0_LAYER_NAMES
    normalization { mean: [123.675, 116.28, 103.53] stddev: [58.395, 57.12, 57.375] }
    backbone_regularization { weight: 1e-5 depthwise_kernels: false squeeze_excite_biases: true }
  }
  anchor_generator { multiscale_anchor_generator { anchor_order: ASPECT_MAJOR stride_rule: POWER_OF_TWO } }
  loss { localization_loss { weighted_smooth_l1 { mask: MATCHED_ANCHORS } } }
  post_processing { batch_non_max_suppression { candidates: ALL_PAIRS max_candidates: 0 clip_window: PICTURE } }
} }
train_config {
  gradient_clipping_by_tensor_norm: 0
  optimizer { momentum_optimizer { learning_rate { cosine_decay_learning_rate { phase: AFTER_WARMUP } } } }
}
train_input_reader { skip_crowd: false }
"""

_BARE = """
lineage: AUTOML
model { ssd {
  num_classes: 3
  image_resizer { keep_aspect_ratio_resizer { min_dimension: 128 max_dimension: 128 } }
  feature_extractor { type: "ssd_efficientnet-b0_bifpn_keras" bifpn { num_filters: 16 num_iterations: 1 } }
} }
"""

_HEAD = """
model { ssd { box_predictor { weight_shared_convolutional_box_predictor { num_layers_before_predictor: 1 } } } }
"""


def _zoo(shared: Path) -> list[Path]:
    return sorted((shared / "configs" / "tfod_zoo").glob("*.config"))


def test_tfod_adds_what_its_schema_lacks_and_nothing_else(shared: Path) -> None:
    paths = _zoo(shared)
    assert len(paths) == 8
    for path in paths:
        expected = text_format.Parse(path.read_text(), TrainEvalPipelineConfig())
        text_format.Merge(_TFOD, expected)
        pyramid = expected.model.ssd.feature_extractor.bifpn
        pyramid.combine_method = pyramid.combine_method  # the schema's default, set
        padding = expected.train_config.data_augmentation_options[1].random_scale_crop_and_pad_to_square
        padding.pad_value.extend([0, 0, 0])
        padding.half_pixel_centers = False
        assert load_config(path).proto == expected


def test_tfod_makes_up_no_message_of_its_schema() -> None:
    proto = parse_config("eval_config {}", "x").proto
    assert proto == text_format.Parse("lineage: TFOD eval_config {}", TrainEvalPipelineConfig())
    errors = "model.ssd.(loss|post_processing|anchor_generator) must be set"
    with pytest.raises(ConfigError, match=errors):
        parse_config(_BARE.replace("AUTOML", "TFOD"), "x")


def test_tfods_lites_take_what_their_weights_need(shared: Path) -> None:
    override = "model { ssd { feature_extractor { type: 'ssd_efficientnet-lite0_bifpn_keras' } } }"
    ssd = load_config(_zoo(shared)[0], [override]).proto.model.ssd
    extractor, anchors = ssd.feature_extractor, ssd.anchor_generator.multiscale_anchor_generator
    assert field_value(extractor, "endpoints") == "LAST_BLOCK"
    assert list(extractor.normalization.mean) == [127, 127, 127]
    assert list(extractor.normalization.stddev) == [128, 128, 128]
    assert extractor.bifpn.combine_method == "sum"
    assert extractor.survival_probability == pytest.approx(0.8)
    assert (field_value(anchors, "anchor_order"), field_value(anchors, "stride_rule")) == ("ASPECT_MAJOR", "EXACT")
    assert field_value(ssd, "loss_normalizer") == "MATCHES_AT_LEAST_ONE"


def test_what_a_config_says_wins() -> None:
    override = """
      model { ssd {
        image_resizer { keep_aspect_ratio_resizer { truncate_size: false } }
        feature_extractor {
          survival_probability: 0.5
          normalization { mean: [1, 2, 3] }
          backbone_regularization { weight: 0 }
          bifpn { combine_method: "weighted_sum" }
          conv_hyperparams { initializer { random_normal_initializer { stddev: 0.1 } } activation: RELU }
        }
        box_predictor { weight_shared_convolutional_box_predictor { depth: 32 num_layers_before_predictor: 1 } }
        loss { localization_loss { weighted_smooth_l1 { mask: MATCHED_ANCHORS } } localization_weight: 2 }
        anchor_generator { multiscale_anchor_generator { anchor_order: ASPECT_MAJOR aspect_ratios: 1 } }
        post_processing { batch_non_max_suppression { soft_nms_sigma: 0 iou_threshold: 0.5 max_candidates: 0 } }
      } }
      train_config {
        gradient_clipping_by_norm: 0
        optimizer { adam_optimizer { learning_rate { cosine_decay_learning_rate { phase: AFTER_WARMUP } } } }
        data_augmentation_options { random_scale_crop_and_pad_to_square { pad_value: [9, 9, 9] } }
      }
      train_input_reader { tf_record_input_reader {} skip_crowd: false }
      eval_config { use_moving_averages: false }
    """
    proto = parse_config(_BARE, "x", [override]).proto
    ssd, train = proto.model.ssd, proto.train_config
    extractor = ssd.feature_extractor
    assert extractor.conv_hyperparams.initializer == text_format.Parse(
        "random_normal_initializer { stddev: 0.1 }", type(extractor.conv_hyperparams.initializer)()
    )
    assert field_value(extractor, "conv_hyperparams.activation") == "RELU"
    assert extractor.conv_hyperparams.batch_norm.decay == pytest.approx(0.99)
    assert extractor.survival_probability == 0.5
    assert list(extractor.normalization.mean) == [1, 2, 3]
    assert extractor.normalization.stddev[0] == pytest.approx(58.395)
    assert extractor.backbone_regularization.weight == 0
    assert extractor.backbone_regularization.depthwise_kernels
    assert extractor.bifpn.combine_method == "weighted_sum"
    assert not ssd.image_resizer.keep_aspect_ratio_resizer.truncate_size
    assert ssd.image_resizer.keep_aspect_ratio_resizer.half_pixel_centers
    assert ssd.box_predictor.weight_shared_convolutional_box_predictor.depth == 32
    assert field_value(ssd, "loss.localization_loss.weighted_smooth_l1.mask") == "MATCHED_ANCHORS"
    assert ssd.loss.localization_weight == 2
    assert list(ssd.anchor_generator.multiscale_anchor_generator.aspect_ratios) == [1]
    suppression = ssd.post_processing.batch_non_max_suppression
    assert (suppression.soft_nms_sigma, suppression.iou_threshold, suppression.max_candidates) == (0, 0.5, 0)
    assert (train.gradient_clipping_by_norm, train.gradient_clipping_by_tensor_norm) == (0, 10)
    assert train.optimizer.WhichOneof("optimizer") == "adam_optimizer"
    assert (
        field_value(train, "optimizer.adam_optimizer.learning_rate.cosine_decay_learning_rate.phase") == "AFTER_WARMUP"
    )
    assert list(train.data_augmentation_options[0].random_scale_crop_and_pad_to_square.pad_value) == [9, 9, 9]
    assert not proto.train_input_reader.skip_crowd
    assert not proto.eval_config.use_moving_averages


def test_automl_makes_up_a_model_but_neither_its_input_nor_a_run() -> None:
    proto = parse_config(_BARE, "x", [_HEAD]).proto
    assert {field.name for field, _ in proto.ListFields()} == {"lineage", "model"}
    with pytest.raises(ConfigError, match=r"model\.ssd\.image_resizer must be set"):
        parse_config(_BARE.replace("image_resizer", "#"), "x", [_HEAD])
    assert not parse_config("lineage: AUTOML", "x").proto.HasField("model")
    train = parse_config("lineage: AUTOML train_config {}", "x").proto.train_config
    assert not train.HasField("optimizer")
    assert not train.data_augmentation_options


def test_automl_evaluates_averages_where_training_keeps_them() -> None:
    optimizer = "train_config { optimizer { adam_optimizer { learning_rate { constant_learning_rate {} } } %s } }"
    assert parse_config(f"lineage: AUTOML {optimizer % ''}", "x").proto.eval_config.use_moving_averages
    without = parse_config(f"lineage: AUTOML {optimizer % 'use_moving_average: false'}", "x").proto
    assert not without.HasField("eval_config")
    assert not parse_config("lineage: AUTOML eval_config {}", "x").proto.eval_config.use_moving_averages


def test_best_class_takes_the_place_of_automls_limit() -> None:
    override = "model { ssd { post_processing { batch_non_max_suppression { candidates: BEST_CLASS } } } }"
    suppression = parse_config(_BARE, "x", [_HEAD, override]).proto.model.ssd.post_processing.batch_non_max_suppression
    assert field_value(suppression, "candidates") == "BEST_CLASS"
    assert suppression.max_candidates == 0


@pytest.mark.parametrize("choice", ["soft_nms_sigma: 0", "use_hard_nms: true", "use_combined_nms: true"])
def test_hard_suppression_takes_automls_threshold(choice: str) -> None:
    override = f"model {{ ssd {{ post_processing {{ batch_non_max_suppression {{ {choice} }} }} }} }}"
    config = parse_config(_BARE, "x", [_HEAD, override])
    suppression = config.proto.model.ssd.post_processing.batch_non_max_suppression
    assert (suppression.soft_nms_sigma, suppression.iou_threshold) == (0, 0.5)


def test_a_threshold_that_soft_suppression_does_not_look_at_is_noted() -> None:
    override = "model { ssd { post_processing { batch_non_max_suppression { iou_threshold: 0.4 } } } }"
    notes = parse_config(_BARE, "x", [_HEAD, override]).notes
    assert any("iou_threshold (0.4): has no effect with soft_nms_sigma (0.25)" in note for note in notes)


def test_a_limit_per_class_is_noted_where_classes_do_not_count() -> None:
    given = "use_class_agnostic_nms: true max_detections_per_class: 20"
    override = f"model {{ ssd {{ post_processing {{ batch_non_max_suppression {{ {given} }} }} }} }}"
    notes = parse_config(_BARE, "x", [_HEAD, override]).notes
    assert any("max_detections_per_class (20): has no effect with use_class_agnostic_nms" in note for note in notes)


def test_tfods_class_agnostic_suppression_sees_an_anchor_once(shared: Path) -> None:
    override = "model { ssd { post_processing { batch_non_max_suppression { use_class_agnostic_nms: true } } } }"
    config = parse_config(_zoo(shared)[0].read_text(), "x", [override])
    suppression = config.proto.model.ssd.post_processing.batch_non_max_suppression
    assert field_value(suppression, "candidates") == "BEST_CLASS"


@pytest.mark.parametrize(("lineage", "expected"), [("TFOD", False), ("AUTOML", True)])
def test_a_stretched_picture_is_sampled_as_the_lineage_samples(shared: Path, lineage: str, expected: bool) -> None:
    text = _zoo(shared)[0].read_text().replace("pad_to_max_dimension: true", "")
    text = text.replace("keep_aspect_ratio_resizer", "fixed_shape_resizer")
    text = text.replace("min_dimension", "height").replace("max_dimension", "width")
    resizer = parse_config(text, "x", [f"lineage: {lineage}"]).proto.model.ssd.image_resizer.fixed_shape_resizer
    assert resizer.HasField("half_pixel_centers")
    assert resizer.half_pixel_centers == expected


@pytest.mark.parametrize("name", ["automl_d0", "automl_lite3x", "automl_d7x", "nvidia_d0", "tfod_d6"])
def test_the_resolved_text_reads_back_to_the_same_message(name: str) -> None:
    config = load_config(_PIPELINES / f"{name}_coco.config")
    again = parse_config(format_config(config), "again")
    assert again.proto == config.proto
    assert text_format.MessageToString(again.proto) == text_format.MessageToString(config.proto)


@pytest.mark.field("TrainEvalPipelineConfig.lineage", "CosineDecayLearningRate.phase")
@pytest.mark.parametrize("optimizer", [field.name for field in Optimizer.DESCRIPTOR.oneofs_by_name["optimizer"].fields])
@pytest.mark.parametrize(("lineage", "phase"), [("TFOD", "AFTER_WARMUP"), ("AUTOML", "FROM_START")])
def test_a_cosine_begins_where_the_lineage_says_under_every_optimizer(lineage: str, phase: str, optimizer: str) -> None:
    rate = "learning_rate { cosine_decay_learning_rate {} }"
    text = f"lineage: {lineage} train_config {{ optimizer {{ {optimizer} {{ {rate} }} }} }}"
    chosen = getattr(parse_config(text, "x").proto.train_config.optimizer, optimizer)
    assert field_value(chosen.learning_rate.cosine_decay_learning_rate, "phase") == phase
