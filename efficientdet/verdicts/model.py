# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The verdicts on `model`: its input and its network."""

from __future__ import annotations

import math

from efficientdet.verdicts.extractors import EXTRACTORS, TYPE_RULE
from efficientdet.verdicts.kinds import (
    ABOVE_ZERO,
    BELOW_ONE,
    FINITE,
    HONOURED,
    POSITIVE,
    REQUIRED,
    HonouredWhen,
    Refused,
    Translated,
    VerdictTable,
    all_positive,
    at_least,
    each_refused,
    one_of,
    only,
)

KERAS_INITIALIZERS = (
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform", "ones", "orthogonal",
    "random_normal", "random_uniform", "truncated_normal", "variance_scaling", "zeros",
)  # fmt: skip
COMBINE_METHODS = ("fast_attention", "sum", "weighted_sum", "attention")

_GRAY = Translated("the picture is made gray and keeps its three channels, which the network's input has")
LEVELS = {
    "min_level": only(3, "must be 3, the finest level of an EfficientDet pyramid"),
    "max_level": HonouredWhen(lambda level: level in (7, 8), "must be 7, or 8 as in D7x"),
}


_SSD: VerdictTable = {
    "DetectionModel": {
        "ssd": HONOURED,
        **each_refused("this library builds model.ssd", "faster_rcnn experimental_model center_net"),
    },
    "Ssd": {
        "num_classes": at_least(1),
        "image_resizer": REQUIRED,
        "feature_extractor": REQUIRED,
        "box_coder": REQUIRED,
        "matcher": REQUIRED,
        "similarity_calculator": REQUIRED,
        "encode_background_as_zeros": HONOURED,
        "negative_class_weight": at_least(0),
        "box_predictor": REQUIRED,
        "anchor_generator": REQUIRED,
        "post_processing": REQUIRED,
        "normalize_loss_by_num_matches": HONOURED,
        "normalize_loc_loss_by_codesize": HONOURED,
        "loss": REQUIRED,
        "freeze_batchnorm": HONOURED,
        "inplace_batchnorm_update": Translated("moving statistics are updated within each training step"),
        "add_background_class": HONOURED,
        "explicit_background_class": Refused("add_background_class puts the background first, as in TFOD's own models"),
        "use_confidences_as_targets": Refused(
            "boxes of tf.Example records have no confidences, in TFOD either: use negative_class_weight to weigh the"
            " background"
        ),
        "implicit_example_weight": Translated("it weighs nothing without use_confidences_as_targets"),
        "return_raw_detections_during_predict": Translated("exported models always return raw boxes and scores"),
        "mask_head_config": Refused("there are no instance masks"),
        "loss_normalizer": HONOURED,
        "clip_truth_to_last_pixel": HONOURED,
        "freeze_batchnorm_scope": HONOURED,
    },
    "ImageResizer": {
        "keep_aspect_ratio_resizer": HONOURED,
        "fixed_shape_resizer": HONOURED,
        **each_refused(
            "the network's input has a fixed size: use keep_aspect_ratio_resizer or fixed_shape_resizer",
            "identity_resizer conditional_shape_resizer pad_to_multiple_resizer",
        ),
    },
    "KeepAspectRatioResizer": {
        "min_dimension": at_least(1),
        "max_dimension": at_least(1),
        "resize_method": HONOURED,
        "pad_to_max_dimension": only(True, "must be true: the network's input has a fixed size"),
        "convert_to_grayscale": _GRAY,
        "per_channel_pad_value": HonouredWhen(
            lambda values: len(values) in (0, 3) and all(map(math.isfinite, values)), "must have three values, or none"
        ),
        "half_pixel_centers": HONOURED,
        "truncate_size": HONOURED,
    },
    "FixedShapeResizer": {
        "height": at_least(1),
        "width": at_least(1),
        "resize_method": HONOURED,
        "convert_to_grayscale": _GRAY,
        "half_pixel_centers": HONOURED,
    },
}

