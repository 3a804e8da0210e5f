# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the codes of images mean: of each, and of those that a data set has together."""

from __future__ import annotations

from efficientdet.data import faults
from efficientdet.doctor.data.texts import severity_rules as rules
from efficientdet.doctor.data.texts.text import AS_PROPOSED, LOOK, Text

PICTURES: dict[str, Text] = {
    faults.PICTURE_EMPTY: Text(
        "are files of zero bytes", "image", rules.WARNING,
        "There is no image in them, as after a copy that was interrupted or a full disk. They are left out.",
        f"Copy them again from their origin, or leave them out: {AS_PROPOSED.lower()}.",
        in_place=rules.ERROR, weight=2.0,
    ),
    faults.PICTURE_UNREADABLE: Text(
        "are undecodable", "image", rules.WARNING,
        "They are damaged, or in a format that is not read (JPEG, PNG, BMP, WebP, TIFF and GIF are). A record with one "
        "would stop a training.",
        f"Replace them, or leave them out: {AS_PROPOSED.lower()}.",
        in_place=rules.ERROR, weight=2.0,
    ),
    faults.PICTURE_TRUNCATED: Text(
        "end too early", "image", rules.WARNING,
        "Their lower part is missing, and with it the objects that are annotated there.",
        f"Copy them again from their origin, or leave them out: {AS_PROPOSED.lower()}.",
        in_place=rules.ERROR, weight=2.0,
    ),
    faults.PICTURE_GIGANTIC: Text(
        "exceed the limit of pixels", "image", rules.WARNING,
        "Decoding one takes gigabytes of memory, and may end the run; files made to do that are refused too.",
        f"Reduce them, and their boxes with them, or leave them out: {AS_PROPOSED.lower()}.",
        in_place=rules.ERROR, weight=2.0,
    ),
    faults.PICTURE_MISNAMED: Text(
        "have another format than the name says", "image", rules.NOTE,
        "The content decides what a file is, so that nothing is lost here. Other tools may refuse them.",
        "Nothing needs to be done.",
    ),
    faults.PICTURE_ROTATED: Text(
        "are turned by EXIF data", "image", rules.NOTE,
        "Viewers show them upright while TensorFlow decodes them as stored, so that boxes drawn in a viewer end up "
        "beside their objects. An import turns the pixels.",
        "Look at them on the contact sheet: the boxes should lie on the objects.",
        in_place=rules.from_share(warning=0.0, error=0.1), weight=2.0,
    ),
    faults.PICTURE_CHANNELS: Text(
        "are not plain 8-bit RGB", "image", rules.NOTE,
        "Grey, palette, CMYK, 16-bit and transparent images are made RGB on import: grey is repeated, transparency "
        "ignored.",
        "Nothing needs to be done. If the network will meet colour images in use, train it on colour images too.",
    ),
    faults.PICTURE_SIZE_DIFFERS: Text(
        "have another size than annotated", "image", rules.WARNING,
        "The boxes were probably drawn before the image was resized or turned: they lie beside their objects.",
        f"{LOOK}. Where boxes do not fit, {AS_PROPOSED[0].lower()}{AS_PROPOSED[1:]}, or annotate those images "
        "anew.",
        in_place=rules.NOTE, weight=3.0,
    ),
    faults.ANNOTATIONS_SHIFTED: Text(
        "have boxes that fit a neighbour", "image", rules.ERROR,
        "Somewhere a file was left out or doubled, and since then each image has the boxes of the one before or "
        "after it: nothing can be learnt.",
        "Rename the annotations, or the images, by one; look at the contact sheet where it starts.",
        weight=3.0,
    ),
    faults.PICTURES_WITHOUT_BOXES: Text(
        "have no box", "image", rules.from_share(warning=0.5, error=1.0),
        "As examples of the mere background they help against false alarms. Where they show objects that nobody has "
        "annotated, they teach that these are none.",
        "Look at a few of them on the contact sheet.",
    ),
    faults.PICTURE_FEW_BOXES: Text(
        "have suspiciously few boxes", "image", rules.NOTE,
        "They have far fewer boxes than nearly all others: somebody may have stopped half-way. Objects that are left "
        "unlabelled are learnt as background, and found ones count as false alarms.",
        f"{LOOK}; finish their annotation, or leave them out.",
    ),
    faults.PICTURE_LACKS_CLASS: Text(
        "lack a class that nearly all others show", "image", rules.NOTE,
        "Nearly every image has a box of that class. Those without are either rare ones or not annotated to the end.",
        f"{LOOK}; add the missing boxes where there are objects.",
    ),
    faults.PICTURES_IDENTICAL: Text(
        "are in a split twice", "image", rules.from_share(warning=0.01),
        "They count twice, in training or in the figure. Where their boxes differ, each contradicts the other.",
        f"{AS_PROPOSED}: it drops the later ones.",
    ),
    faults.PICTURES_ALIKE: Text(
        "look nearly the same as another of the split", "image", rules.NOTE,
        "Frames of one film, or copies at another size. They add little to learn from, and a random split would put "
        "one into training and its twin into evaluation.",
        "Nothing needs to be done as long as they stay in one split; an import that makes splits keeps them together.",
    ),
    faults.LEAK_IDENTICAL: Text(
        "are in training too", "evaluation image", rules.LEAK,
        "What was trained on is measured again: the figure says how well images are remembered.",
        f"{AS_PROPOSED}: it takes the copies out of training.",
        weight=3.0,
    ),
    faults.LEAK_ALIKE: Text(
        "have a near-copy in training", "evaluation image", rules.WARNING,
        "An image that differs by a resize, a recompression or a fraction of a second is remembered, not recognised: "
        "the figure is better than the detector.",
        f"{AS_PROPOSED}: it takes the near-copies out of training. Frames of one film belong into one split.",
        weight=2.0,
    ),
}  # fmt: skip
