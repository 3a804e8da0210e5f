# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checkpoints of the TensorFlow Object Detection API (TFOD), for D0 to D7.

Its detector keeps the whole classification network, of which detections need the layers up to the last endpoint. Two
attributes lead to these: `_efficientnet`, which ends there, and `classification_backbone`, which goes on. Layers with
weights are numbered in the order of their construction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.ops.box_coder import CODE_SIZE, BoxScales
from efficientdet.weights.coco_labels import labels_of_rows
from efficientdet.weights.layout import PARTS, Contents, Conventions, Origin, Part
from efficientdet.weights.object_graph import AVERAGE_SLOT, SLOT, slot_key, value_key
from efficientdet.weights.published import require_bifpn, require_efficientnet
from efficientdet.weights.roles import ROLES_OF_OBJECTS, Role, role_in
from efficientdet.weights.variables import variables_by_path

_ROOTS = ("model", "_model")  # of checkpoints; of the SavedModels that TFOD exports
_CLASSIFIER = "feature_extractor"  # the root of files for fine_tune_checkpoint_type "classification"
_BACKBONES = ("_feature_extractor/_efficientnet", "_feature_extractor/classification_backbone")
_BIFPN = "_feature_extractor/_bifpn_stage"
_PREDICTOR = "_box_predictor"
# Of the first block: neither ResNets nor MobileNets, whose files have the same paths, have both.
_MARKS_OF_EFFICIENTNET = ("layer_with_weights-2/depthwise_kernel", "layer_with_weights-4/bias")
_LAYER = re.compile(r"/layer_with_weights-(\d+)/([^/]+)/")

# The layers with weights of a block, in the order of their construction.
_BLOCK_LAYERS = (
    "expand",
    "expand_norm",
    "depthwise",
    "depthwise_norm",
    "squeeze_excite/reduce",
    "squeeze_excite/expand",
    "project",
    "project_norm",
)
# Positions in a list of layers that begins with a convolution, and in one that begins with an activation.
_CONV_AND_NORM = {"conv": 0, "norm": 1}
_ACTIVATION_CONV_AND_NORM = {"conv": 1, "norm": 2}
_TOWERS = {"boxes": "BoxPredictionTower", "classes": "ClassPredictionTower"}
_HEADS = {"boxes": "box_encodings", "classes": "class_predictions_with_background"}
_FINAL = {
    "boxes": f"{_PREDICTOR}/_box_prediction_head/_box_encoder_layers/0",
    "classes": f"{_PREDICTOR}/_prediction_heads/class_predictions_with_background/_class_predictor_layers/0",
}
_TOWER_STEP = 3  # convolution, batch norm and activation in the list of a tower's layers


class TfodLayout:
    """The layout of one TFOD file; see `layout.Layout`.

    Args:
      contents: of the file.
      root: path of the detector in it; None where it holds a classification network alone.
    """

    warnings: tuple[str, ...] = ()
    is_ours = False

    def __init__(self, contents: Contents, root: str | None) -> None:
        self._root = root
        self._top = _top_layers(contents)
        # A training of TFOD saves its backbone alone before the first step: the rest is not built by then.
        num_classes = _num_classes(contents, root)
        self.parts: tuple[Part, ...] = PARTS if num_classes else ("backbone",)
        self.name = "TFOD checkpoint" if num_classes else "TFOD classification checkpoint"
        self.conventions: Conventions | None = None
        if num_classes:
            scales, labels = BoxScales(10.0, 10.0, 5.0, 5.0), labels_of_rows(num_classes)
            self.conventions = Conventions("b0_layer_names", "aspect_major", scales, labels)

    def origins(self, contents: Contents, model: DetectionModel) -> dict[str, Origin]:
        """See `layout.Layout`."""
        file = f"{contents.path} ({self.name})"
        found = {}
        for ours, candidates in self._paths(model, file).items():
            for path in candidates:
                if key := value_key(contents, path):
                    average = slot_key(contents, path, AVERAGE_SLOT)
                    found[ours] = Origin((key,), average_keys=(average,) if average else ())
                    break
        return found

    def role(self, key: str) -> str:
        """See `layout.Layout`."""
        role = role_in(ROLES_OF_OBJECTS, key)
        if role == Role.UNKNOWN and (match := _LAYER.search(key)):
            return Role.TOP if int(match[1]) in self._top else Role.DEAD_BLOCK
        return role

    def _paths(self, model: DetectionModel, file: str) -> dict[str, list[str]]:
        """Our path -> the paths that may lead to the same variable in the file, for all that it can hold."""
        num_blocks = len(require_efficientnet(model, file).blocks)
        variables = variables_by_path(model)
        backbones = [_CLASSIFIER] if self._root is None else [f"{self._root}/{place}" for place in _BACKBONES]
        paths = {}
        for ours, layer in _backbone_layers(num_blocks, variables).items():
            paths[ours] = [f"{backbone}/{layer}" for backbone in backbones]
        if self.parts == PARTS:
            num_extra = len(require_bifpn(model, file).extra)
            for ours in variables:
                if theirs := _beyond_the_backbone(ours, num_extra=num_extra):
                    paths[ours] = [f"{self._root}/{theirs}"]
        return paths


