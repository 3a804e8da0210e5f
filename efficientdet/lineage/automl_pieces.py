# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is constant over google/automl's models, as pieces of a config: of `model.ssd`, and of the rest (RUN)."""

from __future__ import annotations

# automl: hparams_config.py, and constants in its code. Kernels of the pyramid start from Glorot's uniform distribution,
# those of the heads from a truncated normal one of variance 1 / fan-in (both are defaults of Keras), and all decay.
# The suppression is that of its evaluation.
MODEL = """
add_background_class: false
encode_background_as_zeros: true
clip_truth_to_last_pixel: true
freeze_batchnorm_scope: WHOLE_MODEL
normalize_loss_by_num_matches: true
normalize_loc_loss_by_codesize: true
loss_normalizer: MATCHES_PLUS_ONE
feature_extractor {
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
EFFICIENTNET = """
feature_extractor {
  survival_probability: 0.8
  endpoints: LAST_BLOCK
  bifpn { combine_method: "fast_attention" }
  backbone_regularization { weight: 4e-5 depthwise_kernels: true squeeze_excite_biases: false }
}
"""
# automl switches stochastic depth off for every backbone with "b0" in its name, so D0 trains without.
B0 = "feature_extractor { survival_probability: 1 }"
LITE = """
feature_extractor { conv_hyperparams { activation: RELU_6 } }
box_predictor { weight_shared_convolutional_box_predictor { conv_hyperparams { activation: RELU_6 } } }
"""
# What a config chooses of the suppression decides what the rest of it should be.
HARD = "post_processing { batch_non_max_suppression { soft_nms_sigma: 0 iou_threshold: 0.5 } }"
BEST_CLASS = "post_processing { batch_non_max_suppression { max_candidates: 0 } }"
# No resizer is made up, as the size of the input is a config's own; one that is there is completed.
RESIZER = """
image_resizer {
  keep_aspect_ratio_resizer { pad_to_max_dimension: true half_pixel_centers: true truncate_size: true }
}
"""
STRETCHED = "image_resizer { fixed_shape_resizer { half_pixel_centers: true } }"

RUN = """
train_config {
  gradient_clipping_by_norm: 10
  gradient_clipping_by_tensor_norm: 10
  optimizer {
    use_moving_average: true
    moving_average_decay: 0.9998
    rms_prop_optimizer { decay_meaning: SQUARED_GRADIENTS }
  }
  data_augmentation_options { random_scale_crop_and_pad_to_square { half_pixel_centers: true } }
}
train_input_reader { skip_crowd: true }
"""
