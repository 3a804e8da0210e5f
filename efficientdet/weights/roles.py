# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a tensor of a file is that no variable of a model is made of."""

from __future__ import annotations

import re
from collections.abc import Mapping

from efficientdet.weights.object_graph import AVERAGE_SLOT, SLOT


class Role:
    """All roles, so that reports say the same word for the same thing."""

    SLOT = "optimizer slot"
    TOP = "classifier top"
    DEAD_BLOCK = "dead block"
    AVERAGE = "moving average"
    TRAINED = "trained copy, not taken"  # of a variable whose moving average was
    COUNTER = "counter or setting"
    INPUT = "input normalisation"
    NOT_ASKED_FOR = "not asked for"  # a variable of the model all the same
    OTHER_SHAPE = "another shape"  # than the variable that it would be
    UNKNOWN = "unknown"


ROLES_OF_OBJECTS = {
    rf"{re.escape(SLOT)}.*/{AVERAGE_SLOT}/": Role.AVERAGE,
    re.escape(SLOT): Role.SLOT,
    r"^(optimizer|save_counter|step|global_step)/": Role.COUNTER,
}
"""Regular expression -> role, of what object-based checkpoints hold beside the weights, whoever wrote them."""


def role_in(roles: Mapping[str, str], key: str) -> str:
    """The role of the first regular expression that occurs in a tensor's name; "unknown" if none does."""
    return next((role for pattern, role in roles.items() if re.search(pattern, key)), Role.UNKNOWN)
