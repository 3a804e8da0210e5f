# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the network sees and what it is taught: input, anchors, targets, losses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from efficientdet.doctor import cost
from efficientdet.doctor.cost import price
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.quantities import times
from efficientdet.doctor.recipe.comparison import Comparison
from efficientdet.doctor.recipe.settings import ModelSettings
from efficientdet.protos import multiscale_anchor_generator_pb2

_SAME = 1.02  # sizes, weights and scales that differ by less are the same
_OTHER_BALANCE = 4.0  # of the losses, that is no longer a matter of taste
_OTHER_DECAY = 3.0
_STRONG_DECAY = 10.0
_LOW_BIAS = -2.0  # a prior of .12: beyond it every anchor starts as half an object
_LOSS = "model.ssd.loss"
_ANCHORS = "model.ssd.anchor_generator.multiscale_anchor_generator"


class _Departure(NamedTuple):
    """A setting that a recipe has a value for: attribute of ModelSettings, field, name, why another one costs."""

    attribute: str
    path: str
    name: str
    code: str
    why: str


_DEPARTURES = (
    _Departure("pyramid", "model.ssd.feature_extractor.bifpn", "filters and iterations of the pyramid, layers of heads",
               "architecture", "It is another model, with another capacity."),
    _Departure("anchor_scale", f"{_ANCHORS}.anchor_scale", "anchor scale", "anchors",
               "Anchors of another size match other objects; published heads do not fit them."),
    _Departure("anchor_cell", f"{_ANCHORS}", "scales per octave and aspect ratios of the anchors", "anchors",
               "Fewer shapes match fewer objects."),
    _Departure("matched_threshold", "model.ssd.matcher.argmax_matcher.matched_threshold", "overlap of a match",
               "matcher", "It decides which anchors are taught to find an object."),
    _Departure("classification_loss", f"{_LOSS}.classification_loss", "classification loss", "classification-loss",
               "Without the focal loss, a hundred thousand easy background anchors outweigh the objects."),
    _Departure("focal", f"{_LOSS}.classification_loss.weighted_sigmoid_focal", "alpha and gamma of the focal loss",
               "classification-loss", "They balance objects against background."),
    _Departure("localization_loss", f"{_LOSS}.localization_loss", "localization loss", "localization-loss",
               "Its weight and the box coder's scales were chosen for the published one."),
    _Departure("norm_decay", "model.ssd.feature_extractor.conv_hyperparams", "decay of the statistics of batch norm",
               "batch-norm-decay", ".997 for .99, and smaller faults, cost D0 half a point (google/automl#126)."),
)  # fmt: skip


def check_model(comparison: Comparison) -> Iterator[Finding]:
    """Yields what is to be said of the model's settings."""
    yield from _input_size(comparison)
    yield from _resizer(comparison)
    yield from _grid(comparison)
    if comparison.reproduces:
        for departure in _DEPARTURES:
            yield from _departure(comparison, departure)
    yield from _small_anchors(comparison)
    yield from _box_loss(comparison)
    yield from _bias(comparison)
    yield from _decay(comparison)
    yield from _background(comparison)


def _departure(comparison: Comparison, departure: _Departure) -> Iterator[Finding]:
    ours, theirs = (getattr(settings, departure.attribute) for settings in (comparison.model, comparison.recipe.model))
    if ours == theirs or not theirs or (departure.attribute == "anchor_cell" and _has_all(ours, theirs)):
        return
    yield comparison.finding(
        departure.code,
        Severity.WARNING,
        f"{departure.name}: {show(ours)}, published {show(theirs)}",
        path=departure.path,
        why=departure.why,
        remedy=f"{departure.path.rpartition('.')[2]}: {show(theirs)}",
        cost=cost.LIGHT,
    )


def _has_all(ours: tuple[float, ...], theirs: tuple[float, ...]) -> bool:
    """Whether cells hold the published anchors and more: (scales per octave, *aspect ratios) of both."""
    return ours[:1] == theirs[:1] and set(ours[1:]) >= set(theirs[1:])


