# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is wrong with a data set, case by case, and what would mend it. No TensorFlow.

A fault is one case, found by whoever reads a format or looks at a picture; `doctor.data` groups them and says what they
mean. A fix is an edit of an annotation as it was read: nothing of the user's is touched, an import applies it on the
way.
"""

from __future__ import annotations

from typing import NamedTuple


class Fix(NamedTuple):
    """One edit of what was read.

    Attributes:
      file: annotation or picture, relative to the data set's root, with forward slashes; "*" for every file.
      place: what it is about inside the file: "object 12", "line 3", "annotations[7]"; "" for a picture as a whole.
      before: what stands there now, see `data.importers.fixes` for the forms: "box RBC 504 337 504 337", "class Car",
        "picture train". An edit whose `before` does not stand there any more is an error.
      after: the same form; "" removes it.
    """

    file: str
    place: str
    before: str
    after: str


class Fault(NamedTuple):
    """One case of something wrong.

    Attributes:
      code: one of the constants below.
      file: annotation, picture or record file, relative to the data set's root where it is inside.
      place: inside the file, as in `Fix`; "" for the file as a whole.
      detail: the value and the rule: "xmax 700 is beyond the width 640".
      row: of the picture in the survey, to draw it; -1 for none.
      box: (ymin, xmin, ymax, xmax) in pixels of the upright picture, to draw it.
      fix: what would mend it, if anything does without a person's eye.
    """

    code: str
    file: str
    place: str
    detail: str
    row: int = -1
    box: tuple[float, float, float, float] | None = None
    fix: Fix | None = None

    @property
    def where(self) -> str:
        """File and place, for people."""
        return f"{self.file}: {self.place}" if self.place else self.file


# Found while the files of a data set are listed and read.
ANNOTATION_UNREADABLE = "annotation-unreadable"
ANNOTATION_MISSING = "annotation-missing"  # a picture that nothing is said of, taken for one without objects
PICTURE_LEFT_OUT = "picture-left-out"  # a picture that nothing is said of, where that leaves it out of the data set
ANNOTATION_ODD = "annotation-odd"  # a shape that is no box, an unknown column; read as well as can be
PICTURE_MISSING = "picture-missing"  # an annotation whose picture is not there
SPLIT_OVERLAP = "split-overlap"  # one picture listed in two splits
RECORD_UNREADABLE = "record-unreadable"  # a TFRecord that is damaged, or no tf.Example, or lacks its picture
# Found in a picture.
PICTURE_EMPTY = "picture-empty"  # zero bytes
PICTURE_UNREADABLE = "picture-unreadable"
PICTURE_TRUNCATED = "picture-truncated"
PICTURE_GIGANTIC = "picture-gigantic"  # more pixels than the limit
PICTURE_MISNAMED = "picture-misnamed"  # the content is another format than the suffix says
PICTURE_ROTATED = "picture-rotated"  # EXIF orientation
PICTURE_CHANNELS = "picture-channels"  # grey, palette, CMYK, alpha, 16 bits
PICTURE_SIZE_DIFFERS = "picture-size-differs"  # from the annotated size
# Found in a box, as annotated.
BOX_NOT_FINITE = "box-not-finite"
BOX_INVERTED = "box-inverted"
BOX_ZERO_AREA = "box-zero-area"
BOX_OUTSIDE = "box-outside"  # completely
BOX_CLIPPED = "box-clipped"  # reaches outside
BOX_NORMALISED = "box-normalised"  # fractions where pixels are expected
BOX_IN_PIXELS = "box-in-pixels"  # pixels where fractions are expected
BOX_AXES_SWAPPED = "box-axes-swapped"  # x and y exchanged
BOX_OFF_BY_ONE = "box-off-by-one"  # pixels counted from 1, in a data set
BOX_DUPLICATE = "box-duplicate"  # same class, same place
BOX_NEAR_DUPLICATE = "box-near-duplicate"  # same class, IoU > .8
BOX_TWO_CLASSES = "box-two-classes"  # same place, another class
# Found over a data set.
ANNOTATIONS_SHIFTED = "annotations-shifted"  # the boxes of a picture fit its neighbour: a sequence is off by one frame
PICTURES_WITHOUT_BOXES = "pictures-without-boxes"
PICTURE_FEW_BOXES = "picture-few-boxes"  # far fewer than the data set's pictures have
PICTURE_LACKS_CLASS = "picture-lacks-class"  # that nearly every other picture shows
BOXES_TOO_MANY = "boxes-too-many"  # more than max_number_of_boxes
BOX_TINY = "box-tiny"  # after the resize to the network's input
BOX_UNMATCHABLE = "box-unmatchable"  # no anchor overlaps enough
CLASS_TYPO = "class-typo"  # "car", "Car", "car\n"
CLASS_UNKNOWN = "class-unknown"  # not in the label map
CLASS_OFFSET = "class-offset"  # ids that are shifted against the label map's, or start at 0
CLASS_UNUSED = "class-unused"  # in the label map, without a box
CLASS_EMPTY_IN_SPLIT = "class-empty-in-split"
CLASS_RARE = "class-rare"
CLASS_SHARE_DIFFERS = "class-share-differs"  # between splits
PICTURES_IDENTICAL = "pictures-identical"  # within a split
PICTURES_ALIKE = "pictures-alike"
LEAK_IDENTICAL = "leak-identical"  # across splits
LEAK_ALIKE = "leak-alike"
SHARDS_UNSHUFFLED = "shards-unshuffled"  # one class after the other
