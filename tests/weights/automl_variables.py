# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The variables of google/automl's detectors, written down by its rules and by nothing of this library.

It has 709 variables for D0 and 1,902 for D7x, so they are generated: names (TensorFlow 1), attribute paths
(TensorFlow 2) and shapes. `COUNTS` is what was counted in automl itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple


class Published(NamedTuple):
    backbone: str
    width: float
    depth: float
    filters: int
    cells: int
    head_layers: int
    max_level: int = 7
    weighted: bool = True  # fast attention; the others add

    @property
    def lite(self) -> bool:
        return self.backbone.startswith("lite")


PUBLISHED = {
    "d0": Published("b0", 1.0, 1.0, 64, 3, 3),
    "d1": Published("b1", 1.0, 1.1, 88, 4, 3),
    "d2": Published("b2", 1.1, 1.2, 112, 5, 3),
    "d3": Published("b3", 1.2, 1.4, 160, 6, 4),
    "d4": Published("b4", 1.4, 1.8, 224, 7, 4),
    "d5": Published("b5", 1.6, 2.2, 288, 7, 4),
    "d6": Published("b6", 1.8, 2.6, 384, 8, 5, weighted=False),
    "d7": Published("b6", 1.8, 2.6, 384, 8, 5, weighted=False),
    "d7x": Published("b7", 2.0, 3.1, 384, 8, 5, 8, weighted=False),
    "lite0": Published("lite0", 1.0, 1.0, 64, 3, 3, weighted=False),
    "lite1": Published("lite1", 1.0, 1.1, 88, 4, 3, weighted=False),
    "lite2": Published("lite2", 1.1, 1.2, 112, 5, 3, weighted=False),
    "lite3": Published("lite3", 1.2, 1.4, 160, 6, 4, weighted=False),
    "lite3x": Published("lite3", 1.2, 1.4, 200, 6, 4, weighted=False),
    "lite4": Published("lite4", 1.4, 1.8, 224, 7, 4, weighted=False),
}
COUNTS = {  # variables, numbers in them
    "d0": (709, 3_927_203),
    "d1": (912, 6_697_354),
    "d2": (987, 8_178_815),
    "d3": (1165, 12_146_600),
    "d4": (1354, 20_890_987),
    "d5": (1482, 33_880_707),
    "d6": (1565, 52_183_766),
    "d7": (1565, 52_183_766),
    "d7x": (1902, 77_564_894),
    "lite0": (588, 3_290_606),
    "lite1": (719, 4_311_390),
    "lite2": (775, 5_324_894),
    "lite3": (922, 8_455_054),
    "lite3x": (922, 9_392_574),
    "lite4": (1068, 15_286_398),
}


class Variable(NamedTuple):
    name: str
    path: str
    shape: tuple[int, ...]


def detector_variables(size: str) -> list[Variable]:
    row = PUBLISHED[size]
    backbone, channels = backbone_variables(row)
    return [*backbone, *_pyramid(row, channels), *_head(row, "class", 810), *_head(row, "box", 36)]


def backbone_variables(row: Published) -> tuple[list[Variable], list[int]]:
    """The variables of the backbone, and the channels of its levels 3, 4 and 5."""
    root = f"efficientnet-{row.backbone}"
    stem = 32 if row.lite else _rounded(32, row.width)
    variables = [
        Variable(f"{root}/stem/conv2d/kernel", "backbone/_stem/_conv_stem/kernel", (3, 3, 3, stem)),
        *_norm(f"{root}/stem/tpu_batch_normalization", "backbone/_stem/_bn", stem),
    ]
    number, inputs, channels = 0, stem, []
    table = [(1, 3, 1, 16), (2, 3, 6, 24), (2, 5, 6, 40), (3, 3, 6, 80), (3, 5, 6, 112), (4, 5, 6, 192), (1, 3, 6, 320)]
    for stack, (repeats, kernel, expansion, filters) in enumerate(table):
        outputs = _rounded(filters, row.width)
        times = repeats if row.lite and stack in (0, 6) else math.ceil(repeats * row.depth)
        for _ in range(times):
            place = (f"{root}/blocks_{number}", f"backbone/_blocks/{number}")
            variables += _block(*place, (inputs, outputs), kernel, expansion, squeeze=not row.lite)
            number, inputs = number + 1, outputs
        if stack in (2, 4, 6):
            channels.append(outputs)
    return variables, channels