def show(value: object) -> str:
    """A setting for people."""
    if isinstance(value, tuple):
        return " / ".join(map(show, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


def _size_path(comparison: Comparison) -> str:
    resizer = comparison.proto.model.ssd.image_resizer.WhichOneof("image_resizer_oneof") or ""
    side = "max_dimension" if comparison.model.resizer == "letterbox" else "height"
    return f"model.ssd.image_resizer.{resizer}.{side}"


def _size_text(comparison: Comparison, side: int) -> str:
    """A square input, in the fields of the config's resizer."""
    names = ("min_dimension", "max_dimension") if comparison.model.resizer == "letterbox" else ("height", "width")
    return " ".join(f"{name}: {side}" for name in names)


def _input_size(comparison: Comparison) -> Iterator[Finding]:
    ours, theirs = comparison.model.image_size, comparison.recipe.model.image_size
    if not ours or 1 / _SAME <= ours / theirs <= _SAME:
        return
    costs = comparison.reproduces and ours < theirs
    yield comparison.finding(
        "resolution",
        Severity.WARNING if costs else Severity.NOTE,
        f"input of {ours} pixels, published with {theirs}",
        path=_size_path(comparison),
        why="Small objects go first: at 640 pixels a D3 lost 3 points of AP, a D5 nearly 5 (google/automl, README)."
        if ours < theirs
        else "A larger input finds smaller objects, and takes more memory; the published figure is of another one.",
        remedy=f"{_size_text(comparison, theirs)}, or the smaller model that was made for {ours}",
        cost=price(cost.DATA, ours / theirs),
    )


def _resizer(comparison: Comparison) -> Iterator[Finding]:
    ours, theirs = comparison.model.resizer, comparison.recipe.model.resizer
    if ours == theirs:
        return
    yield comparison.finding(
        "resizer",
        Severity.WARNING if comparison.reproduces else Severity.NOTE,
        f"images are resized by {ours or 'nothing'}, published with {theirs}",
        path="model.ssd.image_resizer",
        why="Stretching changes the shape of objects, differently for each image, and with it the anchors that match."
        if ours == "stretch"
        else "Anchors meet other shapes of the same objects.",
        remedy=f"keep_aspect_ratio_resizer {{ min_dimension: {comparison.model.image_size or 512} max_dimension: "
        f"{comparison.model.image_size or 512} pad_to_max_dimension: true }}",
        cost=cost.LIGHT,
    )


def _grid(comparison: Comparison) -> Iterator[Finding]:
    """Anchors of a power-of-two stride do not lie over the cells of a map whose size was rounded up."""
    ssd, size = comparison.proto.model.ssd, comparison.model.image_size
    anchors = ssd.anchor_generator.multiscale_anchor_generator
    is_power = anchors.stride_rule == multiscale_anchor_generator_pb2.MultiscaleAnchorGenerator.POWER_OF_TWO
    cell = 2**anchors.max_level
    if comparison.model.anchor_cell and is_power and size % cell:
        yield comparison.finding(
            "input-grid",
            Severity.WARNING,
            f"an input of {size} pixels is no multiple of {cell}",
            path=_size_path(comparison),
            why=f"Level {anchors.max_level} has {math.ceil(size / cell)} cells a side for {size / cell:.2f}: its "
            "anchors lie beside what their cells see.",
            remedy=f"{_size_text(comparison, cell * max(round(size / cell), 1))}, or stride_rule: EXACT",
            cost=cost.LIGHT,
        )


def _small_anchors(comparison: Comparison) -> Iterator[Finding]:
    scale = comparison.model.anchor_scale
    if not 0 < scale < 1:
        return
    stride = 2**comparison.proto.model.ssd.anchor_generator.multiscale_anchor_generator.min_level
    yield comparison.finding(
        "anchors-small",
        Severity.WARNING,
        f"anchors of {scale * stride:g} pixels stand {stride} pixels apart",
        path=f"{_ANCHORS}.anchor_scale",
        why="An object between two of them overlaps neither enough to match. Smaller anchors do not make the pyramid "
        "finer: google/automl#882 and #937 did not get beyond AP 30 with .25.",
        remedy="A larger input, or min_level: 2 in bifpn and anchor generator with anchor_scale: 2 or more.",
        cost=price(cost.SETTING, scale / 4),
    )


def box_weight(model: ModelSettings) -> float:
    """What an error of a box's size counts: the weight of the loss times the mean square of the coder's scales."""
    squares = [scale * scale for scale in model.box_scales] or [1.0]
    return model.loss_weights[1] / max(model.loss_weights[0], 1e-6) * sum(squares) / len(squares)


def _box_loss(comparison: Comparison) -> Iterator[Finding]:
    ours, theirs = comparison.model, comparison.recipe.model
    names = ("box_scales", "huber_delta", "loss_weights")
    if not ours.box_scales or all(getattr(ours, name) == getattr(theirs, name) for name in names):
        return
    factor = box_weight(ours) / box_weight(theirs)
    is_far = not 1 / _OTHER_BALANCE <= factor <= _OTHER_BALANCE
    if not comparison.reproduces and not is_far:
        return
    said = {
        "localization_weight": (ours.loss_weights[1], theirs.loss_weights[1]),
        "delta": (ours.huber_delta, theirs.huber_delta),
        "y_scale": (ours.box_scales[0], theirs.box_scales[0]),
    }
    differing = ", ".join(f"{name} {one:g} for {other:g}" for name, (one, other) in said.items() if one != other)
    yield comparison.finding(
        "box-loss",
        Severity.WARNING,
        f"the error of a box counts {times(factor)} what {comparison.recipe.lineage} has it count: {differing}",
        path=f"{_LOSS}.localization_weight",
        why="The lineages weigh boxes in their own ways: codes of 10, 10, 5, 5 with weight 1 (TFOD), codes of 1 with "
        "weight 50 and delta .1 (automl). A mixture of both drowns the classes, or the boxes.",
        remedy=f"localization_weight: {theirs.loss_weights[1]:g}, delta: {theirs.huber_delta:g}, box_coder scales "
        f"{show(theirs.box_scales)}",
        cost=max(price(cost.SETTING, factor), cost.LIGHT),
    )


def _bias(comparison: Comparison) -> Iterator[Finding]:
    ours, theirs = comparison.model.bias_init, comparison.recipe.model.bias_init
    if ours <= _LOW_BIAS or theirs > _LOW_BIAS:
        return
    head = comparison.proto.model.ssd.box_predictor.WhichOneof("box_predictor_oneof")
    prior = 1 / (1 + math.exp(-ours))
    yield comparison.finding(
        "bias-init",
        Severity.WARNING,
        f"every anchor starts as an object with probability {prior:.2g}",
        path=f"model.ssd.box_predictor.{head}.class_prediction_bias_init",
        why="The first losses come from tens of thousands of background anchors, and are so large that training "
        "diverges or learns to say nothing. The focal loss needs a prior of about .01.",
        remedy=f"class_prediction_bias_init: {theirs:g}",
        cost=cost.HEAVY,
    )


def _decay(comparison: Comparison) -> Iterator[Finding]:
    if not comparison.trains or comparison.training.optimizer == "adamw":
        return
    is_added = comparison.proto.train_config.add_regularization_loss
    ours, theirs = comparison.model.l2 if is_added else 0.0, comparison.recipe.model.l2
    factor = ours / theirs
    if 1 / _OTHER_DECAY <= factor <= _OTHER_DECAY or (ours and not comparison.reproduces and factor <= _STRONG_DECAY):
        return
    head = comparison.proto.model.ssd.box_predictor.WhichOneof("box_predictor_oneof")
    field = f"model.ssd.box_predictor.{head}.conv_hyperparams.regularizer"
    yield comparison.finding(
        "regularization",
        Severity.WARNING if comparison.reproduces or factor > _STRONG_DECAY else Severity.NOTE,
        f"weights decay by {ours:g}, published {theirs:g}" if ours else "weights do not decay",
        path=field if is_added else "train_config.add_regularization_loss",
        why="Too much pulls the weights to zero faster than the data pushes them; none lets them grow, and the "
        "effective rate under batch normalisation fall.",
        remedy=f"regularizer {{ l2_regularizer {{ weight: {theirs:g} }} }} in both conv_hyperparams",
        cost=price(cost.SETTING, factor) if ours else cost.LIGHT,
    )


def _background(comparison: Comparison) -> Iterator[Finding]:
    if comparison.proto.model.ssd.add_background_class and comparison.model.pyramid:
        yield comparison.finding(
            "background-class",
            Severity.WARNING,
            "the heads predict the background as a class of its own",
            path="model.ssd.add_background_class",
            why="With sigmoid scores the background is what no class claims; published heads have no such row. TFOD's "
            "default is true.",
            remedy="model { ssd { add_background_class: false } }",
            cost=cost.LIGHT,
        )
