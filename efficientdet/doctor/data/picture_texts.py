# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the codes of files and pictures mean."""

from __future__ import annotations

from efficientdet.data import faults
from efficientdet.doctor.data import severity_rules as rules
from efficientdet.doctor.data.text import AS_PROPOSED, LOOK, Text

READING: dict[str, Text] = {
    faults.ANNOTATION_UNREADABLE: Text(
        "annotations that cannot be read", "picture", rules.from_share(warning=0.0, error=0.2),
        "Their pictures are left out: with their objects unknown, they would teach that there are none.",
        "Mend or delete the files named below.",
        weight=2.0,
    ),
    faults.ANNOTATION_MISSING: Text(
        "pictures without an annotation", "picture", rules.from_share(warning=0.1, error=0.5),
        "They are taken as pictures without any object. Right for pictures of the mere background; where there are "
        "objects, training punishes the network for finding them.",
        "Check that the folder of annotations is complete, and that its names are those of the pictures. "
        "Background pictures need nothing.",
    ),
    faults.ANNOTATION_ODD: Text(
        "annotations of an unusual form", "picture", rules.NOTE,
        "They were read as well as can be: shapes that are no boxes became the boxes around them.",
        "Look at a few on the contact sheet; usually nothing is to be done.",
    ),
    faults.PICTURE_MISSING: Text(
        "annotations whose picture is missing", "picture", rules.from_share(warning=0.1, error=0.5),
        "What they say is lost: nothing can be learnt from boxes without their picture.",
        "Add the pictures, or delete the annotations. If it is most of them, name the folder of the pictures with "
        "--image_dir.",
    ),
    faults.SPLIT_OVERLAP: Text(
        "pictures listed in two splits", "picture", rules.WARNING,
        "What was trained on is measured again: the figure says how well pictures are remembered.",
        f"Keep each picture in one split. {AS_PROPOSED}, which takes them out of training.",
        in_place=rules.LEAK, weight=5.0,
    ),
    faults.RECORD_UNREADABLE: Text(
        "records that cannot be read", "record", rules.WARNING,
        "They are damaged, or no tf.Example with a picture and boxes. A training stops when it comes to one, which may "
        "be hours after its start.",
        "Import the data set again from its source; an import leaves out what cannot be read, and names it.",
        in_place=rules.ERROR, weight=5.0,
    ),
}  # fmt: skip

PICTURES: dict[str, Text] = {
    faults.PICTURE_EMPTY: Text(
        "picture files of zero bytes", "picture", rules.WARNING,
        "There is no picture in them, as after a copy that was interrupted or a full disk. They are left out.",
        f"Copy them again from their origin, or leave them out: {AS_PROPOSED.lower()}.",
        in_place=rules.ERROR, weight=2.0,
    ),
    faults.PICTURE_UNREADABLE: Text(
        "pictures that cannot be decoded", "picture", rules.WARNING,
        "They are damaged, or in a format that is not read (JPEG, PNG, BMP, WebP, TIFF and GIF are). A record with one "
        "would stop a training.",
        f"Replace them, or leave them out: {AS_PROPOSED.lower()}.",
        in_place=rules.ERROR, weight=2.0,
    ),
    faults.PICTURE_TRUNCATED: Text(
        "pictures that end too early", "picture", rules.WARNING,
        "Their lower part is missing, and with it the objects that are annotated there.",
        f"Copy them again from their origin, or leave them out: {AS_PROPOSED.lower()}.",
        in_place=rules.ERROR, weight=2.0,
    ),
    faults.PICTURE_GIGANTIC: Text(
        "pictures beyond the limit of pixels", "picture", rules.WARNING,
        "Decoding one takes gigabytes of memory, and may end the run; files made to do that are refused too.",
        f"Reduce them, and their boxes with them, or leave them out: {AS_PROPOSED.lower()}.",
        in_place=rules.ERROR, weight=2.0,
    ),
    faults.PICTURE_MISNAMED: Text(
        "pictures of another format than their name says", "picture", rules.NOTE,
        "The content decides what a file is, so that nothing is lost here. Other tools may refuse them.",
        "Nothing needs to be done.",
    ),
    faults.PICTURE_ROTATED: Text(
        "pictures that their EXIF data turns", "picture", rules.NOTE,
        "Viewers show them upright while TensorFlow decodes them as stored, so that boxes drawn in a viewer end up "
        "beside their objects. An import turns the pixels.",
        "Look at them on the contact sheet: the boxes should lie on the objects.",
        in_place=rules.from_share(warning=0.0, error=0.1), weight=2.0,
    ),
    faults.PICTURE_CHANNELS: Text(
        "pictures that are not plain 8-bit RGB", "picture", rules.NOTE,
        "Grey, palette, CMYK, 16-bit and transparent pictures are made RGB on import: grey is repeated, transparency "
        "ignored.",
        "Nothing needs to be done. If the network will meet colour pictures in use, train it on colour pictures too.",
    ),
    faults.PICTURE_SIZE_DIFFERS: Text(
        "pictures of another size than annotated", "picture", rules.WARNING,
        "The boxes were probably drawn before the picture was resized or turned: they lie beside their objects.",
        f"{LOOK}. Where boxes do not fit, {AS_PROPOSED[0].lower()}{AS_PROPOSED[1:]}, or annotate those pictures "
        "anew.",
        in_place=rules.NOTE, weight=3.0,
    ),
}  # fmt: skip
