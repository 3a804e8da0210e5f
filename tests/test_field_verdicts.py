# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from typing import Any

import pytest

from efficientdet import field_verdicts
from efficientdet.config import format_config, parse_config
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
        (_ssd("explicit_background_class: true"), "explicit_background_class (true) is not supported"),
        (
            _ssd(
                "add_background_class: true encode_background_as_zeros: true"
                " loss { classification_loss { weighted_softmax {} } }"
            ),
            "encode_background_as_zeros (true) must be false with weighted_softmax",
        ),
        (_ssd("mask_head_config {}"), "mask_head_config is not supported"),
        (_ssd("image_resizer { identity_resizer {} }"), "image_resizer.identity_resizer is not supported"),
        (_ssd("image_resizer { keep_aspect_ratio_resizer { pad_to_max_dimension: false } }"), "(false) must be true"),
        (_ssd("image_resizer { keep_aspect_ratio_resizer { per_channel_pad_value: 1 } }"), "([1.0]) must have three"),
        (_ssd("image_resizer { keep_aspect_ratio_resizer { min_dimension: 513 } }"), "at most max_dimension (512)"),
        (_ssd("image_resizer { fixed_shape_resizer { height: 0 } }"), "height (0) must be at least 1"),
        (_ssd("feature_extractor { type: 'ssd_resnet50_v1_fpn_keras' }"), "must be ssd_efficientnet-X_bifpn_keras"),
        (
            _ssd("feature_extractor { type: 'ssd_vgg16_keras' bifpn {} }"),
            "bifpn must be left out with ssd_vgg16_keras",
        ),
        (
            _ssd("feature_extractor { type: 'ssd_vgg16_keras' } box_predictor {}"),
            "box_predictor needs convolutional_box_predictor",
        ),
        (_ssd("feature_extractor { override_base_feature_extractor_hyperparams: true }"), "is not supported"),
        (_ssd("feature_extractor { survival_probability: 0 }"), "must be above 0 and at most 1"),
        (_ssd("feature_extractor { normalization { stddev: [1, 0, 1] } }"), "must be three positive values"),
        (_ssd("feature_extractor { bifpn { combine_method: 'max' } }"), "must be one of fast_attention, sum"),
        (
            _ssd("anchor_generator { multiscale_anchor_generator { max_level: 8 } }"),
            "equal feature_extractor.bifpn",
        ),
        (_ssd("feature_extractor { fpn {} }"), "feature_extractor.fpn is not supported"),
        (
            _head("conv_hyperparams { initializer { keras_initializer_by_name: 'Lambda' } }"),
            '("Lambda") must be one of glorot_normal',
        ),
        (_head("conv_hyperparams { batch_norm { decay: 1 } }"), "must be at least 0 and below 1"),
        (_head("conv_hyperparams { op: FC }"), "conv_hyperparams.op (FC) is not supported"),
        (_head("box_code_size: 5"), "box_code_size (5) must be 4"),
        (_head("dropout_keep_probability: 0"), "dropout_keep_probability (0.0) must be above 0"),
        (_head("score_converter: SIGMOID"), "score_converter (SIGMOID) must be IDENTITY where post_processing"),
        (
            _ssd("box_predictor { convolutional_box_predictor { apply_sigmoid_to_scores: true } }"),
            "apply_sigmoid_to_scores (true) is not supported: use post_processing.score_converter",
        ),
        (_head("box_encodings_clip_range { min: 1 max: -1 }"), "min (1.0) must be below max (-1)"),
        (_head("box_encodings_clip_range { min: 1 }"), "max (default 0.0) must be set"),
        (_head("class_prediction_bias_init: inf"), "(inf) must be a finite number"),
        (_ssd("box_coder { keypoint_box_coder { num_keypoints: 3 } }"), "keypoint_box_coder is not supported"),
        (_ssd("matcher { argmax_matcher { unmatched_threshold: 0.6 } }"), "(0.6) must be at most matched_threshold"),
        (_ssd("matcher { argmax_matcher { negatives_lower_than_unmatched: false } }"), "both thresholds are equal"),
        (_ssd("anchor_generator { multiscale_anchor_generator { aspect_ratios: [] } }"), "([]) must list at least one"),
        (_ssd("anchor_generator { multiscale_anchor_generator { normalize_coordinates: false } }"), "must be true"),
        (
            _ssd("add_background_class: false post_processing { score_converter: SOFTMAX }"),
            "add_background_class (false) must be true with score_converter SOFTMAX",
        ),
        (_ssd("anchor_generator { ssd_anchor_generator { aspect_ratios: 1 } }"), "num_layers (default 6) must be 5"),
        (
            _ssd("anchor_generator { ssd_anchor_generator { num_layers: 5 aspect_ratios: 1 scales: [.1, .2] } }"),
            "scales ([0.1, 0.2]) must be one for each layer (5), or one more",
        ),
        (
            _ssd("anchor_generator { ssd_anchor_generator { num_layers: 5 aspect_ratios: 1 height_stride: 8 } }"),
            "height_stride ([8]) must be one for each layer (5), or none",
        ),
        (_ssd("anchor_generator { ssd_anchor_generator { num_layers: 5 } }"), "must list at least one ratio"),
        (_suppress("soft_nms_sigma: -.1"), "soft_nms_sigma (-0.1) must be at least 0"),
        (_suppress("soft_nms_sigma: inf"), "soft_nms_sigma (inf) must be at least 0"),
        (
            _suppress("use_class_agnostic_nms: true max_classes_per_detection: 2"),
            "max_classes_per_detection (2) must be 1: a detection has one class",
        ),
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
        (_ssd("loss { hard_example_miner { iou_threshold: 2 } }"), "iou_threshold (2.0) must be between 0 and 1"),
        (_ssd("loss { class_weights: [1, 2] }"), "class_weights ([1.0, 2.0]) must be one for each class (90)"),
        (_ssd("loss { class_weights: -1 }"), "class_weights ([-1.0]) must not be negative"),
        (_ssd("loss { random_example_sampler {} }"), "random_example_sampler is not supported: negatives are not"),
        (_ssd("loss { iou_loss { weight: -1 } }"), "model.ssd.loss.iou_loss.weight (-1.0) must be at least 0"),
        (
            _ssd("loss { classification_loss { weighted_sigmoid_focal { label_smoothing: 1 } } }"),
            "label_smoothing (1.0) must be at least 0 and below 1",
        ),
        (
            _ssd("feature_extractor { backbone_regularization { weight: nan } }"),
            "backbone_regularization.weight (nan) must be at least 0",
        ),
        (
            _ssd("loss { classification_loss { weighted_dice_classification_loss {} } }"),
            "weighted_dice_classification_loss is not supported",
        ),
        (_train("update_trainable_variables: '('"), 'update_trainable_variables (["("]) must be regular expressions'),
        (_train("freeze_variables: 'a{99999999999999}'"), "must be regular expressions"),
        (_train(f"freeze_variables: '{'(' * 3000}'"), "must be regular expressions"),
        ("eval_config { export_path: 'a\\000b' }", "must be a path, without NUL characters"),
        (_suppress("max_total_detections: 2147483647"), "(2147483647) must be between 1 and 1e+06"),
        (_train("learning_rate_multipliers { multiplier: 2 }"), 'variables (default "") must be a regular expression'),
        (_train("merge_multiple_label_boxes: true"), "merge_multiple_label_boxes (true) is not supported"),
        (
            _train("fine_tune_checkpoint_type: 'finetune'"),
            '("finetune") must be one of classification, detection, full, fine_tune',
        ),
        (_train("fine_tune_min_backbone_share: 0"), "(0.0) must be above 0 and at most 1"),
        (_train("fine_tune_min_backbone_share: 1.5"), "(1.5) must be above 0 and at most 1"),
        (_train("gradient_clipping_by_tensor_norm: -1"), "(-1.0) must be at least 0"),
        (_train("fine_tune_checkpoint_version: V1"), "fine_tune_checkpoint_version (V1) must be V2"),
        (
            _train("batch_size: 6 gradient_accumulation_steps: 4"),
            "batch_size (6) must be divisible by gradient_accumulation_steps (4)",
        ),
        (
            "train_config { batch_size: 8 gradient_accumulation_steps: 2 } "
            "train_input_reader { num_epochs: 1 drop_remainder: false }",
            "drop_remainder (false) must be true where train_config.gradient_accumulation_steps is above 1",
        ),
        (_train("optimizer { momentum_optimizer { momentum_optimizer_value: nan } }"), "(nan) must be between 0 and 1"),
        (_train("data_augmentation_options [{ }]"), "needs one of random_horizontal_flip, random_pixel_value_scale, "),
        (_train("data_augmentation_options { autoaugment_image { policy_name: 'v9' } }"), "must be one of v0, v1"),
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
        (
            "train_input_reader { sample_from_datasets_weights: [1, 2] }",
            "sample_from_datasets_weights ([1.0, 2.0]) must be one for each tf_record_input_reader.input_path (1)",
        ),
        (
            "train_input_reader { sample_from_datasets_weights: 1 num_epochs: 2 }",
            "num_epochs (2) must be 0 with sample_from_datasets_weights",
        ),
        ("eval_config { metrics_set: 'oid_V2_detection_metrics' }", "must be of coco_detection_metrics, pascal_voc"),
        ("eval_config { super_categories { key: 'a' value: 'b' } }", "super_categories is not supported"),
        (
            "eval_input_reader [{ name: 'a' tf_record_input_reader {} }, { name: 'a' tf_record_input_reader {} }]",
            'eval_input_reader[1].name ("a") must be set, and set apart, where there are several readers',
        ),
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
        _head("use_dropout: false share_prediction_tower: false"),
        _ssd("loss { expected_loss_weights: NONE desired_negative_sampling_ratio: 3 }"),
        _train("bias_grad_multiplier: 0 merge_multiple_label_boxes: false freeze_variables: []"),
        "eval_config { recall_upper_bound: 1 visualize_groundtruth_boxes: false }",
        "train_input_reader { load_instance_masks: false frame_index: -1 num_keypoints: 0 }",
    ],
)
def test_a_refused_field_set_to_its_default_is_harmless(d0: str, override: str) -> None:
    assert len(parse_config(d0, "x.config", [override]).notes) == len(parse_config(d0, "x.config").notes)


