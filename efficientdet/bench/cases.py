# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is measured: one row for each measurement. No TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from efficientdet.bench.figures import Unit
from efficientdet.errors import UsageError

Kind = Literal[
    "step",
    "paired_steps",
    "start",
    "first_evaluation",
    "activations",
    "export",
    "serving",
    "reading",
    "reading_boxes",
    "scoring",
    "checked_scoring",
]
Network = Literal["d0", "lite0"]

QUICK_REPEATS = 3
_KERNELS = ("silu", "pointwise", "depthwise", "focal")
PLAIN_KERNELS, _FAST_KERNELS = (" ".join(f"{name}: {form}" for name in _KERNELS) for form in ("PLAIN", "FAST"))


class Material(NamedTuple):
    """The pictures that are drawn for a measurement, 640 x 480 and of about 180 kB each."""

    boxes: int = 8  # on each
    classes: int = 90


_USUAL_MATERIAL = Material()


@dataclass(frozen=True)
class Case:
    """A measurement.

    Attributes:
      name: of its figure.
      kind: what is done.
      title: in words, for the table.
      override: config text laid over the network's, and over a user's own.
      plain_override: of the plain twin; "" for none.
      network: which config.
      batch_size: of training, or of serving.
      material: of the pictures.
      images: of an evaluation.
      repeats: runs in a process.
      processes: each does all runs.
      unit: of the figure.
    """

    name: str
    kind: Kind
    title: str
    override: str = ""
    plain_override: str = ""
    network: Network = "d0"
    batch_size: int = 2
    material: Material = _USUAL_MATERIAL
    images: int = 5000
    repeats: int = 15
    processes: int = 1
    unit: Unit = "s"

    def quick(self) -> Case:
        """The same with few runs."""
        return replace(self, repeats=min(self.repeats, QUICK_REPEATS), processes=min(self.processes, QUICK_REPEATS))


def _of_size(side: int) -> str:
    return (
        f"model {{ ssd {{ image_resizer {{ keep_aspect_ratio_resizer {{ min_dimension: {side} max_dimension: {side} }} "
        "} } } train_config { data_augmentation_options { random_horizontal_flip {} } data_augmentation_options "
        f"{{ random_scale_crop_and_pad_to_square {{ output_size: {side} scale_min: 0.1 scale_max: 2.0 }} }} }}"
    )


def _train(text: str) -> str:
    return f"train_config {{ {text} }}"


class Growth(NamedTuple):
    """Measurements that differ in one quantity.

    Attributes:
      name: of the curve, and of its cases: "growth-batch-4".
      quantity: what differs, in words.
      values: smallest first.
      at: makes of a training step the measurement at a value.
      power: of the value that the work should be in proportion to.
    """

    name: str
    quantity: str
    values: tuple[int, ...]
    at: Callable[[Case, int], Case]
    power: int = 1

    def case_name(self, value: int) -> str:
        """The name of the measurement at a value."""
        return f"growth-{self.name}-{value}"

    def case(self, value: int) -> Case:
        """The measurement at a value."""
        return self.at(Case(self.case_name(value), "step", f"{self.quantity}: {value}", repeats=9), value)


def _with_boxes(case: Case, boxes: int) -> Case:
    return replace(case, override=_train(f"max_number_of_boxes: {max(boxes, 100)}"), material=Material(boxes=boxes))


def _with_classes(case: Case, classes: int) -> Case:
    override = f"model {{ ssd {{ num_classes: {classes} }} }}"
    return replace(case, override=override, material=Material(classes=classes))


GROWTHS = (
    Growth("batch", "images in a batch", (1, 2, 4, 8), lambda case, size: replace(case, batch_size=size)),
    Growth(
        "size",
        "side of the input, pixels",
        (320, 512, 640, 768, 896),
        lambda case, side: replace(case, override=_of_size(side)),
        power=2,
    ),
    Growth("boxes", "boxes in an image", (1, 10, 100, 500), _with_boxes),
    Growth("classes", "classes", (1, 20, 90, 365), _with_classes),
    Growth(
        "images",
        "images of a COCO evaluation",
        (500, 1000, 2000, 5000),
        lambda case, images: replace(case, kind="scoring", images=images, repeats=3),
    ),
)


def _paired(name: str, title: str, plain: str) -> Case:
    fast, plain = (_train(f"kernels {{ {text} }}") for text in (_FAST_KERNELS, plain))
    return Case(name, "paired_steps", title, fast, plain_override=plain)


