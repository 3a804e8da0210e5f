# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from typing import Any

import pytest

from efficientdet import field_verdicts
from efficientdet.config import parse_config
from efficientdet.errors import ConfigError
from efficientdet.field_verdicts import message_name
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from efficientdet.verdicts import VERDICTS
from efficientdet.verdicts.kinds import Honoured, Refused


def _open_messages() -> dict[str, list[str]]:
    """Message name -> fields, for what can be reached through fields that are not refused."""
    found: dict[str, list[str]] = {}
    pending: list[Any] = [TrainEvalPipelineConfig.DESCRIPTOR]
    while pending:
        message = pending.pop()
        name = message.full_name.removeprefix("efficientdet.protos.")
        found[name] = [field.name for field in message.fields]
        for field in message.fields:
            refused = isinstance(VERDICTS.get(name, {}).get(field.name), Refused)
            inner = field.message_type
            if inner is not None and not refused and inner.full_name.removeprefix("efficientdet.protos.") not in found:
                pending.append(inner)
    return found


def test_the_registry_covers_the_schema_exactly() -> None:
    expected = {(message, field) for message, fields in _open_messages().items() for field in fields}
    registered = {(message, field) for message, fields in VERDICTS.items() for field in fields}
    assert expected - registered == set(), "fields without a verdict"
    assert registered - expected == set(), "verdicts on nothing"
    assert set(VERDICTS) == set(_open_messages())


def test_names_of_nested_messages() -> None:
    field = TrainEvalPipelineConfig.DESCRIPTOR.fields_by_name["model"]
    assert message_name(field) == "TrainEvalPipelineConfig"
    assert field_verdicts.verdict_of(field, VERDICTS) == Honoured()


def _ssd(inner: str) -> str:
    return f"model {{ ssd {{ {inner} }} }}"


def _head(inner: str) -> str:
    return _ssd(f"box_predictor {{ weight_shared_convolutional_box_predictor {{ {inner} }} }}")


def _train(inner: str) -> str:
    return f"train_config {{ {inner} }}"


def _suppress(inner: str) -> str:
    return _ssd(f"post_processing {{ batch_non_max_suppression {{ {inner} }} }}")


def _polynomial(inner: str) -> str:
    rate = f"learning_rate {{ polynomial_decay_learning_rate {{ {inner} }} }}"
    return _train(f"optimizer {{ momentum_optimizer {{ {rate} }} }}")