_NETWORK: VerdictTable = {
    "SsdFeatureExtractor": {
        "type": HonouredWhen(lambda name: name in EXTRACTORS, TYPE_RULE),
        **each_refused("the width of a backbone follows from its type", "depth_multiplier"),
        "min_depth": Translated("the width of a backbone follows from its type"),
        "conv_hyperparams": REQUIRED,
        "override_base_feature_extractor_hyperparams": Refused("backbone_regularization says how the backbone decays"),
        "pad_to_multiple": Refused("the resizer alone decides the size of the input"),
        "use_explicit_padding": Refused("convolutions are padded as SAME"),
        "use_depthwise": Translated("the convolutions of a BiFPN are always depthwise separable"),
        "fpn": Refused("the feature pyramid is a bifpn"),
        "bifpn": HONOURED,
        "replace_preprocessor_with_placeholder": Refused("images are always normalised"),
        "num_layers": Refused("the number of feature maps follows from bifpn, or from the type"),
        "spaghettinet_arch_name": Refused("the type names the backbone"),
        "survival_probability": HONOURED,  # where it is set, above 0: only then is there stochastic depth
        "endpoints": HONOURED,
        "normalization": HONOURED,
        "backbone_regularization": HONOURED,
    },
    "SsdFeatureExtractor.Normalization": {
        "mean": HonouredWhen(lambda mean: len(mean) == 3 and all(map(math.isfinite, mean)), "must have three values"),
        "stddev": HonouredWhen(
            lambda stddev: len(stddev) == 3 and all_positive(stddev), "must be three positive values"
        ),
    },
    "SsdFeatureExtractor.BackboneRegularization": {
        "weight": at_least(0),
        "depthwise_kernels": HONOURED,
        "squeeze_excite_biases": HONOURED,
    },
    "BidirectionalFeaturePyramidNetworks": {
        **LEVELS,
        "num_iterations": at_least(1),
        "num_filters": at_least(1),
        "combine_method": one_of(COMBINE_METHODS),
    },
    "Hyperparams": {
        "op": Refused("there are no fully connected layers"),
        "regularizer": REQUIRED,
        "initializer": REQUIRED,
        "activation": HONOURED,
        "batch_norm": HONOURED,
        "sync_batch_norm": HONOURED,
        "group_norm": HONOURED,
        "regularize_depthwise": Refused("regularisation reaches the kernels that it reaches in TFOD"),
        "force_use_bias": HONOURED,
    },
    "Regularizer": {"l1_regularizer": HONOURED, "l2_regularizer": HONOURED},
    "L1Regularizer": {"weight": at_least(0)},
    "L2Regularizer": {"weight": at_least(0)},
    "Initializer": {
        "truncated_normal_initializer": HONOURED,
        "variance_scaling_initializer": HONOURED,
        "random_normal_initializer": HONOURED,
        "keras_initializer_by_name": HonouredWhen(
            lambda name: not name or name in KERAS_INITIALIZERS, f"must be one of {', '.join(KERAS_INITIALIZERS)}"
        ),
    },
    "TruncatedNormalInitializer": {"mean": FINITE, "stddev": at_least(0)},
    "VarianceScalingInitializer": {"factor": POSITIVE, "uniform": HONOURED, "mode": HONOURED},
    "RandomNormalInitializer": {"mean": FINITE, "stddev": at_least(0)},
    "BatchNorm": {
        "decay": BELOW_ONE,
        "center": HONOURED,
        "scale": HONOURED,
        "epsilon": POSITIVE,
        "train": HONOURED,
    },
    "GroupNorm": {},
    "BoxPredictor": {
        "weight_shared_convolutional_box_predictor": HONOURED,
        "convolutional_box_predictor": HONOURED,
        **each_refused("it is a head of two-stage detectors", "mask_rcnn_box_predictor rfcn_box_predictor"),
    },
    "ConvolutionalBoxPredictor": {
        "conv_hyperparams": REQUIRED,
        "min_depth": at_least(0),
        "max_depth": at_least(0),
        "num_layers_before_predictor": at_least(0),
        "use_dropout": HONOURED,
        "dropout_keep_probability": ABOVE_ZERO,
        "kernel_size": at_least(1),
        "box_code_size": only(4, "must be 4: ty, tx, th, tw"),
        "apply_sigmoid_to_scores": Refused("use post_processing.score_converter: losses take logits"),
        "class_prediction_bias_init": FINITE,
        "use_depthwise": HONOURED,
        "box_encodings_clip_range": HONOURED,
    },
    "ConvolutionalBoxPredictor.BoxEncodingsClipRange": {"min": REQUIRED, "max": REQUIRED},
    "WeightSharedConvolutionalBoxPredictor": {
        "conv_hyperparams": REQUIRED,
        "apply_conv_hyperparams_to_heads": HONOURED,
        "apply_conv_hyperparams_pointwise": HONOURED,
        "num_layers_before_predictor": at_least(0),
        "depth": at_least(1),
        "kernel_size": at_least(1),
        "box_code_size": only(4, "must be 4: ty, tx, th, tw"),
        "class_prediction_bias_init": FINITE,
        "use_dropout": HONOURED,
        "dropout_keep_probability": ABOVE_ZERO,
        "share_prediction_tower": HONOURED,
        "use_depthwise": HONOURED,
        "score_converter": HONOURED,
        "box_encodings_clip_range": HONOURED,
    },
    "WeightSharedConvolutionalBoxPredictor.BoxEncodingsClipRange": {"min": REQUIRED, "max": REQUIRED},
}

MODEL: VerdictTable = {**_SSD, **_NETWORK}
