# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Rules that tie several fields together, and what a config must say before it can train, evaluate or be exported.

Rules on one field are in verdicts/. Nothing here looks at files: whether a path leads anywhere is found out by
whoever opens it.
"""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.config_checks import augmentation, model, training
from efficientdet.config_checks.completeness import Purpose as Purpose
from efficientdet.config_checks.completeness import missing as missing
from efficientdet.config_checks.kinds import apply_rules
from efficientdet.config_checks.notes import notes as notes
from efficientdet.field_verdicts import Finding

_ORDERED = {**model.ORDERED, **augmentation.ORDERED}
_RULES = (*model.RULES, *training.RULES, *augmentation.RULES)


def contradictions(root: Message) -> Iterator[Finding]:
    """Yields an error for every pair of fields in `root` that contradict each other."""
    for path, message in field_paths.messages(root):
        for least, most in _ORDERED.get(type(message), ()):
            bound = getattr(message, most)
            if getattr(message, least) > bound:
                text = f"must be at most {most} ({bound if isinstance(bound, int) else f'{bound:g}'})"
                yield Finding(field_paths.join(path, least), text, is_error=True)
    for path, text in apply_rules(root, _RULES):
        yield Finding(path, text, is_error=True)
