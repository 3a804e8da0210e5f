# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What TFOD had in code, as pieces of a config: of `model.ssd`, and of the rest (RUN)."""

from __future__ import annotations

MODEL = """
clip_truth_to_last_pixel: false
loss_normalizer: MATCHES_AT_LEAST_ONE
image_resizer { keep_aspect_ratio_resizer { half_pixel_centers: false truncate_size: false } }
freeze_batchnorm_scope: PYRAMID_AND_HEADS
anchor_generator { multiscale_anchor_generator { anchor_order: ASPECT_MAJOR stride_rule: POWER_OF_TWO } }
loss { localization_loss { weighted_smooth_l1 { mask: MATCHED_ANCHORS } } }
post_processing { batch_non_max_suppression { candidates: ALL_PAIRS max_candidates: 0 clip_window: PICTURE } }
"""
EFFICIENTNET = """
feature_extractor {
  survival_probability: 0.8
  endpoints: B0_LAYER_NAMES
  bifpn { combine_method: "fast_attention" }
  backbone_regularization { weight: 1e-5 depthwise_kernels: false squeeze_excite_biases: true }
}
"""
# The mean colour (R, G, B) that TFOD subtracts for its VGG and ResNet models, and nothing to divide by.
VGG = """
feature_extractor { normalization { mean: [123.68, 116.779, 103.939] stddev: [1, 1, 1] } }
"""
# TFOD's class-agnostic suppression sees each anchor once, with its best class.
AGNOSTIC = "post_processing { batch_non_max_suppression { candidates: BEST_CLASS } }"
STRETCHED = "image_resizer { fixed_shape_resizer { half_pixel_centers: false } }"

RUN = """
train_config {
  gradient_clipping_by_tensor_norm: 0
  optimizer { rms_prop_optimizer { decay_meaning: LEARNING_RATE } }
  data_augmentation_options {
    random_scale_crop_and_pad_to_square { pad_value: [0, 0, 0] half_pixel_centers: false }
  }
}
train_input_reader { skip_crowd: false }
"""
