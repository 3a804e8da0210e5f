# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the codes of classes mean."""

from __future__ import annotations

from efficientdet.data import faults
from efficientdet.doctor.data.texts import severity_rules as rules
from efficientdet.doctor.data.texts.text import AS_PROPOSED, Text

CLASSES: dict[str, Text] = {
    faults.CLASS_TYPO: Text(
        "seem to be spellings of another", "class", rules.WARNING,
        "They count as classes of their own: few boxes to learn them from, and each counts as wrong for the other.",
        f"{AS_PROPOSED}: it renames them.",
        in_place=rules.ERROR, weight=2.0,
    ),
    faults.CLASS_UNKNOWN: Text(
        "are in no list", "class", rules.WARNING,
        "A training stops at the first record with a class that its label map lacks.",
        "Add the classes to the list (and raise num_classes), or rename them in the annotations.",
        in_place=rules.ERROR, weight=3.0,
    ),
    faults.CLASS_OFFSET: Text(
        "have an id shifted by one", "class", rules.ERROR,
        "Every object is called by its neighbour's name in the list of classes, and the last or first one has none.",
        f"Shift the ids, or the list of names: {AS_PROPOSED.lower()}.",
        weight=3.0,
    ),
    faults.CLASS_UNUSED: Text(
        "have no box", "class", rules.NOTE,
        "The network has outputs for them that only ever learn to stay silent. It costs little; AP leaves them out.",
        "Check that it is no spelling of another name. Remove them from the label map if they will never come.",
    ),
    faults.CLASS_EMPTY_IN_SPLIT: Text(
        "are missing in a split", "class", rules.NOTE,
        "What is not in training cannot be learnt; what is not in evaluation is not measured, and may be anything.",
        f"{AS_PROPOSED}: it moves images between the splits. Leave its lines out where the splits are published "
        "ones and figures are to be compared.",
        weight=2.0,
    ),
    faults.CLASS_RARE: Text(
        "have few boxes to learn from", "class", rules.NOTE,
        "From less than ten examples a detector learns these images, not the class; their AP is noise.",
        "Annotate more of them, or leave the classes out and judge by the others.",
    ),
    faults.CLASS_SHARE_DIFFERS: Text(
        "are much more frequent in one split", "class", rules.WARNING,
        "The splits are not draws from one source: what is measured differs from what was learnt, by more than chance "
        "explains.",
        "Split the images at random (import with --split), unless the splits are published ones or the difference "
        "is meant.",
    ),
}  # fmt: skip
