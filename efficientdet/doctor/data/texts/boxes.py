# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the codes of boxes mean."""

from __future__ import annotations

from efficientdet.data import faults
from efficientdet.doctor.data.texts import severity_rules as rules
from efficientdet.doctor.data.texts.text import AS_PROPOSED, LOOK, Text

BOXES: dict[str, Text] = {
    faults.BOX_NOT_FINITE: Text(
        "have a coordinate that is no number", "box", rules.FEW_BOXES_ARE_FINE,
        "The box is lost and its object becomes background. In a record it would stop the training.",
        f"Annotate the object again, or remove the box: {AS_PROPOSED.lower()}.",
        in_place=rules.ERROR,
    ),
    faults.BOX_INVERTED: Text(
        "have exchanged corners", "box", rules.FEW_BOXES_ARE_FINE,
        "Their maximum is below their minimum: they have no area, and their objects become background.",
        f"{AS_PROPOSED}: it exchanges the corners.",
        in_place=rules.ERROR,
    ),
    faults.BOX_ZERO_AREA: Text(
        "have no area", "box", rules.FEW_BOXES_ARE_FINE,
        "A click without a drag, mostly. No anchor can match such a box: it is dropped, and an object that it was "
        "meant for becomes background.",
        f"Draw the box anew, or remove it: {AS_PROPOSED.lower()}.",
    ),
    faults.BOX_OUTSIDE: Text(
        "lie completely outside the image", "box", rules.from_share(warning=0.001, error=0.3),
        "They belong to another image, or to this one at another size. They are dropped.",
        f"{LOOK}; annotate the image anew, or remove the boxes: {AS_PROPOSED.lower()}.",
        in_place=rules.ERROR, weight=2.0,
    ),
    faults.BOX_CLIPPED: Text(
        "reach out of the image", "box", rules.from_share(warning=0.02),
        "They are cut off at the border. A few are careless drawing; many mean that the annotations were made on "
        "images of another size.",
        f"{AS_PROPOSED}: it cuts them off. If they are many, look at the contact sheet first.",
    ),
    faults.BOX_NORMALISED: Text(
        "are in fractions where the format has pixels", "box", rules.FRAME,
        "Read as pixels they are specks in the upper left corner: nothing is learnt of their objects.",
        f"{AS_PROPOSED}: it multiplies them by the size of their image.",
        weight=3.0,
    ),
    faults.BOX_IN_PIXELS: Text(
        "are in pixels where the format has fractions", "box", rules.FRAME,
        "They lie far outside the image: they are lost, or stop the training.",
        f"{AS_PROPOSED}: it divides them by the size of their image.",
        in_place=rules.ERROR, weight=3.0,
    ),
    faults.BOX_AXES_SWAPPED: Text(
        "have x and y exchanged", "box", rules.FRAME,
        "They are mirrored across the diagonal of the image, and lie on other things than their objects.",
        f"{AS_PROPOSED}: it exchanges the axes. Look at the contact sheet first.",
        weight=3.0,
    ),
    faults.BOX_OFF_BY_ONE: Text(
        "are counted from pixel 1", "box", rules.NOTE,
        "All of them lie one pixel too far to the right and down. Large objects do not mind; of an object of 10 pixels "
        "it is a tenth.",
        f"{AS_PROPOSED}: it moves them back by one pixel.",
    ),
    faults.BOX_DUPLICATE: Text(
        "are there twice", "box", rules.FEW_BOXES_ARE_FINE,
        "One object counts as two: a detector can find it once at best, so that recall and AP are below what they "
        "should be.",
        f"{AS_PROPOSED}: it removes the second one.",
    ),
    faults.BOX_NEAR_DUPLICATE: Text(
        "lie on nearly the same place as another of the class", "box", rules.FEW_BOXES_ARE_FINE,
        "Mostly one object that was annotated twice. Suppression leaves one detection of the two, so that the other "
        "box counts as missed.",
        f"{LOOK}; where it is one object, remove one box: {AS_PROPOSED.lower()}.",
    ),
    faults.BOX_TWO_CLASSES: Text(
        "lie on the place of a box of another class", "box", rules.from_share(warning=0.01),
        "The same pixels are to be two things. Right for classes that include each other; else one of the two is a "
        "mistake, and teaches the opposite of the other.",
        f"{LOOK}, and remove the wrong ones.",
    ),
    faults.BOXES_TOO_MANY: Text(
        "have more boxes than max_number_of_boxes", "image", rules.from_share(warning=0.0, error=0.5),
        "Training cuts the list of boxes off there: the objects behind that become background.",
        "Raise train_config.max_number_of_boxes to the greatest number named below.",
        weight=2.0,
    ),
    faults.BOX_TINY: Text(
        "have only a few pixels in the network's input", "box", rules.from_share(warning=0.05),
        "After the resize little is left of these objects: no detector of this resolution can tell them from noise, "
        "and they pull the training towards guessing.",
        "Choose a larger input (model.ssd.image_resizer), cut the images into tiles, or leave out classes of which "
        "most boxes are that small.",
    ),
    faults.BOX_UNMATCHABLE: Text(
        "overlap no anchor enough", "box", rules.NOTE,
        "No anchor comes to matched_threshold with them, at this size of the input: at best a single poor one is "
        "forced onto each, and they are learnt late or never.",
        "Choose a larger input, or anchors that fit: smaller ones (anchor_scale) for small objects, other "
        "aspect_ratios for long ones.",
    ),
}  # fmt: skip