def detect_layout(contents: Contents) -> TfodLayout | None:
    """Returns the layout of a file of TFOD, None for any other file and for its other networks."""
    places = [(f"{root}/{backbone}", root) for root in _ROOTS for backbone in _BACKBONES]
    for place, root in (*places, (_CLASSIFIER, None)):
        if all(value_key(contents, f"{place}/{mark}") for mark in _MARKS_OF_EFFICIENTNET):
            return TfodLayout(contents, root)
    return None


def _backbone_layers(num_blocks: int, variables: Iterable[str]) -> dict[str, str]:
    """Our path -> path below a backbone in the file."""
    in_use = {path.rsplit("/", 1)[0] for path in variables}
    blocks = [f"backbone/blocks/{n}/{layer}" for n in range(num_blocks) for layer in _BLOCK_LAYERS]
    layers = [layer for layer in ("backbone/stem", "backbone/stem_norm", *blocks) if layer in in_use]
    numbers = {layer: number for number, layer in enumerate(layers)}
    split = {path: path.rsplit("/", 1) for path in variables if path.startswith("backbone/")}
    return {path: f"layer_with_weights-{numbers[layer]}/{variable}" for path, (layer, variable) in split.items()}


def _beyond_the_backbone(path: str, *, num_extra: int) -> str | None:
    """Our path of a variable of pyramid or heads -> path below the detector in the file.

    Args:
      path: our own.
      num_extra: levels that the pyramid adds; they are the first of the nodes, which are counted through.
    """
    match path.split("/"):
        case ["fpn", "extra", node, layer, variable]:
            return f"{_BIFPN}/node_input_blocks/{node}/0/1/{_CONV_AND_NORM[layer]}/{variable}"
        case ["fpn", "nodes", node, "resamples", number, layer, variable]:
            place = f"{_BIFPN}/node_input_blocks/{int(node) + num_extra}/{number}"
            return f"{place}/1/{_CONV_AND_NORM[layer]}/{variable}"
        case ["fpn", "nodes", node, "fusion", "weights"]:
            return f"{_BIFPN}/node_combine_op/{int(node) + num_extra}/bifpn_combine_weights"
        case ["fpn", "nodes", node, layer, variable]:
            place = f"{_BIFPN}/node_post_combine_block/{int(node) + num_extra}"
            return f"{place}/{_ACTIVATION_CONV_AND_NORM[layer]}/{variable}"
        case ["heads", head, "convs", number, variable]:
            return f"{_PREDICTOR}/_head_scope_conv_layers/{_TOWERS[head]}/{number}/{variable}"
        case ["heads", head, "norms", level, number, variable]:
            position = _TOWER_STEP * int(number) + _CONV_AND_NORM["norm"]
            return f"{_PREDICTOR}/_base_tower_layers_for_heads/{_HEADS[head]}/{level}/{position}/{variable}"
        case ["heads", head, "final", variable]:
            return f"{_FINAL[head]}/{variable}"
    return None


def _top_layers(contents: Contents) -> range:
    """The numbers of the classifier's layers behind the last block: convolution, batch norm and logits."""
    shapes = {
        int(match[1]): shape
        for key, shape in contents.shapes.items()
        if SLOT not in key and (match := _LAYER.search(key)) and match[2] == "kernel"
    }
    last = max(shapes, default=0)
    is_dense = len(shapes.get(last, ())) == 2
    return range(last - 2, last + 1) if is_dense else range(0)


def _num_classes(contents: Contents, root: str | None) -> int:
    """The class rows of a detector, from the output channels of its two heads; 0 where the file has none."""
    keys = [value_key(contents, f"{root}/{_FINAL[head]}/bias") for head in ("boxes", "classes")]
    boxes, classes = (contents.shapes[key][0] if key and contents.shapes[key] else 0 for key in keys)
    return classes * CODE_SIZE // boxes if boxes else 0
