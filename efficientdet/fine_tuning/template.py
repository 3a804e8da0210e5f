# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The text of a suggested config, with a place for whatever depends on the data."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from string import Template

from google.protobuf import text_encoding

_WIDTH = 120
_COMMENT = re.compile(r"(?P<start> *#(?P<entry>   \w+ +)? ?)(?P<text>.*)")

_TEMPLATE = Template("""\
# EfficientDet-$model for a data set of $classes, suggested from its figures; every number may be changed.
#
#   command    efficientdet train --pipeline_config_path=$config_argument --model_dir=$model_dir_argument
#   data       $data
#   model      $why_model
#   weights    $weights_origin
#   length     $length
#   expected   not known. The recipe that this one is derived from gives AP .55, AP50 .87 on 87 pictures
#              of blood cells (BCCD, Lite0, 205 pictures to train on)
#   measured   not yet
#   check      efficientdet doctor $config_argument

model {
  ssd {
    num_classes: $num_classes
    add_background_class: false
    encode_background_as_zeros: true
    normalize_loss_by_num_matches: true
    normalize_loc_loss_by_codesize: true
    image_resizer {
      # $why_side
      keep_aspect_ratio_resizer {
        min_dimension: $side
        max_dimension: $side
        pad_to_max_dimension: true
        # Black: what the augmentation below pads with. The default, the mean colour, would show the network a border in
        # evaluation that it never saw in training.
        per_channel_pad_value: [$black]
      }
    }
    feature_extractor {
      type: "$extractor"$endpoints
      bifpn {
        min_level: 3
        max_level: $max_level
        num_iterations: $fpn_iterations
        num_filters: $fpn_filters
        combine_method: "$combine_method"
      }
      conv_hyperparams {
        activation: $activation
        force_use_bias: true
        regularizer { l2_regularizer { weight: 4e-5 } }
        initializer { truncated_normal_initializer { mean: 0.0 stddev: 0.03 } }
        # $why_batch_norm
        batch_norm { scale: true decay: $batch_norm_decay epsilon: 0.001 }
      }
    }
    box_predictor {
      weight_shared_convolutional_box_predictor {
        depth: $fpn_filters
        num_layers_before_predictor: $head_layers
        kernel_size: 3
        use_depthwise: true
        class_prediction_bias_init: -4.6
        conv_hyperparams {
          activation: $activation
          force_use_bias: true
          regularizer { l2_regularizer { weight: 4e-5 } }
          initializer { random_normal_initializer { mean: 0.0 stddev: 0.01 } }
          batch_norm { scale: true decay: $batch_norm_decay epsilon: 0.001 }
        }
      }
    }
    anchor_generator {
      # $why_anchors
      multiscale_anchor_generator {
        min_level: 3
        max_level: $max_level
        anchor_scale: $anchor_scale
        aspect_ratios: [$aspect_ratios]
        scales_per_octave: 3
      }
    }
    box_coder { faster_rcnn_box_coder { y_scale: 10.0 x_scale: 10.0 height_scale: 5.0 width_scale: 5.0 } }
    matcher {
      argmax_matcher { matched_threshold: $matched unmatched_threshold: $matched force_match_for_each_row: true }
    }
    similarity_calculator { iou_similarity {} }
    loss {
      classification_loss { weighted_sigmoid_focal { alpha: 0.25 gamma: 1.5 } }
      localization_loss { weighted_smooth_l1 {} }
      classification_weight: 1.0
      localization_weight: 1.0
    }
    post_processing {
      batch_non_max_suppression {
        score_threshold: 1e-8
        iou_threshold: 0.5
        max_detections_per_class: $max_detections
        max_total_detections: $max_detections
      }
      score_converter: SIGMOID
    }
  }
}

train_config {
  seed: 1
  # If it does not fit into memory, change the rate below along with it: half the batch, half the rate.
  batch_size: $batch_size
  # $why_steps
  num_steps: $num_steps
  checkpoint_interval_steps: $interval
  # $why_weights
  fine_tune_checkpoint: $checkpoint
  fine_tune_checkpoint_type: "$checkpoint_type"
  fine_tune_checkpoint_version: V2
  gradient_clipping_by_norm: 10.0
  # $why_flip$flip
  data_augmentation_options {
    # $why_zoom
    random_scale_crop_and_pad_to_square { output_size: $side scale_min: $zoom_least scale_max: $zoom_most }
  }
  optimizer {
    momentum_optimizer {
      learning_rate {
        cosine_decay_learning_rate {
          # $why_rate
          learning_rate_base: $rate
          total_steps: $num_steps
          warmup_learning_rate: $warmup_rate
          warmup_steps: $warmup_steps
        }
      }
      momentum_optimizer_value: 0.9
    }
    use_moving_average: true
    # $why_average
    moving_average_decay: $average_decay
  }
}

train_input_reader {
  label_map_path: $label_map_path
  # $why_max_boxes
  max_number_of_boxes: $max_boxes
  tf_record_input_reader { input_path: $train_path }
}

eval_config {
  metrics_set: "coco_detection_metrics"
  use_moving_averages: true
  batch_size: $batch_size
  interval_steps: $interval
  include_metrics_per_category: true
}

# $why_eval
eval_input_reader {
  label_map_path: $label_map_path
  shuffle: false
  num_epochs: 1
  max_number_of_boxes: $max_boxes
  tf_record_input_reader { input_path: $eval_path }
}
""")


def fill_template(values: Mapping[str, str]) -> str:
    """Fills in what depends on the data, and breaks long comments.

    Args:
      values: one for each name of the template; no line break in any that a comment takes.

    Returns:
      The text of a config.
    """
    return "\n".join(line for long in _TEMPLATE.substitute(values).split("\n") for line in _broken(long))


def quoted(text: str) -> str:
    """A string as a config takes it."""
    return f'"{text_encoding.CEscape(text, as_utf8=True)}"'  # type: ignore[arg-type]  # takes either kind of string


def in_comment(text: str) -> str:
    """A text from outside, such as a path, as far as a comment can hold it."""
    return "".join(character if character.isprintable() else "?" for character in text)


def number(value: float) -> str:
    """A number as a person writes it: 0.05, 0.998, 3.0."""
    text = f"{value:.7g}"
    return text if any(mark in text for mark in ".e") else f"{text}.0"


def percent(share: float) -> str:
    """A share for people: 12 %, 0.3 %, 0 %."""
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"


def _broken(line: str) -> list[str]:
    """A line, in several if it is a comment and too long. Entries of the header go on under their text."""
    if len(line) <= _WIDTH or not (match := _COMMENT.fullmatch(line)):
        return [line]
    start, entry, text = match["start"], match["entry"], match["text"]
    later = "#".ljust(len(start)) if entry else start
    if entry and text.startswith("efficientdet "):  # a command is to be copied, not broken
        return [line]
    return textwrap.wrap(
        text, _WIDTH, initial_indent=start, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
