# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is said of one kind of finding."""

from __future__ import annotations

from typing import NamedTuple

from efficientdet.doctor.data.severity_rules import SeverityRule

AS_PROPOSED = "Review fixes.diff, and import with --apply fixes.diff"
"""Opens a remedy; lower it after a comma."""

LOOK = "Look at the cases on the contact sheet"


class Text(NamedTuple):
    """What is said of one code.

    Attributes:
      what: opens the title; figures follow it.
      unit: of what the count is a share, in the singular: "picture", "box", "class", "file", "record".
      severity: by the share.
      why: why it matters.
      remedy: what to do.
      in_place: how bad it is where a run reads the files as they are, and no import mends them; None: the same.
      weight: orders findings of one severity, against others of an equal share.
    """

    what: str
    unit: str
    severity: SeverityRule
    why: str
    remedy: str
    in_place: SeverityRule | None = None
    weight: float = 1.0
