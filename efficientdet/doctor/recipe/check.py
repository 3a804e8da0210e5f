# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The recipe check: a config beside the published recipe of its model, each deviation priced. No TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from efficientdet.config import PipelineConfig
from efficientdet.doctor.findings import Case, Finding, Part, Severity, worst_first
from efficientdet.doctor.recipe.augmentation import check_augmentation
from efficientdet.doctor.recipe.budget import check_budget
from efficientdet.doctor.recipe.comparison import Comparison, compare
from efficientdet.doctor.recipe.evaluation import check_evaluation
from efficientdet.doctor.recipe.files import check_files
from efficientdet.doctor.recipe.labels import check_labels
from efficientdet.doctor.recipe.model import check_model
from efficientdet.doctor.recipe.normalisation import check_normalisation
from efficientdet.doctor.recipe.rate import check_rate
from efficientdet.doctor.recipe.table import recipe_table, verdict
from efficientdet.doctor.recipe.weights import check_weights

CHECKS: tuple[Callable[[Comparison], Iterator[Finding]], ...] = (
    check_files,
    check_labels,
    check_budget,
    check_rate,
    check_normalisation,
    check_weights,
    check_augmentation,
    check_model,
    check_evaluation,
)
_SAID_BETTER = "total_steps"  # a note that `budget` makes a finding of


def check_recipe(config: PipelineConfig, *, num_images: int | None = None) -> Part:
    """Compares a config with the published recipe of its model.

    Which recipe: that of the same feature extractor and lineage, of the nearest size. A config with the published
    classes, from an ImageNet backbone or from scratch, is held against the published budget; any other one is taken for
    fine-tuning, and judged in epochs.

    Args:
      config: resolved. The files that it names need not be there.
      num_images: of the training data, where that is known; else counted, estimated by the size of the files, or told
        by the names of published shards.

    Returns:
      The findings, worst first: errors (the run will fail, or its figure will mean nothing), warnings in the order of
      their price (see `doctor.cost`), notes; the recipes side by side; and a verdict in words.
    """
    if not config.proto.model.HasField("ssd"):
        case = Case(config.where("model"), "model.ssd is not set")
        what = "Nothing can be compared, or trained."
        lacking = Finding(
            "recipe", "no-model", Severity.ERROR, "there is no model", what, "model { ssd { ... } }", cases=(case,)
        )
        return Part("recipe", "Will fail: there is no model.", (lacking,))
    comparison = compare(config, num_images)
    found = [finding for check in CHECKS for finding in check(comparison)]
    findings = worst_first([*found, *_done_differently(config)])
    return Part("recipe", verdict(comparison, findings), findings, (recipe_table(comparison),))


def _done_differently(config: PipelineConfig) -> Iterator[Finding]:
    """What reading the config had to say: settings without effect, or with another one than they name."""
    notes = [note for note in config.notes if _SAID_BETTER not in note]
    if notes:
        cases = tuple(Case(*_place_and_rest(note)) for note in notes)
        title = f"{len(notes)} setting{'s do' if len(notes) > 1 else ' does'} something else than the name says"
        why = "They are honoured in another way, or say something that nothing depends on."
        yield Finding(
            "recipe", "done-differently", Severity.NOTE, title, why, "Nothing, or leave them out.", len(notes), cases
        )


def _place_and_rest(note: str) -> tuple[str, str]:
    place, _, rest = note.partition(": ")
    return place, rest
