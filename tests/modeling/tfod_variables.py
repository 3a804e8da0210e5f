# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Names of the TensorFlow Object Detection API's variables in terms of ours, and its D0 with recorded weights."""

from __future__ import annotations

import json
import re
from pathlib import Path

import tensorflow as tf

from efficientdet.modeling.efficientdet import EfficientDet, build_published

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
_CONV_AND_NORM = ("conv", "norm")
_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"


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


def checkpoint_names(model: EfficientDet, layer_map: dict[str, str]) -> dict[str, str]:
    """Our variable name -> key in a TFOD checkpoint of the same model, for every variable.

    Args:
      model: D0.
      layer_map: position in the checkpoint -> name, of the backbone's layers.
    """
    layers = {str(our_name(f"{layer}/x")).removesuffix("/x"): number for number, layer in layer_map.items()}
    nodes = [node.name for node in (*model.fpn._plan.extra, *model.fpn._plan.nodes)]
    return {name: _checkpoint_name(name, layers, nodes) + _SUFFIX for name in variables(model)}


def _checkpoint_name(name: str, layers: dict[str, str], nodes: list[str]) -> str:
    part, place, *rest = name.split("/")
    if part == "backbone":
        layer, variable = name.removeprefix("backbone/").rsplit("/", 1)
        return f"model/_feature_extractor/_efficientnet/layer_with_weights-{layers['backbone/' + layer]}/{variable}"
    if part == "fpn":
        bifpn, node = "model/_feature_extractor/_bifpn_stage", nodes.index(place)
        if rest[0] == "fusion":
            return f"{bifpn}/node_combine_op/{node}/bifpn_combine_weights"
        if rest[0] == "input_0" or place == "P6":
            layer, variable = rest[-2:]
            return f"{bifpn}/node_input_blocks/{node}/0/1/{_CONV_AND_NORM.index(layer)}/{variable}"
        return f"{bifpn}/node_post_combine_block/{node}/{1 + _CONV_AND_NORM.index(rest[0])}/{rest[1]}"
    layer, variable = rest
    kind, *numbers = layer.split("_")
    if kind == "conv":
        tower = {"boxes": "Box", "classes": "Class"}[place]
        return f"model/_box_predictor/_head_scope_conv_layers/{tower}PredictionTower/{numbers[0]}/{variable}"
    if kind == "norm":
        tower = {"boxes": "box_encodings", "classes": "class_predictions_with_background"}[place]
        level, number = numbers
        return f"model/_box_predictor/_base_tower_layers_for_heads/{tower}/{level}/{3 * int(number) + 1}/{variable}"
    head = {
        "boxes": "_box_prediction_head/_box_encoder_layers",
        "classes": "_prediction_heads/class_predictions_with_background/_class_predictor_layers",
    }[place]
    return f"model/_box_predictor/{head}/0/{variable}"


def variables(model: EfficientDet) -> dict[str, tf.Variable]:
    """All variables by name."""
    return {variable.name.removesuffix(":0"): variable for variable in model.weights}


def recorded_d0(shared: Path) -> EfficientDet:
    """D0 with the weights of the recorded run, and stochastic depth off."""
    model = build_published("d0", survival_probability=1.0)
    layer_map = json.loads((shared / "facts/tfod_d0_layer_with_weights_map.json").read_text())
    reader = tf.train.load_checkpoint(str(shared / "fixtures/tfod_d0_ckpt/ckpt-0"))
    ours = variables(model)
    for name, key in checkpoint_names(model, layer_map).items():
        ours[name].assign(reader.get_tensor(key))
    return model