@pytest.fixture(scope="module")
def d0(shared: Any) -> str:
    return (shared / "configs/tfod_zoo/ssd_efficientdet_d0_512x512_coco17_tpu-8.config").read_text()


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (_ssd("num_classes: 0"), "model.ssd.num_classes (0) must be at least 1"),
        (_ssd("add_background_class: true"), "add_background_class (true) must be false"),
        (_ssd("encode_background_as_zeros: false"), "encode_background_as_zeros (false) must be true"),
        (_ssd("freeze_batchnorm: true"), "freeze_batchnorm (true) is not supported"),
        (_ssd("mask_head_config {}"), "mask_head_config is not supported"),
        (_ssd("image_resizer { identity_resizer {} }"), "image_resizer.identity_resizer is not supported"),
        (_ssd("image_resizer { keep_aspect_ratio_resizer { pad_to_max_dimension: false } }"), "(false) must be true"),
        (_ssd("image_resizer { keep_aspect_ratio_resizer { per_channel_pad_value: 1 } }"), "([1.0]) must have three"),
        (_ssd("image_resizer { keep_aspect_ratio_resizer { resize_method: AREA } }"), "(AREA) must be BILINEAR"),
        (_ssd("image_resizer { keep_aspect_ratio_resizer { min_dimension: 513 } }"), "at most max_dimension (512)"),
        (_ssd("image_resizer { fixed_shape_resizer { height: 0 } }"), "height (0) must be at least 1"),
        (_ssd("feature_extractor { type: 'ssd_resnet50_v1_fpn_keras' }"), "must be ssd_efficientnet-X_bifpn_keras"),
        (_ssd("feature_extractor { override_base_feature_extractor_hyperparams: true }"), "is not supported"),
        (_ssd("feature_extractor { survival_probability: 0 }"), "must be above 0 and at most 1"),
        (_ssd("feature_extractor { normalization { stddev: [1, 0, 1] } }"), "must be three positive values"),
        (_ssd("feature_extractor { bifpn { combine_method: 'max' } }"), "must be one of fast_attention, sum"),
        (
            _ssd("anchor_generator { multiscale_anchor_generator { max_level: 8 } }"),
            "equal feature_extractor.bifpn",
        ),
        (_ssd("feature_extractor { fpn {} }"), "feature_extractor.fpn is not supported"),
        (_head("conv_hyperparams { sync_batch_norm {} }"), "sync_batch_norm is not supported"),
        (_head("conv_hyperparams { batch_norm { train: false } }"), "train (false) must be true"),
        (_head("conv_hyperparams { batch_norm { decay: 1 } }"), "must be at least 0 and below 1"),
        (_head("conv_hyperparams { regularizer { l1_regularizer {} } }"), "l1_regularizer is not supported"),
        (_head("box_code_size: 5"), "box_code_size (5) must be 4"),
        (_head("use_dropout: true"), "use_dropout (true) is not supported"),
        (_head("box_encodings_clip_range { min: 1 max: -1 }"), "min (1.0) must be below max (-1)"),
        (_head("box_encodings_clip_range { min: 1 }"), "max (default 0.0) must be set"),
        (_head("class_prediction_bias_init: inf"), "(inf) must be a finite number"),
        (_ssd("box_coder { keypoint_box_coder { num_keypoints: 3 } }"), "keypoint_box_coder is not supported"),
        (_ssd("matcher { argmax_matcher { unmatched_threshold: 0.6 } }"), "(0.6) must be at most matched_threshold"),
        (_ssd("matcher { argmax_matcher { negatives_lower_than_unmatched: false } }"), "both thresholds are equal"),
        (_ssd("anchor_generator { multiscale_anchor_generator { aspect_ratios: [] } }"), "([]) must list at least one"),
        (_ssd("anchor_generator { multiscale_anchor_generator { normalize_coordinates: false } }"), "must be true"),
        (_ssd("post_processing { score_converter: SOFTMAX }"), "(SOFTMAX) must be SIGMOID or IDENTITY"),
        (_suppress("soft_nms_sigma: -.1"), "soft_nms_sigma (-0.1) must be at least 0"),
        (_suppress("soft_nms_sigma: inf"), "soft_nms_sigma (inf) must be at least 0"),
        (
            _suppress("use_class_agnostic_nms: true max_classes_per_detection: 2"),
            "max_classes_per_detection (2) must be 1: a detection has one class",
        ),
        (_suppress("change_coordinate_frame: false"), "must be true"),
        (_suppress("max_candidates: -1"), "max_candidates (-1) must be at least 0"),
        (
            _suppress("candidates: BEST_CLASS max_candidates: 5000"),
            "max_candidates (5000) must be 0 with candidates BEST_CLASS",
        ),
        (
            _suppress("use_combined_nms: true soft_nms_sigma: .5"),
            "(0.5) must be 0 with use_combined_nms",
        ),
        (_suppress("use_hard_nms: true soft_nms_sigma: .5"), "soft_nms_sigma (0.5) must be 0 with use_hard_nms"),
        (
            _suppress("use_combined_nms: true use_class_agnostic_nms: true"),
            "use_class_agnostic_nms (true) must be false with use_combined_nms",
        ),
        (_ssd("post_processing { calibration_config { sigmoid_calibration {} } }"), "calibration_config is not"),
        (_ssd("loss { hard_example_miner {} }"), "hard_example_miner is not supported"),
        (_ssd("loss { iou_loss { weight: -1 } }"), "model.ssd.loss.iou_loss.weight (-1.0) must be at least 0"),
        (
            _ssd("loss { classification_loss { weighted_sigmoid_focal { label_smoothing: 1 } } }"),
            "label_smoothing (1.0) must be at least 0 and below 1",
        ),
        (
            _ssd("feature_extractor { backbone_regularization { weight: nan } }"),
            "backbone_regularization.weight (nan) must be at least 0",
        ),
        (_ssd("loss { localization_loss { weighted_giou {} } }"), "weighted_giou is not supported"),
        (_ssd("loss { classification_loss { weighted_sigmoid {} } }"), "weighted_sigmoid is not supported"),
        (_train("update_trainable_variables: 'a'"), 'update_trainable_variables (["a"]) is not supported'),
        (_train("summarize_gradients: true"), "summarize_gradients (true) is not supported"),
        (
            _train("fine_tune_checkpoint_type: 'finetune'"),
            '("finetune") must be one of classification, detection, full, fine_tune',
        ),
        (_train("fine_tune_min_backbone_share: 0"), "(0.0) must be above 0 and at most 1"),
        (_train("fine_tune_min_backbone_share: 1.5"), "(1.5) must be above 0 and at most 1"),
        (_train("gradient_clipping_by_tensor_norm: -1"), "(-1.0) must be at least 0"),
        (_train("fine_tune_checkpoint_version: V1"), "fine_tune_checkpoint_version (V1) must be V2"),
        (_train("optimizer { momentum_optimizer { momentum_optimizer_value: nan } }"), "(nan) must be between 0 and 1"),
        (_train("data_augmentation_options [{ }]"), "needs one of random_horizontal_flip, random_pixel_value_scale, "),
        (_train("data_augmentation_options { autoaugment_image {} }"), "its policies are not built"),
        (
            _train("data_augmentation_options { random_scale_crop_and_pad_to_square { scale_min: 3 } }"),
            "scale_min (3.0) must be at most scale_max (2)",
        ),
        (
            _train(
                "optimizer { momentum_optimizer { learning_rate { manual_step_learning_rate {"
                " schedule { step: 5 } schedule { step: 5 } } } } }"
            ),
            "must have steps that rise from above 0, not 5, 5",
        ),
        (
            _train(
                "optimizer { momentum_optimizer { learning_rate { cosine_decay_learning_rate { total_steps: 9 } } } }"
            ),
            "total_steps (9) must be at least warmup_steps (2500) plus hold_base_rate_steps (0)",
        ),
        (
            _train(
                "optimizer { momentum_optimizer { learning_rate {"
                " cosine_decay_learning_rate { warmup_learning_rate: 0.5 } } } }"
            ),
            "warmup_learning_rate (0.5) must be at most learning_rate_base (0.08)",
        ),
        (
            _train("data_augmentation_options { random_scale_crop_and_pad_to_square { pad_value: [1, 2] } }"),
            "pad_value ([1.0, 2.0]) must have three values between 0 and 255, or none",
        ),
        (
            _train("data_augmentation_options { random_scale_crop_and_pad_to_square { pad_value: [0, 0, 256] } }"),
            "pad_value ([0.0, 0.0, 256.0]) must have three values between 0 and 255, or none",
        ),
        (_polynomial("total_steps: 9"), "total_steps (9) must be at least warmup_steps (10000)"),
        (_polynomial("warmup_learning_rate: .5"), "warmup_learning_rate (0.5) must be at most learning_rate_base"),
        (_polynomial("power: 0"), "power (0.0) must be positive"),
        ("train_input_reader { load_instance_masks: true }", "load_instance_masks (true) is not supported"),
        ("train_input_reader { input_type: TF_SEQUENCE_EXAMPLE }", "must be TF_EXAMPLE"),
        ("train_input_reader { num_prefetch_batches: -2 }", "num_prefetch_batches (-2) must be at least 0"),
        ("train_input_reader { external_input_reader {} }", "external_input_reader is not supported"),
        ("train_input_reader { sample_from_datasets_weights: 1 }", "sample_from_datasets_weights ([1.0]) is not"),
        ("eval_config { metrics_set: 'pascal_voc_detection_metrics' }", 'must be "coco_detection_metrics"'),
        ("eval_config { super_categories { key: 'a' value: 'b' } }", "super_categories is not supported"),
        ("eval_config { visualization_export_dir: 'x' }", 'visualization_export_dir ("x") is not supported'),
        ("eval_input_reader [{ tf_record_input_reader {} }, { tf_record_input_reader {} }]", "may be given once"),
        ("graph_rewriter { quantization { delay: 3 } }", "graph_rewriter is not supported"),
    ],
)
def test_what_is_not_honoured_is_an_error_at_its_line(d0: str, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(d0, "x.config", [override])
    assert message in str(error.value)
    lines = str(error.value).split("\n")
    assert all(line.startswith(("--override[0]:1: ", "x.config:")) for line in lines)
    assert any("--override[0]:1: " in line for line in lines)


@pytest.mark.parametrize(
    "override",
    [
        _ssd("freeze_batchnorm: false use_confidences_as_targets: false implicit_example_weight: 1"),
        _ssd("feature_extractor { depth_multiplier: 1.0 pad_to_multiple: 1 num_layers: 6 spaghettinet_arch_name: '' }"),
        _head("use_dropout: false dropout_keep_probability: 0.8 share_prediction_tower: false"),
        _ssd("loss { expected_loss_weights: NONE desired_negative_sampling_ratio: 3 }"),
        _train("bias_grad_multiplier: 0 summarize_gradients: false freeze_variables: []"),
        "eval_config { recall_upper_bound: 1 groundtruth_box_visualization_color: 'black' }",
        "train_input_reader { load_instance_masks: false frame_index: -1 num_keypoints: 0 }",
    ],
)
def test_a_refused_field_set_to_its_default_is_harmless(d0: str, override: str) -> None:
    assert len(parse_config(d0, "x.config", [override]).notes) == len(parse_config(d0, "x.config").notes)


def test_an_unset_field_whose_default_is_unsupported_is_an_error_at_its_message(d0: str) -> None:
    line = "    add_background_class: false\n"
    assert line in d0
    with pytest.raises(
        ConfigError, match=r"^x\.config:10: model\.ssd\.add_background_class \(default true\) must be false"
    ):
        parse_config(d0.replace(line, ""), "x.config")


def test_a_missing_part_is_an_error_at_what_should_hold_it() -> None:
    with pytest.raises(ConfigError) as error:
        parse_config("model {\n  ssd { image_resizer {} }\n}", "x")
    lines = str(error.value).split("\n")
    assert "x:2: model.ssd.box_predictor must be set" in lines
    needed = "x:2: model.ssd.image_resizer needs one of keep_aspect_ratio_resizer, fixed_shape_resizer"
    assert needed in lines
    with pytest.raises(ConfigError, match="x:1: train_input_reader needs tf_record_input_reader"):
        parse_config("train_input_reader {}", "x")


@pytest.mark.parametrize(
    "override",
    [
        _suppress("soft_nms_sigma: .25 iou_threshold: 1 use_class_agnostic_nms: true"),
        _suppress("inclusive_pixels: true clip_window: UNCLIPPED"),
        _suppress("candidates: BEST_CLASS"),
        _suppress("max_candidates: 5000"),
        _ssd("loss { iou_loss { kind: GIOU weight: .5 } } loss_normalizer: MATCHES_PLUS_ONE"),
        _ssd("clip_truth_to_last_pixel: true feature_extractor { backbone_regularization { weight: 0 } }"),
        _ssd("image_resizer { keep_aspect_ratio_resizer { half_pixel_centers: true truncate_size: true } }"),
        _train("gradient_clipping_by_tensor_norm: 10 fine_tune_checkpoint_weights: TRAINED"),
        _train("fine_tune_min_backbone_share: .9 fine_tune_checkpoint_label_map_path: 'a.pbtxt'"),
        _train("data_augmentation_options { random_scale_crop_and_pad_to_square { pad_value: [0, 127.5, 255] } }"),
        _polynomial("learning_rate_base: .1 power: .5"),
        "train_input_reader { skip_crowd: true }",
    ],
)
def test_own_fields_are_honoured_without_a_word(d0: str, override: str) -> None:
    quiet = "train_config { num_steps: 4000000 }" if "polynomial" in override else ""
    assert len(parse_config(d0, "x.config", [override, quiet]).notes) == len(parse_config(d0, "x.config").notes)


def test_combined_suppression_is_done_per_class(d0: str) -> None:
    notes = parse_config(d0, "x.config", [_suppress("use_combined_nms: true")]).notes
    (note,) = [note for note in notes if "use_combined_nms" in note]
    assert note.endswith("use_combined_nms (true): the exact per-class suppression gives the same boxes")


def test_translated_fields_are_noted_unless_they_say_the_default(d0: str) -> None:
    quiet = parse_config(d0, "x.config").notes
    loud = parse_config(d0, "x.config", [_train("batch_queue_capacity: 3 num_batch_queue_threads: 8")]).notes
    assert set(loud) - set(quiet) == {
        "--override[0]:1: train_config.batch_queue_capacity (3): tf.data tunes its own buffers"
    }
    assert [note.split(" ")[1] for note in quiet] == [
        "model.ssd.matcher.argmax_matcher.use_matmul_gather",
        "model.ssd.inplace_batchnorm_update",
        "train_config.sync_replicas",
        "train_config.startup_delay_steps",
        "train_config.replicas_to_aggregate",
        "train_config.unpad_groundtruth_tensors",
        "train_config.use_bfloat16",
    ]
