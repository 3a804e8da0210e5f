# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The numbers that a config leaves to its lineage.

TFOD and google/automl train the same networks from different numbers, most of which TFOD's schema cannot say: it had
them in code. Here they are written as pieces of a config, and a config that leaves one of them unset is filled from
these.

TFOD's models are described by whole configs, so that lineage completes only what the schema lacks. automl had no such
files: what is constant over its models is all here, and a config says no more than what sets its model apart.
"""

from __future__ import annotations

from google.protobuf import text_format
from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.field_paths import Field
from efficientdet.protos import post_processing_pb2
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from efficientdet.protos.ssd_pb2 import Ssd

_FIRST_OWN_NUMBER = 2000  # fields of our own, which TFOD's schema lacks, are numbered from here on

# In 0..255. TFOD writes them as (.485, .456, .406) and (.229, .224, .225) of 255: ImageNet's mean and deviation.
_IMAGENET = "feature_extractor { normalization { mean: [123.675, 116.28, 103.53] stddev: [58.395, 57.12, 57.375] } }"

# The Lites under either lineage. TFOD never had them, so there is nothing to be faithful to: these are what their
# pyramids (320 px: 40, 20, 10, 5, 3) and their ImageNet weights need. The latter were trained on about -1..1, which is
# exact in 8 bits (automl, efficientnet_lite).
_LITE = """
feature_extractor {
  endpoints: LAST_BLOCK
  bifpn { combine_method: "sum" }
  normalization { mean: [127, 127, 127] stddev: [128, 128, 128] }
}
anchor_generator { multiscale_anchor_generator { stride_rule: EXACT } }
"""

_TFOD = """
clip_truth_to_last_pixel: false
loss_normalizer: MATCHES_AT_LEAST_ONE
image_resizer { keep_aspect_ratio_resizer { half_pixel_centers: false truncate_size: false } }
feature_extractor {
  survival_probability: 0.8
  endpoints: B0_LAYER_NAMES
  bifpn { combine_method: "fast_attention" }
  backbone_regularization { weight: 1e-5 depthwise_kernels: false squeeze_excite_biases: true }
}
anchor_generator { multiscale_anchor_generator { anchor_order: ASPECT_MAJOR stride_rule: POWER_OF_TWO } }
loss { localization_loss { weighted_smooth_l1 { mask: MATCHED_ANCHORS } } }
post_processing { batch_non_max_suppression { candidates: ALL_PAIRS max_candidates: 0 clip_window: PICTURE } }
"""
# TFOD's class-agnostic suppression sees each anchor once, with its best class.
_TFOD_AGNOSTIC = "post_processing { batch_non_max_suppression { candidates: BEST_CLASS } }"
_TFOD_STRETCHED = "image_resizer { fixed_shape_resizer { half_pixel_centers: false } }"

# automl: hparams_config.py, and constants in its code. Kernels of the pyramid start from Glorot's uniform distribution,
# those of the heads from a truncated normal one of variance 1 / fan-in (both are defaults of Keras), and all decay.
# The suppression is that of its evaluation.
_AUTOML = """
add_background_class: false
encode_background_as_zeros: true
clip_truth_to_last_pixel: true
normalize_loss_by_num_matches: true
normalize_loc_loss_by_codesize: true
loss_normalizer: MATCHES_PLUS_ONE
feature_extractor {
  survival_probability: 0.8
  endpoints: LAST_BLOCK
  bifpn { combine_method: "fast_attention" }
  backbone_regularization { weight: 4e-5 depthwise_kernels: true squeeze_excite_biases: false }
  conv_hyperparams {
    activation: SWISH
    force_use_bias: true
    regularizer { l2_regularizer { weight: 4e-5 } }
    initializer { variance_scaling_initializer { factor: 1 mode: FAN_AVG uniform: true } }
    batch_norm { scale: true decay: 0.99 epsilon: 0.001 }
  }
}
box_predictor {
  weight_shared_convolutional_box_predictor {
    kernel_size: 3
    use_depthwise: true
    class_prediction_bias_init: -4.59511985  # the logit of .01
    apply_conv_hyperparams_to_heads: true
    apply_conv_hyperparams_pointwise: true
    conv_hyperparams {
      activation: SWISH
      force_use_bias: true
      regularizer { l2_regularizer { weight: 4e-5 } }
      initializer { variance_scaling_initializer { factor: 1 mode: FAN_IN uniform: false } }
      batch_norm { scale: true decay: 0.99 epsilon: 0.001 }
    }
  }
}
anchor_generator {
  multiscale_anchor_generator {
    anchor_scale: 4
    aspect_ratios: [1.0, 2.0, 0.5]
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
    score_threshold: 0.001
    iou_threshold: 1
    soft_nms_sigma: 0.25  # automl's .5, halved: TensorFlow divides by 2 sigma where the paper divides by sigma
    max_detections_per_class: 100
    max_total_detections: 100
    candidates: ALL_PAIRS
    max_candidates: 5000
    clip_window: INPUT
  }
}
"""
# automl switches stochastic depth off for every backbone with "b0" in its name, so D0 trains without.
_AUTOML_B0 = "feature_extractor { survival_probability: 1 }"
_AUTOML_LITE = """
feature_extractor { conv_hyperparams { activation: RELU_6 } }
box_predictor { weight_shared_convolutional_box_predictor { conv_hyperparams { activation: RELU_6 } } }
"""
# What a config chooses of the suppression decides what the rest of it should be.
_AUTOML_HARD = "post_processing { batch_non_max_suppression { soft_nms_sigma: 0 iou_threshold: 0.5 } }"
_AUTOML_BEST_CLASS = "post_processing { batch_non_max_suppression { max_candidates: 0 } }"
# No resizer is made up, as the size of the input is a config's own; one that is there is completed.
_AUTOML_RESIZER = """
image_resizer {
  keep_aspect_ratio_resizer { pad_to_max_dimension: true half_pixel_centers: true truncate_size: true }
}
"""
_AUTOML_STRETCHED = "image_resizer { fixed_shape_resizer { half_pixel_centers: true } }"

_TFOD_RUN = """
train_config {
  gradient_clipping_by_tensor_norm: 0
  data_augmentation_options {
    random_scale_crop_and_pad_to_square { pad_value: [0, 0, 0] half_pixel_centers: false }
  }
}
train_input_reader { skip_crowd: false }
"""
_AUTOML_RUN = """
train_config {
  gradient_clipping_by_norm: 10
  gradient_clipping_by_tensor_norm: 10
  optimizer { use_moving_average: true moving_average_decay: 0.9998 }
  data_augmentation_options { random_scale_crop_and_pad_to_square { half_pixel_centers: true } }
}
train_input_reader { skip_crowd: true }
"""
_COSINE_IN = (
    "train_config {{ optimizer {{ {} {{ learning_rate {{ cosine_decay_learning_rate {{ phase: {} }} }} }} }} }}"
)
_HARD_FORMS = ("use_hard_nms", "use_partitioned_nms", "use_combined_nms")
_OPTIMIZERS = ("momentum_optimizer", "rms_prop_optimizer", "adam_optimizer")


def fill_unset(config: TrainEvalPipelineConfig) -> None:
    """Sets, in place, each field that is left to the lineage and is unset; and `lineage` itself.

    Args:
      config: as read. The model, readers, optimizers and schedules that it lacks are not made up.
    """
    config.lineage = config.lineage  # set even where it is the default, so that the written config says it
    automl = config.lineage == TrainEvalPipelineConfig.AUTOML
    if config.HasField("model") and config.model.HasField("ssd"):
        (_fill_automl if automl else _fill_tfod)(config.model.ssd)
    run, phase = (_AUTOML_RUN, "FROM_START") if automl else (_TFOD_RUN, "AFTER_WARMUP")
    for text in (run, *(_COSINE_IN.format(optimizer, phase) for optimizer in _OPTIMIZERS)):
        _fill(config, text_format.Parse(text, TrainEvalPipelineConfig()))
    if automl:
        _follow_the_config(config)


def _fill_tfod(ssd: Ssd) -> None:
    agnostic = ssd.post_processing.batch_non_max_suppression.use_class_agnostic_nms
    family = [_LITE if _is_lite(ssd) else _IMAGENET, *([_TFOD_AGNOSTIC] if agnostic else [])]
    for text in (*family, _TFOD, _TFOD_STRETCHED):
        _fill(ssd, _parse(text))


def _fill_automl(ssd: Ssd) -> None:
    family = [_IMAGENET]
    if _is_lite(ssd):
        family = [_AUTOML_LITE, _LITE]
    elif "-b0" in ssd.feature_extractor.type:
        family = [_AUTOML_B0, _IMAGENET]
    suppression = ssd.post_processing.batch_non_max_suppression
    if _is_hard(suppression):
        family.append(_AUTOML_HARD)
    if suppression.candidates == post_processing_pb2.BatchNonMaxSuppression.BEST_CLASS:
        family.append(_AUTOML_BEST_CLASS)
    for text in (*family, _AUTOML):
        _fill(ssd, _parse(text), create=True)
    for text in (_AUTOML_RESIZER, _AUTOML_STRETCHED):
        _fill(ssd, _parse(text))
    # The heads are as wide as the pyramid, and every level of it has anchors.
    pyramid = ssd.feature_extractor.bifpn
    defaults = Ssd()
    defaults.box_predictor.weight_shared_convolutional_box_predictor.depth = pyramid.num_filters
    defaults.anchor_generator.multiscale_anchor_generator.max_level = pyramid.max_level
    _fill(ssd, defaults)


def _follow_the_config(config: TrainEvalPipelineConfig) -> None:
    """Fills what follows in automl from other fields: training pads with the mean, and averages are evaluated."""
    defaults = TrainEvalPipelineConfig()
    mean = config.model.ssd.feature_extractor.normalization.mean
    defaults.train_config.data_augmentation_options.add().random_scale_crop_and_pad_to_square.pad_value.extend(mean)
    train = config.train_config
    if train.HasField("optimizer") and train.optimizer.use_moving_average:
        defaults.eval_config.use_moving_averages = True
        config.eval_config.SetInParent()  # what an export writes follows from it too
    _fill(config, defaults)


def _is_hard(suppression: post_processing_pb2.BatchNonMaxSuppression) -> bool:
    """Whether a config asks for suppression that drops boxes instead of lowering their scores."""
    without_sigma = suppression.HasField("soft_nms_sigma") and suppression.soft_nms_sigma == 0
    return without_sigma or any(getattr(suppression, name) for name in _HARD_FORMS)


def _is_lite(ssd: Ssd) -> bool:
    return "-lite" in ssd.feature_extractor.type


def _parse(text: str) -> Ssd:
    return text_format.Parse(text, Ssd())


def _fill(message: Message, defaults: Message, *, create: bool = False) -> None:
    """Sets in `message`, in place, what it leaves unset and `defaults` sets.

    Args:
      message: wins where both say something. No list grows; each element of a list of messages is filled.
      defaults: of the same type.
      create: also sets the messages that `message` lacks, unless it has chosen another member of their `oneof`. Those
        that hold fields of our own alone are always created.
    """
    for field, value in defaults.ListFields():
        if not field_paths.is_message(field):
            if not field_paths.is_set(message, field) and _is_open(message, field):
                _set(message, field, value)
        elif field_paths.is_repeated(field):
            for element in getattr(message, field.name):
                for default in value:
                    _fill(element, default, create=create)
        elif message.HasField(field.name) or (
            (create or field.number >= _FIRST_OWN_NUMBER) and _is_open(message, field)
        ):
            inner = getattr(message, field.name)
            inner.SetInParent()
            _fill(inner, value, create=create)


def _is_open(message: Message, field: Field) -> bool:
    """Whether setting `field` would leave a choice alone that `message` has made."""
    return field.containing_oneof is None or message.WhichOneof(field.containing_oneof.name) is None


def _set(message: Message, field: Field, value: object) -> None:
    if field_paths.is_repeated(field):
        getattr(message, field.name).extend(value)
    else:
        setattr(message, field.name, value)
