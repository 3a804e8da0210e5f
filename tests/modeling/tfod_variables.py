# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Names of the TensorFlow Object Detection API's variables in terms of ours, and its D0 with recorded weights."""

from __future__ import annotations

import re
from pathlib import Path

import tensorflow as tf

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientdet import build_published
from efficientdet.weights import tfod
from efficientdet.weights.files import open_contents
from efficientdet.weights.variables import variables_by_path

_BACKBONE_LAYERS = {
    "expand_conv2d": "expand",
    "expand_bn": "expand_norm",
    "depthwise_conv2d": "depthwise",
    "depthwise_bn": "depthwise_norm",
    "se_reduce_conv2d": "squeeze_excite/reduce",
    "se_expand_conv2d": "squeeze_excite/expand",
    "project_conv2d": "project",
    "project_bn": "project_norm",
    "stem_conv2d": "stem",
    "stem_bn": "stem_norm",
}
_TOWERS = {"Box": "boxes", "Class": "classes"}


def our_name(tfod_name: str) -> str | None:
    """Translates the name of a Keras variable; None for the classifier on top, which we do not build."""
    name = tfod_name.removesuffix(":0")
    if re.match("top_|logits", name):
        return None
    if match := re.match(r"(?:stack_(\d)/block_(\d)/)?(\w+)/(\w+)$", name):
        stack, block, layer, variable = match.groups()
        place = f"block_{stack}_{block}/" if stack else ""
        return f"backbone/{place}{_BACKBONE_LAYERS[layer]}/{variable}"
    if match := re.match(r"EfficientDet-D\d/bifpn/node_\d+/(\d)_(dn|up)_lvl_(\d)/(.*)", name):
        iteration, direction, level, rest = match.groups()
        node = {"dn": f"down{iteration}_P{level}", "up": f"up{iteration}_P{level}"}[direction]
        if iteration == "0":  # an extra level: its projection is all that it has
            node, rest = f"P{level}", rest.replace("input_0_up_lvl_5/1x1_pre_sample/", "")
        for theirs, ours in (
            (r"input_0_up_lvl_\d/1x1_pre_sample", "input_0"),
            ("combine/bifpn_combine_weights", "fusion/weights"),
            ("post_combine/", ""),
            ("separable_conv", "conv"),
            ("batchnorm", "norm"),
        ):
            rest = re.sub(theirs, ours, rest)
        return f"fpn/{node}/{rest}"
    if match := re.search(r"/(Box|Class)PredictionTower/conv2d_(\d)/(?:BatchNorm/feature_(\d)/)?(\w+)$", name):
        tower, number, level, variable = match.groups()
        layer = f"norm_{level}_{number}" if level else f"conv_{number}"
        return f"heads/{_TOWERS[tower]}/{layer}/{variable}"
    if match := re.search(r"/(Box|Class)Predictor/(\w+)$", name):
        return f"heads/{_TOWERS[match[1]]}/final/{match[2]}"
    raise ValueError(f"what is {tfod_name}?")


def variables(model: DetectionModel) -> dict[str, tf.Variable]:
    """All variables by name."""
    return {variable.name.removesuffix(":0"): variable for variable in model.weights}


def recorded_d0(shared: Path) -> DetectionModel:
    """D0 with the weights of the recorded run, and stochastic depth off."""
    model = build_published("d0", survival_probability=1.0)
    contents = open_contents(shared / "fixtures" / "tfod_d0_ckpt")
    layout = tfod.detect_layout(contents)
    assert layout is not None
    origins = layout.origins(contents, model)
    for path, variable in variables_by_path(model).items():
        variable.assign(contents.read(origins[path].keys[0]))
    return model
