# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The detectors of google/automl, D0 to D7x and the Lites: TensorFlow 1 and 2 checkpoints, and HDF5 files.

TensorFlow 1 and HDF5 go by names of variables, TensorFlow 2 by paths of attributes. Both are said here layer by layer;
within a layer variables have the names that they have in our model. Only the fusion weights differ: automl keeps one
scalar per input (WSM, WSM_1, ...), we keep them in one variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import EfficientNet
from efficientdet.modeling.topology import topology
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads
from efficientdet.ops.box_coder import CODE_SIZE, BoxScales
from efficientdet.weights.coco_labels import labels_of_rows
from efficientdet.weights.layout import NAMED_FORMATS, PARTS, Contents, Conventions, Origin, Part, as_stored
from efficientdet.weights.object_graph import AVERAGE_SLOT, slot_key, value_key
from efficientdet.weights.published import require_bifpn, require_efficientnet
from efficientdet.weights.roles import ROLES_OF_OBJECTS, Role, role_in
from efficientdet.weights.variables import variables_by_path

_AVERAGE_SUFFIX = "/ExponentialMovingAverage"
_FUSION = "/fusion"  # the end of the path of every layer whose variable is made of automl's scalars
_ROOTS = ("", "model/")  # of what Keras saves; of a checkpoint or SavedModel around the Keras model
_ROLES_OF_NAMES = {
    rf"{_AVERAGE_SUFFIX}$": Role.AVERAGE,
    r"/(Momentum|RMSProp|Adam)(_\d+)?$|^optimizer_weights/": Role.SLOT,
    r"^(global_step|learning_rate|loss_scale|beta\d_power)$": Role.COUNTER,
    r"^efficientnet-[^/]+/blocks_\d+/": Role.DEAD_BLOCK,
    r"^efficientnet-[^/]+/head/": Role.TOP,
}
_ROLES_OF_PATHS = ROLES_OF_OBJECTS | {
    r"^(model/)?backbone/_blocks/\d+/": Role.DEAD_BLOCK,
    r"^(model/)?backbone/(_head|_conv_head|_bn1|_fc)/": Role.TOP,
}


class Place(NamedTuple):
    """A layer in our model and in automl's.

    Attributes:
      ours: its attribute path in our model.
      name: what the names of its variables begin with in automl's.
      path: its attribute path in automl's TensorFlow 2 model.
    """

    ours: str
    name: str
    path: str


class AutomlNames:
    """Detectors whose variables go by names: published checkpoints, and HDF5 files; see `layout.Layout`."""

    parts: tuple[Part, ...] = PARTS
    warnings: tuple[str, ...] = ()
    is_ours = False

    def __init__(self, contents: Contents) -> None:
        kind = "HDF5 file" if contents.format == "HDF5 file" else "checkpoint (TensorFlow 1)"
        self.name = f"google/automl detector, {kind}"
        self.conventions = _conventions(
            contents.shapes.get("class_net/class-predict/bias"), contents.shapes.get("box_net/box-predict/bias")
        )

    def origins(self, contents: Contents, model: DetectionModel) -> dict[str, Origin]:
        """See `layout.Layout`."""
        return named_origins(contents, model, places(model, f"{contents.path} ({self.name})"))

    def role(self, key: str) -> str:
        """See `layout.Layout`."""
        return role_of_name(key)


class AutomlPaths:
    """Detectors whose variables go by the paths of attributes of automl's Keras model; see `layout.Layout`.

    Args:
      contents: of the file.
      root: what the paths of the model begin with.
    """

    name = "google/automl detector, checkpoint (TensorFlow 2)"
    parts: tuple[Part, ...] = PARTS
    warnings: tuple[str, ...] = ()
    is_ours = False

    def __init__(self, contents: Contents, root: str = "") -> None:
        self._root = root
        outputs = [value_key(contents, f"{root}{path}/bias") for path in ("class_net/classes", "box_net/boxes")]
        self.conventions = _conventions(*(None if key is None else contents.shapes[key] for key in outputs))

    def origins(self, contents: Contents, model: DetectionModel) -> dict[str, Origin]:
        """See `layout.Layout`."""

        def find(place: Place, variable: str) -> tuple[str | None, str | None]:
            path = f"{self._root}{place.path}/{variable}"
            return value_key(contents, path), slot_key(contents, path, AVERAGE_SLOT)

        return _origins(model, places(model, f"{contents.path} ({self.name})"), find)

    def role(self, key: str) -> str:
        """See `layout.Layout`."""
        return role_in(_ROLES_OF_PATHS, key)


