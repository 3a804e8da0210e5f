# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What training starts from, and what of it never changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from efficientdet.doctor import cost
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.recipe.comparison import Comparison
from efficientdet.doctor.recipe.variable_paths import variable_paths

_DETECTOR = re.compile(r"efficientdet|effdet|coco\d*_tpu|coco17|(^|/)ssd_")
_CLASSIFIER = re.compile(r"efficientnet|imagenet|vgg16_weights|resnet")
_LAST_PARTS = 3  # of a path, that tell what a file is; folders above are of the machine
_FEW_IMAGES = 2_000
_MOST = 0.5  # of a part, that makes it a frozen one
_NAMES = {"backbone": "the backbone", "fpn": "the pyramid", "heads": "the heads"}
_RESTORED = {
    "": frozenset[str](),
    "classification": frozenset({"backbone"}),
    "detection": frozenset({"backbone", "fpn"}),
    "fine_tune": frozenset({"backbone", "fpn"}),
    "full": frozenset({"backbone", "fpn", "heads"}),
}


def check_weights(comparison: Comparison) -> Iterator[Finding]:
    """Yields what is to be said of initial weights and of frozen ones."""
    if not comparison.trains:
        return
    yield from _initial(comparison)
    yield from _restore_type(comparison)
    yield from _frozen(comparison)


def _initial(comparison: Comparison) -> Iterator[Finding]:
    if comparison.restore_type:
        return
    if comparison.reproduces:
        why = (
            f"{comparison.recipe.name} starts from a backbone that knows ImageNet; from random values it takes longer."
        )
    else:
        why = (
            "Own data rarely suffices to learn what edges and textures are: a D1 on 15,000 images ended at AP 15 after "
            "500 epochs, and at 47 with published weights (zylo117/Yet-Another-EfficientDet-Pytorch#656); a D0 went "
            "from 0 to 74 (google/automl#68, where averages were switched off too)."
        )
    yield comparison.finding(
        "initial-weights",
        Severity.WARNING,
        "training starts from random weights",
        path="train_config.fine_tune_checkpoint",
        why=why,
        remedy="train_config { fine_tune_checkpoint: ... }: a published detector with type detection or full, or an "
        "ImageNet "
        'backbone with type classification, such as "efficientnet-lite0" of the package',
        cost=cost.MIDDLING if comparison.reproduces else cost.HEAVY,
    )


def _restore_type(comparison: Comparison) -> Iterator[Finding]:
    kind, path = comparison.restore_type, comparison.proto.train_config.fine_tune_checkpoint
    name = "/".join(path.lower().split("/")[-_LAST_PARTS:])
    is_detector, is_classifier = bool(_DETECTOR.search(name)), bool(_CLASSIFIER.search(name))
    field = "train_config.fine_tune_checkpoint_type"
    counted = comparison.train_images
    if kind == "classification" and is_detector:
        yield comparison.finding(
            "restore-type",
            Severity.WARNING,
            f"of {name}, a detector by its name, the backbone alone is restored",
            path=field,
            why="Pyramid and heads start from random values though the file has trained ones. The zoo's configs say "
            "classification because they are of the zoo's own training (tensorflow/models#9172).",
            remedy='fine_tune_checkpoint_type: "full" (classes that are known by name keep their rows), or "detection"',
            cost=cost.MIDDLING,
        )
    elif comparison.starts_from_detector and is_classifier and not is_detector:
        yield comparison.finding(
            "restore-type",
            Severity.WARNING,
            f'"{kind}" asks for a pyramid that {name}, a backbone by its name, has not',
            path=field,
            why="A file that lacks what is to be restored is an error at the start of training.",
            remedy='fine_tune_checkpoint_type: "classification"',
            cost=cost.HEAVY,
        )
    elif kind == "classification" and not comparison.reproduces and counted and counted.number < _FEW_IMAGES:
        yield comparison.finding(
            "backbone-only",
            Severity.NOTE,
            f"pyramid and heads are learnt from {counted.number:,} images",
            path=field,
            why="A published detector knows objects already; little data goes further from there (google/automl#1121: "
            "400 images).",
            remedy="A fine_tune_checkpoint of a detector, with type full or detection, where one is at hand.",
        )