def _activations(form: str, title: str, text: str = "") -> Case:
    name = f"activations{'-' if form else ''}{form}"
    return Case(name, "activations", title, override=_train(text), repeats=1, unit="B")


_RECOMPUTE = {
    "first-stages": "recompute: FIRST_STAGES",
    "recompute": "recompute: [BACKBONE, PYRAMID, HEADS]",
}

GROUPS: dict[str, tuple[Case, ...]] = {
    "step": (
        Case("step", "step", "training step, batch 2, input included"),
        Case("step-batch8", "step", "training step, batch 8, input included", batch_size=8, repeats=9),
    ),
    "forms": (
        Case("step-first-stages", "step", "first stages computed again", _train(_RECOMPUTE["first-stages"])),
        Case("step-accumulated", "step", "in two parts", _train("gradient_accumulation_steps: 2")),
        Case("step-bfloat16", "step", "in bfloat16", _train("precision: BFLOAT16"), repeats=9),
        Case("step-float16", "step", "in float16", _train("precision: FLOAT16"), repeats=9),
    ),
    "kernels": (
        _paired("kernels", "step without input, fast against plain kernels", PLAIN_KERNELS),
        *(_paired(f"kernels-{name}", f"the same, {name} alone plain", f"{name}: PLAIN") for name in _KERNELS),
    ),
    "start": (Case("start", "start", "process start to the end of the first step", repeats=1, processes=9),),
    "first-evaluation": (
        Case(
            "first-evaluation",
            "first_evaluation",
            "first evaluation after training, a batch of 8",
            repeats=1,
            processes=9,
        ),
    ),
    "export": (Case("export", "export", "export of a model", repeats=3),),
    "inference": (
        Case("inference", "serving", "SavedModel, a 480x640 image to boxes", batch_size=1, repeats=45),
        Case("inference-batch8", "serving", "SavedModel, 8 such images", batch_size=8, repeats=9),
        Case("inference-lite0", "serving", "Lite0, an image", network="lite0", batch_size=1, repeats=45),
        Case("inference-lite0-batch8", "serving", "Lite0, 8 images", network="lite0", batch_size=8, repeats=9),
    ),
    "reading": (
        Case("reading", "reading", "input of an image, matching included", batch_size=8),
        Case("reading-boxes", "reading_boxes", "input of an image, boxes only", batch_size=8),
    ),
    "evaluation": (Case("evaluation", "checked_scoring", "COCO evaluation, 5,000 images of 100 boxes", repeats=9),),
    "memory": (
        _activations("", "kept for the way back, batch 2"),
        _activations("plain", "with plain kernels", f"kernels {{ {PLAIN_KERNELS} }}"),
        *(_activations(name, f"with {text}", text) for name, text in _RECOMPUTE.items()),
        Case("step-recompute", "step", "training step, everything computed again", _train(_RECOMPUTE["recompute"])),
    ),
    "growth": tuple(growth.case(value) for growth in GROWTHS for value in growth.values),
}
"""Measurements by the word that asks for them."""

USUAL = ("step", "kernels", "start", "first-evaluation", "export", "inference", "reading", "evaluation", "memory")
"""What is measured where nothing is named: about 20 minutes on two cores."""

_ALL = "all"
_CASES = {case.name: case for group in GROUPS.values() for case in group}
WORDS = (*GROUPS, *(name for name in _CASES if name not in GROUPS), _ALL)
"""What may be asked for."""


def case_of(name: str) -> Case:
    """The measurement of a name.

    Raises:
      UsageError: there is none.
    """
    if name not in _CASES:
        raise UsageError(f"{name!r} is no measurement of this version")
    return _CASES[name]


def chosen(words: Sequence[str]) -> list[Case]:
    """The measurements that words ask for, in the order of the table, each once.

    Args:
      words: names of groups or of measurements; a group's name stands for the group; none for the usual ones.

    Raises:
      UsageError: a word is neither.
    """
    words = list(words) or list(USUAL)
    for word in words:
        if word not in WORDS:
            raise UsageError(f"{word!r} is no measurement; there are: {', '.join(WORDS)}")
    wanted = {case.name for word in words for case in GROUPS.get(word, ())}
    wanted |= {word for word in words if word in _CASES and word not in GROUPS}
    return [case for case in _CASES.values() if _ALL in words or case.name in wanted]