def _block(
    name: str, path: str, channels: tuple[int, int], kernel: int, expansion: int, *, squeeze: bool
) -> Iterator[Variable]:
    inputs, outputs = channels
    inner = inputs * expansion
    convs = iter(["conv2d", "conv2d_1"])
    norms = iter(["tpu_batch_normalization", "tpu_batch_normalization_1", "tpu_batch_normalization_2"])
    if expansion > 1:
        yield Variable(f"{name}/{next(convs)}/kernel", f"{path}/_expand_conv/kernel", (1, 1, inputs, inner))
        yield from _norm(f"{name}/{next(norms)}", f"{path}/_bn0", inner)
    depthwise = "depthwise_kernel"
    shape = (kernel, kernel, inner, 1)
    yield Variable(f"{name}/depthwise_conv2d/{depthwise}", f"{path}/_depthwise_conv/{depthwise}", shape)
    yield from _norm(f"{name}/{next(norms)}", f"{path}/_bn1", inner)
    if squeeze:
        squeezed = max(1, inputs // 4)
        yield from _conv(f"{name}/se/conv2d", f"{path}/_se/_se_reduce", inner, squeezed)
        yield from _conv(f"{name}/se/conv2d_1", f"{path}/_se/_se_expand", squeezed, inner)
    yield Variable(f"{name}/{next(convs)}/kernel", f"{path}/_project_conv/kernel", (1, 1, inner, outputs))
    yield from _norm(f"{name}/{next(norms)}", f"{path}/_bn2", outputs)


def _pyramid(row: Published, channels: list[int]) -> Iterator[Variable]:
    filters, num_levels = row.filters, row.max_level - 2
    yield from _conv("resample_p6/conv2d", "resample_layers/0/conv2d", channels[-1], filters)
    yield from _norm("resample_p6/bn", "resample_layers/0/bn", filters)
    # A cell starts with one feature map per level, P3 first. Its nodes go down to P3, and up again from P4.
    order = [*range(num_levels - 2, -1, -1), *range(1, num_levels)]
    for cell in range(row.cells):
        for node, level in enumerate(order):
            count = num_levels + node  # feature maps before this one
            name, path = f"fpn_cells/cell_{cell}/fnode{node}", f"fpn_cells/cells/{cell}/fnodes/{node}"
            if cell == 0 and level < 3:  # straight from the backbone
                theirs = (f"{name}/resample_0_{level}_{count}", f"{path}/resample_layers/0")
                yield from _conv(f"{theirs[0]}/conv2d", f"{theirs[1]}/conv2d", channels[level], filters)
                yield from _norm(f"{theirs[0]}/bn", f"{theirs[1]}/bn", filters)
            between = num_levels - 1 <= node < len(order) - 1  # on the way up, below the top: three inputs
            for scalar in ("WSM", "WSM_1", "WSM_2")[: (3 if between else 2) if row.weighted else 0]:
                yield Variable(f"{name}/{scalar}", f"{path}/{scalar}", ())
            after = f"{name}/op_after_combine{count}"
            yield from _separable(f"{after}/conv", f"{path}/op_after_combine/conv_op", filters, filters)
            yield from _norm(f"{after}/bn", f"{path}/op_after_combine/bn", filters)


def _head(row: Published, kind: str, outputs: int) -> Iterator[Variable]:
    net = f"{kind}_net"
    for layer in range(row.head_layers):
        yield from _separable(f"{net}/{kind}-{layer}", f"{net}/conv_ops/{layer}", row.filters, row.filters)
        for level in range(3, row.max_level + 1):
            yield from _norm(f"{net}/{kind}-{layer}-bn-{level}", f"{net}/bns/{layer}/{level - 3}", row.filters)
    final = {"class": "classes", "box": "boxes"}[kind]
    yield from _separable(f"{net}/{kind}-predict", f"{net}/{final}", row.filters, outputs)


def _conv(name: str, path: str, inputs: int, outputs: int) -> Iterator[Variable]:
    yield Variable(f"{name}/kernel", f"{path}/kernel", (1, 1, inputs, outputs))
    yield Variable(f"{name}/bias", f"{path}/bias", (outputs,))


def _separable(name: str, path: str, inputs: int, outputs: int) -> Iterator[Variable]:
    yield Variable(f"{name}/depthwise_kernel", f"{path}/depthwise_kernel", (3, 3, inputs, 1))
    yield Variable(f"{name}/pointwise_kernel", f"{path}/pointwise_kernel", (1, 1, inputs, outputs))
    yield Variable(f"{name}/bias", f"{path}/bias", (outputs,))


def _norm(name: str, path: str, channels: int) -> Iterator[Variable]:
    for variable in ("gamma", "beta", "moving_mean", "moving_variance"):
        yield Variable(f"{name}/{variable}", f"{path}/{variable}", (channels,))


def _rounded(filters: int, width: float) -> int:
    scaled = filters * width
    nearest = max(8, int(scaled + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * scaled else nearest
