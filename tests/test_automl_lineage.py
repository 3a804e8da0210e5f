# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the lineage AUTOML makes of the configs of google/automl's models: its numbers, written down by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from efficientdet.config import load_config
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from efficientdet.protos.ssd_pb2 import Ssd
from tests.message_fields import differing_fields, field_value

_PIPELINES = Path(__file__).resolve().parents[1] / "pipelines"

_D0 = """
num_classes: 90
add_background_class: false
encode_background_as_zeros: true
clip_truth_to_last_pixel: true
freeze_batchnorm_scope: WHOLE_MODEL
normalize_loss_by_num_matches: true
normalize_loc_loss_by_codesize: true
loss_normalizer: MATCHES_PLUS_ONE
image_resizer {
  keep_aspect_ratio_resizer {
    min_dimension: 512 max_dimension: 512 pad_to_max_dimension: true half_pixel_centers: true truncate_size: true
  }
}
feature_extractor {
  type: "ssd_efficientnet-b0_bifpn_keras"
  survival_probability: 1
  endpoints: LAST_BLOCK
  normalization { mean: [123.675, 116.28, 103.53] stddev: [58.395, 57.12, 57.375] }
  backbone_regularization { weight: 4e-5 depthwise_kernels: true squeeze_excite_biases: false }
  bifpn { num_iterations: 3 num_filters: 64 combine_method: "fast_attention" }
  conv_hyperparams {
    activation: SWISH
    force_use_bias: true
    regularizer { l2_regularizer { weight: 4e-5 } }
    initializer { variance_scaling_initializer { factor: 1 mode: FAN_AVG uniform: true } }
    batch_norm { scale: true decay: 0.99 epsilon: 1e-3 }
  }
}
box_predictor {
  weight_shared_convolutional_box_predictor {
    depth: 64
    num_layers_before_predictor: 3
    kernel_size: 3
    use_depthwise: true
    class_prediction_bias_init: -4.59511985
    apply_conv_hyperparams_to_heads: true
    apply_conv_hyperparams_pointwise: true
    conv_hyperparams {
      activation: SWISH
      force_use_bias: true
      regularizer { l2_regularizer { weight: 4e-5 } }
      initializer { variance_scaling_initializer { factor: 1 mode: FAN_IN uniform: false } }
      batch_norm { scale: true decay: 0.99 epsilon: 1e-3 }
    }
  }
}
anchor_generator {
  multiscale_anchor_generator {
    max_level: 7
    anchor_scale: 4
    aspect_ratios: [1, 2, 0.5]
    scales_per_octave: 3
    anchor_order: SCALE_MAJOR
    stride_rule: EXACT
  }
}
box_coder { faster_rcnn_box_coder { y_scale: 1 x_scale: 1 height_scale: 1 width_scale: 1 } }
matcher { argmax_matcher { matched_threshold: 0.5 unmatched_threshold: 0.5 force_match_for_each_row: true } }
similarity_calculator { iou_similarity {} }
loss {
  classification_loss { weighted_sigmoid_focal { alpha: 0.25 gamma: 1.5 } }
  localization_loss { weighted_smooth_l1 { delta: 0.1 mask: NONZERO_TARGETS } }
  classification_weight: 1
  localization_weight: 50
}
post_processing {
  score_converter: SIGMOID
  batch_non_max_suppression {
    score_threshold: 1e-3
    iou_threshold: 1
    soft_nms_sigma: 0.25
    max_detections_per_class: 100
    max_total_detections: 100
    candidates: ALL_PAIRS
    max_candidates: 5000
    clip_window: INPUT
  }
}
"""


def _automl(name: str, *overrides: str) -> TrainEvalPipelineConfig:
    return load_config(_PIPELINES / f"automl_{name}_coco.config", overrides).proto


def test_automls_d0() -> None:
    proto = _automl("d0")
    assert proto.model.ssd == text_format.Parse(_D0, Ssd())
    train = proto.train_config
    assert (train.gradient_clipping_by_tensor_norm, train.gradient_clipping_by_norm) == (10, 10)
    assert train.optimizer.use_moving_average
    assert train.optimizer.moving_average_decay == pytest.approx(0.9998)
    schedule = train.optimizer.momentum_optimizer.learning_rate.cosine_decay_learning_rate
    assert field_value(schedule, "phase") == "FROM_START"
    padding = train.data_augmentation_options[1].random_scale_crop_and_pad_to_square
    assert list(padding.pad_value) == pytest.approx([123.675, 116.28, 103.53])
    assert padding.half_pixel_centers
    assert proto.train_input_reader.skip_crowd
    assert not proto.eval_input_reader[0].HasField("skip_crowd")
    assert proto.eval_config.use_moving_averages


@pytest.mark.parametrize(
    ("name", "differences"),
    [
        (
            "lite0",
            {
                "feature_extractor.survival_probability": 0.8,
                "feature_extractor.conv_hyperparams.activation": "RELU_6",
                "feature_extractor.bifpn.combine_method": "sum",
                "feature_extractor.normalization.mean": [127, 127, 127],
                "feature_extractor.normalization.stddev": [128, 128, 128],
                "box_predictor.weight_shared_convolutional_box_predictor.conv_hyperparams.activation": "RELU_6",
                "anchor_generator.multiscale_anchor_generator.anchor_scale": 3,
                "image_resizer.keep_aspect_ratio_resizer.min_dimension": 320,
                "image_resizer.keep_aspect_ratio_resizer.max_dimension": 320,
                "feature_extractor.type": "ssd_efficientnet-lite0_bifpn_keras",
            },
        ),
        (
            "d7x",
            {
                "feature_extractor.survival_probability": 0.8,
                "feature_extractor.bifpn.combine_method": "sum",
                "feature_extractor.bifpn.num_iterations": 8,
                "feature_extractor.bifpn.num_filters": 384,
                "feature_extractor.bifpn.max_level": 8,
                "box_predictor.weight_shared_convolutional_box_predictor.depth": 384,
                "box_predictor.weight_shared_convolutional_box_predictor.num_layers_before_predictor": 5,
                "anchor_generator.multiscale_anchor_generator.max_level": 8,
                "image_resizer.keep_aspect_ratio_resizer.min_dimension": 1536,
                "image_resizer.keep_aspect_ratio_resizer.max_dimension": 1536,
                "feature_extractor.type": "ssd_efficientnet-b7_bifpn_keras",
            },
        ),
    ],
)
def test_where_others_of_automl_differ_from_its_d0(name: str, differences: dict[str, Any]) -> None:
    ssd = _automl(name).model.ssd
    found = {path for path in differing_fields(ssd, text_format.Parse(_D0, Ssd())) if "[" not in path}
    assert found == set(differences)
    for path, value in differences.items():
        assert field_value(ssd, path) == (pytest.approx(value) if isinstance(value, float) else value), path


def test_lites_of_automl_pad_training_pictures_with_their_mean() -> None:
    padding = _automl("lite0").train_config.data_augmentation_options[1].random_scale_crop_and_pad_to_square
    assert list(padding.pad_value) == [127, 127, 127]