def test_an_unset_field_whose_default_is_unsupported_is_an_error_at_its_message(d0: str) -> None:
    line = "        pad_to_max_dimension: true\n"
    assert line in d0
    with pytest.raises(ConfigError, match=r"^x\.config:48: .*pad_to_max_dimension \(default false\) must be true"):
        parse_config(d0.replace(line, ""), "x.config")


def test_a_background_class_that_published_models_lack_is_noted(d0: str) -> None:
    notes = parse_config(d0.replace("    add_background_class: false\n", ""), "x.config").notes
    assert any("add_background_class (default true): the heads predict the background as well" in n for n in notes)


def _anchors(inner: str) -> str:
    return _ssd(f"anchor_generator {{ ssd_anchor_generator {{ num_layers: 5 {inner} }} }}")


def _miner(inner: str) -> str:
    return _ssd(f"loss {{ hard_example_miner {{ {inner} }} }}")


_RATIOS = "layer_aspect_ratios { values: 1 } " * 5
_PER_LAYER = "model.ssd.anchor_generator.ssd_anchor_generator"
_MATCHER = "model.ssd.matcher.argmax_matcher"
_HEAD_PATH = "model.ssd.box_predictor.weight_shared_convolutional_box_predictor"
_MATCHED_WITH_BEST = "has no effect with ignore_thresholds: each anchor is matched with the box that it overlaps most"