def detect_layout(contents: Contents) -> AutomlNames | AutomlPaths | None:
    """Recognises a detector of google/automl; None for anything else."""
    if contents.format in NAMED_FORMATS:
        is_detector = any(name.startswith("fpn_cells/cell_0/") for name in contents.shapes)
        return AutomlNames(contents) if is_detector and backbone_in(contents) else None
    if contents.format == "object-based checkpoint":
        for root in _ROOTS:
            paths = (f"{root}backbone/_stem/_conv_stem/kernel", f"{root}box_net/boxes/bias")
            if all(value_key(contents, path) is not None for path in paths):
                return AutomlPaths(contents, root)
    return None


def backbone_in(contents: Contents) -> str | None:
    """The backbone that a file of automl's names holds, such as "b0" or "lite3"; None if it holds none."""
    for name in contents.shapes:
        if match := re.fullmatch(r"efficientnet-(b\d|lite\d)/stem/conv2d/kernel", name):
            return match[1]
    return None


def named_origins(contents: Contents, model: DetectionModel, layers: Iterable[Place]) -> dict[str, Origin]:
    """The origins of the variables of some layers in a file of automl's names.

    Args:
      contents: of the file.
      model: whose variables are looked for.
      layers: to look for.

    Returns:
      See `layout.Layout.origins`.
    """

    def find(place: Place, variable: str) -> tuple[str | None, str | None]:
        name = f"{place.name}/{variable}"
        average = name + _AVERAGE_SUFFIX
        return name if name in contents.shapes else None, average if average in contents.shapes else None

    return _origins(model, layers, find)


def role_of_name(key: str) -> str:
    """What a tensor of automl's names is that no variable of a model comes from, see `layout.Layout.role`."""
    return role_in(_ROLES_OF_NAMES, key)


def places(model: DetectionModel, file: str) -> Iterator[Place]:
    """All layers of a detector that have variables, and some that have not.

    Args:
      model: heads that automl never had are left out.
      file: what errors call the file.

    Raises:
      CheckpointError: backbone or pyramid are none of automl's.
    """
    yield from backbone_places(require_efficientnet(model, file))
    fpn = require_bifpn(model, file)
    yield from _pyramid_places(fpn)
    if not isinstance(model.heads, WeightSharedHeads):
        return
    for ours, theirs, singular in (("classes", "class_net", "class"), ("boxes", "box_net", "box")):
        head = getattr(model.heads, ours)
        for layer in range(len(head.convs)):
            name = f"{theirs}/{singular}-{layer}"
            yield Place(f"heads/{ours}/convs/{layer}", name, f"{theirs}/conv_ops/{layer}")
            for number, level in enumerate(fpn.levels):
                path = f"{theirs}/bns/{layer}/{number}"
                yield Place(f"heads/{ours}/norms/{number}/{layer}", f"{name}-bn-{level}", path)
        yield Place(f"heads/{ours}/final", f"{theirs}/{singular}-predict", f"{theirs}/{ours}")


def backbone_places(backbone: EfficientNet) -> Iterator[Place]:
    """The layers of a backbone."""
    root = f"efficientnet-{backbone.variant}"
    yield Place("backbone/stem", f"{root}/stem/conv2d", "backbone/_stem/_conv_stem")
    yield Place("backbone/stem_norm", f"{root}/stem/tpu_batch_normalization", "backbone/_stem/_bn")
    for number, spec in enumerate(backbone.specs):
        ours, name, path = f"backbone/blocks/{number}", f"{root}/blocks_{number}", f"backbone/_blocks/{number}"
        # Names count the layers of a kind that a block has: without an expansion, the others move up by one.
        first = 0 if spec.expand_ratio != 1 else -1
        for kind, layer, position in (("expand", "expand", 0), ("project", "project", 1)):
            yield Place(f"{ours}/{kind}", f"{name}/{_numbered('conv2d', first + position)}", f"{path}/_{layer}_conv")
        yield Place(f"{ours}/depthwise", f"{name}/depthwise_conv2d", f"{path}/_depthwise_conv")
        for position, norm in enumerate(("expand_norm", "depthwise_norm", "project_norm")):
            theirs = _numbered("tpu_batch_normalization", first + position)
            yield Place(f"{ours}/{norm}", f"{name}/{theirs}", f"{path}/_bn{position}")
        yield Place(f"{ours}/squeeze_excite/reduce", f"{name}/se/conv2d", f"{path}/_se/_se_reduce")
        yield Place(f"{ours}/squeeze_excite/expand", f"{name}/se/conv2d_1", f"{path}/_se/_se_expand")


