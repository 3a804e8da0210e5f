# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the codes of classes, of whole data sets and of the files of a config mean."""

from __future__ import annotations

from efficientdet.data import faults
from efficientdet.doctor.data import severity_rules as rules
from efficientdet.doctor.data.text import AS_PROPOSED, LOOK, Text

CLASSES: dict[str, Text] = {
    faults.CLASS_TYPO: Text(
        "class names that seem to be spellings of another", "class", rules.WARNING,
        "They count as classes of their own: few boxes to learn them from, and each counts as wrong for the other.",
        f"{AS_PROPOSED}: it renames them.",
        in_place=rules.ERROR, weight=2.0,
    ),
    faults.CLASS_UNKNOWN: Text(
        "class names that are in no list", "class", rules.WARNING,
        "A training stops at the first record with a class that its label map lacks.",
        "Add the classes to the list (and raise num_classes), or rename them in the annotations.",
        in_place=rules.ERROR, weight=3.0,
    ),
    faults.CLASS_OFFSET: Text(
        "class ids that are shifted by one", "class", rules.NOTE,
        "Every object is called by its neighbour's name in the list of classes, and the last or first one has none.",
        f"Shift the ids, or the list of names: {AS_PROPOSED.lower()}.",
        weight=4.0,
    ),
    faults.CLASS_UNUSED: Text(
        "classes without a box", "class", rules.NOTE,
        "The network has outputs for them that only ever learn to stay silent. It costs little; AP leaves them out.",
        "Check that it is no spelling of another name. Remove them from the label map if they will never come.",
    ),
    faults.CLASS_EMPTY_IN_SPLIT: Text(
        "classes that are missing in a split", "class", rules.NOTE,
        "What is not in training cannot be learnt; what is not in evaluation is not measured, and may be anything.",
        f"{AS_PROPOSED}: it moves pictures between the splits. Leave its lines out where the splits are published "
        "ones and figures are to be compared.",
        weight=2.0,
    ),
    faults.CLASS_RARE: Text(
        "classes with few boxes to learn from", "class", rules.NOTE,
        "From less than ten examples a detector learns these pictures, not the class; their AP is noise.",
        "Annotate more of them, or leave the classes out and judge by the others.",
    ),
    faults.CLASS_SHARE_DIFFERS: Text(
        "classes that are much more frequent in one split", "class", rules.WARNING,
        "The splits are not draws from one source: what is measured differs from what was learnt, by more than chance "
        "explains.",
        "Split the pictures at random (import with --split), unless the splits are published ones or the difference "
        "is meant.",
    ),
}  # fmt: skip

SETS: dict[str, Text] = {
    faults.ANNOTATIONS_SHIFTED: Text(
        "pictures whose boxes fit their neighbour", "picture", rules.ERROR,
        "Somewhere a file was left out or doubled, and since then each picture has the boxes of the one before or "
        "after it: nothing can be learnt.",
        "Rename the annotations, or the pictures, by one; look at the contact sheet where it starts.",
        weight=4.0,
    ),
    faults.PICTURES_WITHOUT_BOXES: Text(
        "pictures without boxes", "picture", rules.from_share(warning=0.5, error=1.0),
        "As examples of the mere background they help against false alarms. Where they show objects that nobody has "
        "annotated, they teach that these are none.",
        "Look at a few of them on the contact sheet.",
    ),
    faults.PICTURE_FEW_BOXES: Text(
        "pictures with suspiciously few boxes", "picture", rules.NOTE,
        "They have far less boxes than nearly all others: somebody may have stopped half-way. Objects that are left "
        "unlabelled are learnt as background, and found ones count as false alarms.",
        f"{LOOK}; finish their annotation, or leave them out.",
    ),
    faults.PICTURE_LACKS_CLASS: Text(
        "pictures that lack a class which nearly all others show", "picture", rules.NOTE,
        "Nearly every picture has a box of that class. Those without are either rare ones or not annotated to the end.",
        f"{LOOK}; add the missing boxes where there are objects.",
    ),
    faults.PICTURES_IDENTICAL: Text(
        "pictures that are in a split twice", "picture", rules.from_share(warning=0.01),
        "They count twice, in training or in the figure. Where their boxes differ, each contradicts the other.",
        f"{AS_PROPOSED}: it drops the later ones.",
    ),
    faults.PICTURES_ALIKE: Text(
        "pictures that look nearly the same as another of their split", "picture", rules.NOTE,
        "Frames of one film, or copies at another size. They add little to learn from, and a random split would put "
        "one into training and its twin into evaluation.",
        "Nothing needs to be done as long as they stay in one split; an import that makes splits keeps them together.",
    ),
    faults.LEAK_IDENTICAL: Text(
        "pictures of an evaluation split that are in training too", "picture", rules.LEAK,
        "What was trained on is measured again: the figure says how well pictures are remembered.",
        f"{AS_PROPOSED}: it takes the copies out of training.",
        weight=5.0,
    ),
    faults.LEAK_ALIKE: Text(
        "pictures of an evaluation split with a near-copy in training", "picture", rules.from_share(warning=0.0),
        "A picture that differs by a resize, a recompression or a fraction of a second is remembered, not recognised: "
        "the figure is better than the detector.",
        f"{AS_PROPOSED}: it takes the near-copies out of training. Frames of one film belong into one split.",
        weight=4.0,
    ),
}  # fmt: skip

FILES: dict[str, Text] = {
    faults.FILES_MISSING: Text(
        "files of the config that are not there", "file", rules.ERROR,
        "The run stops before its first step.",
        "Correct the path, or run from the folder that it is relative to.",
        weight=5.0,
    ),
    faults.FILES_OVERLAP: Text(
        "files that training and evaluation both read", "file", rules.ERROR,
        "What was trained on is measured again: the figure says how well pictures are remembered.",
        "Let the input_path of eval_input_reader name files that the training does not read.",
        weight=5.0,
    ),
    faults.SHARDS_MISSING: Text(
        "shards that are not read", "file", rules.from_share(warning=0.0, error=0.5),
        "A file name that ends in -of-NNNNN is one of so many: the rest of the data set takes no part.",
        'Name all of them with a glob in input_path: "name.record-*", and make sure that all are there.',
        weight=5.0,
    ),
    faults.SHARDS_UNSHUFFLED: Text(
        "files whose records stand in the order of their classes", "file", rules.NOTE,
        "Batches are drawn from a window over the files: with one class after the other in them, the network forgets "
        "each while it learns the next.",
        "Write the records anew in shuffled order: efficientdet import does. Or raise shuffle_buffer_size of the "
        "reader above the number of records.",
        in_place=rules.WARNING, weight=2.0,
    ),
}  # fmt: skip