@pytest.mark.parametrize(
    ("overrides", "notes"),
    [
        (
            _anchors("scales: [.1, .2, .3, .4, .5] min_scale: .2 max_scale: .5 aspect_ratios: 1"),
            {
                f"{_PER_LAYER}.min_scale (0.2): has no effect with scales",
                f"{_PER_LAYER}.max_scale (0.5): has no effect with scales",
            },
        ),
        (
            _anchors(f"{_RATIOS} aspect_ratios: 1 reduce_boxes_in_lowest_layer: true"),
            {
                f"{_PER_LAYER}.aspect_ratios ([1.0]): has no effect with layer_aspect_ratios",
                f"{_PER_LAYER}.reduce_boxes_in_lowest_layer (true): has no effect with layer_aspect_ratios",
            },
        ),
        (_anchors(f"scales: [.1, .2, .3, .4, .5] {_RATIOS}"), set()),
        (
            _ssd("freeze_batchnorm_scope: WHOLE_MODEL"),
            {"model.ssd.freeze_batchnorm_scope (WHOLE_MODEL): has no effect without freeze_batchnorm"},
        ),
        (_ssd("freeze_batchnorm: true freeze_batchnorm_scope: WHOLE_MODEL"), set()),
        (_ssd("freeze_batchnorm: true"), set()),
        (
            _ssd("freeze_batchnorm: true feature_extractor { conv_hyperparams { group_norm {} } }")
            + "\n"
            + _head("conv_hyperparams { group_norm {} }"),
            {
                "model.ssd.freeze_batchnorm (true): has no effect where no part of freeze_batchnorm_scope "
                "(PYRAMID_AND_HEADS) has a batch normalisation"
            },
        ),
        (
            _miner("min_negatives_per_image: 3") + "\n" + _ssd("loss { classification_loss { weighted_sigmoid {} } }"),
            {
                "model.ssd.loss.hard_example_miner.min_negatives_per_image (3): has no effect where "
                "max_negatives_per_positive is 0 and limits no negatives"
            },
        ),
        (
            _miner("max_negatives_per_positive: 3 min_negatives_per_image: 3"),
            {
                "model.ssd.loss.hard_example_miner: works together with weighted_sigmoid_focal here, a pair that TFOD "
                "refuses"
            },
        ),
        (
            _ssd("matcher { argmax_matcher { ignore_thresholds: true negatives_lower_than_unmatched: true } }"),
            {  # the zoo's config sets all three
                f"{_MATCHER}.matched_threshold (0.5): {_MATCHED_WITH_BEST}",
                f"{_MATCHER}.unmatched_threshold (0.5): {_MATCHED_WITH_BEST}",
                f"{_MATCHER}.negatives_lower_than_unmatched (true): {_MATCHED_WITH_BEST}",
            },
        ),
        (
            _head("dropout_keep_probability: .8"),
            {f"{_HEAD_PATH}.dropout_keep_probability (0.8): has no effect without use_dropout"},
        ),
        (_head("dropout_keep_probability: .7 use_dropout: true"), set()),
        (
            "eval_config { recall_lower_bound: .2 recall_upper_bound: .9 pascal_voc_average: AREA }",
            {
                "eval_config.recall_lower_bound (0.2): has no effect without precision_at_recall_detection_metrics in "
                "metrics_set",
                "eval_config.recall_upper_bound (0.9): has no effect without precision_at_recall_detection_metrics in "
                "metrics_set",
                "eval_config.pascal_voc_average (AREA): has no effect with coco_detection_metrics alone in metrics_set",
            },
        ),
        (
            "eval_config { metrics_set: 'precision_at_recall_detection_metrics' recall_lower_bound: .2"
            " pascal_voc_average: ELEVEN_POINTS }",
            set(),
        ),
        (
            "eval_config { groundtruth_box_visualization_color: 'black' keep_image_id_for_visualization_export: true }",
            {
                'eval_config.groundtruth_box_visualization_color ("black"): has no effect without '
                "visualize_groundtruth_boxes",
                "eval_config.keep_image_id_for_visualization_export (true): has no effect without "
                "visualization_export_dir",
            },
        ),
        (
            _train("optimizer { use_moving_average: false moving_average_decay: .99 }"),
            {"train_config.optimizer.moving_average_decay (0.99): has no effect without use_moving_average"},
        ),
        (_train("optimizer { use_moving_average: true moving_average_decay: .99 }"), set()),
        (
            _train(
                "num_steps: 90 optimizer { adam_optimizer { learning_rate { cosine_decay_learning_rate {"
                " total_steps: 90 warmup_steps: 0 warmup_learning_rate: 0 } } } }"
            ),
            {
                "train_config.optimizer.adam_optimizer.learning_rate.cosine_decay_learning_rate.warmup_learning_rate "
                "(0.0): has no effect where warmup_steps is 0"
            },
        ),
        (
            _train("data_augmentation_options [{ random_mosaic { output_size: 256 } }]"),
            {
                "train_config.data_augmentation_options[0].random_mosaic.output_size (256): differs from the resizer's "
                "max_dimension (512): training images are resized a second time"
            },
        ),
        (
            _train("data_augmentation_options [{ random_mosaic { output_size: 300 } }]")
            + "\n"
            + _ssd("image_resizer { fixed_shape_resizer { height: 300 width: 400 } }"),
            {
                "train_config.data_augmentation_options[0].random_mosaic.output_size (300): differs from the resizer's "
                "height and width (300, 400): training images are resized a second time"
            },
        ),
        (_train("data_augmentation_options [{ random_mosaic { output_size: 512 } }]"), set()),
    ],
)
def test_what_has_no_effect_beside_another_field_is_noted(d0: str, overrides: str, notes: set[str]) -> None:
    quiet = set(parse_config(d0, "x.config").notes)
    said = set(parse_config(d0, "x.config", overrides.split("\n")).notes) - quiet
    assert {note.split(": ", 1)[1] for note in said} == notes


@pytest.mark.parametrize("lineage", ["TFOD", "AUTOML"])
def test_of_what_a_lineage_fills_in_nothing_is_said(d0: str, lineage: str) -> None:
    idle = (
        f"lineage: {lineage} train_config {{ optimizer {{ use_moving_average: false }} }}",
        _ssd("matcher { argmax_matcher { ignore_thresholds: true } } freeze_batchnorm: false"),
    )
    first = parse_config(d0, "x.config", idle)
    again = parse_config(format_config(first), "x.config")
    assert {note.split(": ", 1)[1] for note in again.notes} == {note.split(": ", 1)[1] for note in first.notes}
    assert not any("moving_average_decay" in note or "freeze_batchnorm" in note for note in first.notes)


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