def _frozen(comparison: Comparison) -> Iterator[Finding]:
    train = comparison.proto.train_config
    lists = {"update_trainable_variables": train.update_trainable_variables, "freeze_variables": train.freeze_variables}
    if not any(lists.values()):
        return
    paths = variable_paths(comparison.model)
    idle = [
        (f"train_config.{field}[{index}]", expression)
        for field, expressions in lists.items()
        for index, expression in enumerate(expressions)
        if not _matched([expression], paths)
    ]
    for field, expression in idle:
        yield comparison.finding(
            "frozen-nothing",
            Severity.ERROR,
            f"{expression!r} matches no variable",
            path=field,
            why="Training refuses it: elsewhere such a line is silently without effect (tensorflow/models#9548, "
            "#10167).",
            remedy="Expressions match from the start of paths such as backbone/blocks/3/expand/kernel, fpn/nodes/..., "
            "heads/...",
            cost=cost.USELESS,
        )
    chosen = _matched(train.update_trainable_variables, paths) if train.update_trainable_variables else set(paths)
    trained = chosen - _matched(train.freeze_variables, paths)
    if not idle:
        yield from _frozen_parts(comparison, paths, trained)


def _matched(expressions: Iterable[str], paths: list[str]) -> set[str]:
    return {path for expression in expressions for path in paths if re.match(expression, path)}


def _frozen_parts(comparison: Comparison, paths: list[str], trained: set[str]) -> Iterator[Finding]:
    freezes = comparison.proto.train_config.freeze_variables
    field = f"train_config.{'freeze_variables' if freezes else 'update_trainable_variables'}"
    if not trained:
        yield comparison.finding(
            "frozen-all",
            Severity.ERROR,
            "every variable is frozen",
            path=field,
            why="Nothing is left to train.",
            remedy='freeze_variables: "backbone/" leaves pyramid and heads',
            cost=cost.USELESS,
        )
        return
    parts = list(dict.fromkeys(path.split("/")[0] for path in paths))
    fixed = [part for part in parts if _frozen_share(part, paths, trained) > _MOST]
    random = [part for part in fixed if part not in _RESTORED[comparison.restore_type]]
    if random:
        yield comparison.finding(
            "frozen-random",
            Severity.WARNING,
            f"{_listed(random)} frozen at random values",
            path=field,
            why=f"fine_tune_checkpoint_type {comparison.restore_type!r} restores {_restored(comparison)}; what is "
            "frozen and not restored stays noise that everything behind it has to live with.",
            remedy='fine_tune_checkpoint_type: "full" or "detection", or freeze less',
            cost=cost.HEAVY,
        )
    elif comparison.reproduces and fixed:
        yield comparison.finding(
            "frozen-parts",
            Severity.WARNING,
            f"{_listed(fixed)} frozen",
            path=field,
            why=f"{comparison.recipe.name} trains all of it; features of ImageNet alone cost many points.",
            remedy="train_config { freeze_variables: [] }",
            cost=cost.MIDDLING,
        )


def _frozen_share(part: str, paths: list[str], trained: set[str]) -> float:
    """Of the kernels of a part of the model: what norms and biases can do beside frozen ones is little."""
    kernels = [path for path in paths if path.startswith(f"{part}/") and path.endswith("kernel")]
    return sum(path not in trained for path in kernels) / len(kernels)


def _restored(comparison: Comparison) -> str:
    parts = [name for part, name in _NAMES.items() if part in _RESTORED[comparison.restore_type]]
    return f"{' and '.join(parts)} alone" if parts else "nothing"


def _listed(parts: list[str]) -> str:
    """Parts with their verb: "the backbone is", "the pyramid and the heads are"."""
    verb = "is" if len(parts) == 1 and parts != ["heads"] else "are"
    return f"{' and '.join(_NAMES[part] for part in parts)} {verb}"