def _pyramid_places(fpn: BiFPN) -> Iterator[Place]:
    lowest, highest = fpn.levels[0], fpn.levels[-1]
    backbone_levels = fpn.levels[: len(fpn.levels) - len(fpn.extra)]
    per_cell = 2 * (len(fpn.levels) - 1)
    nodes = topology(backbone_levels, max_level=highest, num_iterations=len(fpn.nodes) // per_cell).nodes
    for number in range(len(fpn.extra)):
        level = backbone_levels[-1] + 1 + number
        yield from _resampling(f"fpn/extra/{number}", f"resample_p{level}", f"resample_layers/{number}")
    for number, node in enumerate(nodes):
        (cell, position), ours = divmod(number, per_cell), f"fpn/nodes/{number}"
        name, path = f"fpn_cells/cell_{cell}/fnode{position}", f"fpn_cells/cells/{cell}/fnodes/{position}"
        known = len(fpn.levels) + position  # feature maps of the cell when this one is computed
        for place, source in enumerate(node.inputs):
            if match := re.fullmatch(r"C(\d)", source):  # others have the pyramid's width already
                theirs = f"{name}/resample_{place}_{int(match[1]) - lowest}_{known}"
                yield from _resampling(f"{ours}/resamples/{place}", theirs, f"{path}/resample_layers/{place}")
        yield Place(f"{ours}/fusion", name, path)
        yield Place(f"{ours}/conv", f"{name}/op_after_combine{known}/conv", f"{path}/op_after_combine/conv_op")
        yield Place(f"{ours}/norm", f"{name}/op_after_combine{known}/bn", f"{path}/op_after_combine/bn")


def _resampling(ours: str, name: str, path: str) -> Iterator[Place]:
    yield Place(f"{ours}/conv", f"{name}/conv2d", f"{path}/conv2d")
    yield Place(f"{ours}/norm", f"{name}/bn", f"{path}/bn")


def _numbered(name: str, number: int) -> str:
    """The name of the layer of a kind that comes after `number` others: x, x_1, x_2, ..."""
    return f"{name}_{number}" if number else name


def _origins(
    model: DetectionModel, layers: Iterable[Place], find: Callable[[Place, str], tuple[str | None, str | None]]
) -> dict[str, Origin]:
    """Looks variables up by `find`, which returns a tensor and its moving average, None where the file has none."""
    by_path = {place.ours: place for place in layers}
    origins = {}
    for path, variable in variables_by_path(model).items():
        layer, _, name = path.rpartition("/")
        if layer not in by_path:
            continue
        is_fusion = layer.endswith(_FUSION)
        names = [_numbered("WSM", number) for number in range(variable.shape[0])] if is_fusion else [name]
        found = [find(by_path[layer], each) for each in names]
        keys, averages = (tuple(key for key in column if key is not None) for column in zip(*found, strict=True))
        if len(keys) == len(names):
            averages = averages if len(averages) == len(names) else ()
            origins[path] = Origin(keys, _stacked if is_fusion else as_stored, averages)
    return origins


def _stacked(values: Sequence[np.ndarray]) -> np.ndarray:
    """One scalar per input -> [inputs, 1]."""
    return np.stack(values)[:, None]


def _conventions(class_outputs: tuple[int, ...] | None, box_outputs: tuple[int, ...] | None) -> Conventions:
    """The conventions of all detectors of automl; labels by the shapes of the final biases."""
    labels = None
    if class_outputs and box_outputs and box_outputs[0]:
        labels = labels_of_rows(class_outputs[0] * CODE_SIZE // box_outputs[0])
    return Conventions("last_block", "scale_major", BoxScales(1.0, 1.0, 1.0, 1.0), labels)
