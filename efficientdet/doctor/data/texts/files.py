# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the codes of annotation and record files mean."""

from __future__ import annotations

from efficientdet.data import faults
from efficientdet.doctor.data.texts import severity_rules as rules
from efficientdet.doctor.data.texts.text import AS_PROPOSED, Text

FILES: dict[str, Text] = {
    faults.ANNOTATION_UNREADABLE: Text(
        "have an annotation that cannot be read", "image", rules.from_share(warning=0.0, error=0.2),
        "Their images are left out: with their objects unknown, they would teach that there are none.",
        "Mend or delete the files named below.",
        weight=2.0,
    ),
    faults.ANNOTATION_MISSING: Text(
        "have no annotation", "image", rules.from_share(warning=0.1, error=0.5),
        "They are taken as images without any object. Right for images of the mere background; where there are "
        "objects, training punishes the network for finding them.",
        "Check that the folder of annotations is complete, and that its names are those of the images. "
        "Background images need nothing.",
    ),
    faults.PICTURE_LEFT_OUT: Text(
        "have no annotation, and are left out", "image", rules.from_share(warning=0.1),
        "Nothing is learnt from them, nor measured on them. Where they show objects, annotations may have been lost.",
        "Check that the folder of annotations is complete, and that its names are those of the images. To have them as "
        "background images, give them an annotation without a box.",
    ),
    faults.ANNOTATION_ODD: Text(
        "have an annotation of an unusual form", "image", rules.NOTE,
        "They were read as well as can be: shapes that are no boxes became the boxes around them.",
        "Look at a few on the contact sheet; usually nothing is to be done.",
    ),
    faults.PICTURE_MISSING: Text(
        "are annotated, and missing", "image", rules.from_share(warning=0.1, error=0.5),
        "What they say is lost: nothing can be learnt from boxes without their image.",
        "Add the images, or delete the annotations. If it is most of them, name the folder of the images with "
        "--image_dir.",
    ),
    faults.SPLIT_OVERLAP: Text(
        "are listed in two splits", "image", rules.WARNING,
        "What was trained on is measured again: the figure says how well images are remembered.",
        f"Keep each image in one split. {AS_PROPOSED}, which takes them out of training.",
        in_place=rules.LEAK, weight=3.0,
    ),
    faults.RECORD_UNREADABLE: Text(
        "are unreadable", "record", rules.WARNING,
        "They are damaged, or no tf.Example with an image and boxes. A training stops when it comes to one, which may "
        "be hours after its start.",
        "Import the data set again from its source; an import leaves out what cannot be read, and names it.",
        in_place=rules.ERROR, weight=3.0,
    ),
    faults.SHARDS_UNSHUFFLED: Text(
        "have their records in the order of the classes", "file", rules.NOTE,
        "Batches are drawn from a window over the files: with one class after the other in them, the network forgets "
        "each while it learns the next.",
        "Write the records anew in shuffled order: efficientdet import does. Or raise shuffle_buffer_size of the "
        "reader above the number of records.",
        in_place=rules.WARNING, weight=2.0,
    ),
}  # fmt: skip
