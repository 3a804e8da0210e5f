# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is said of one kind of finding."""

from __future__ import annotations

from typing import NamedTuple

from efficientdet.doctor.data.texts.severity_rules import SeverityRule

AS_PROPOSED = "Review fixes.diff, and import with --apply fixes.diff"
"""Opens a remedy; lower it after a comma."""

LOOK = "Look at the cases on the contact sheet"


class Text(NamedTuple):
    """What is said of one code.

    Attributes:
      what: closes the title, in the plural and with its verb first: "18 of 364 images | have suspiciously few boxes".
      unit: of what the count is a share, in the singular: "image", "evaluation image", "box", "class", "file" or
        "record".
      severity: by the share. A check that counts more than a share has the last word (see `Observation.severity`).
      why: why it matters.
      remedy: what to do.
      in_place: how bad it is where a run reads the files as they are, and no import mends them; None: the same.
      weight: what one of them costs, beside one that is merely lost: 2 where it misleads, 3 where it stops a run or
        makes its figure a wrong one.
    """

    what: str
    unit: str
    severity: SeverityRule
    why: str
    remedy: str
    in_place: SeverityRule | None = None
    weight: float = 1.0
