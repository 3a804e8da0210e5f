# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What tensors are that no variable is made of."""

from __future__ import annotations

import pytest

from efficientdet.weights.roles import ROLES_OF_OBJECTS, Role, role_in

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


@pytest.mark.parametrize(
    ("key", "role"),
    [
        ("model/stem/kernel/.OPTIMIZER_SLOT/optimizer/average", Role.AVERAGE),
        ("model/stem/kernel/.OPTIMIZER_SLOT/optimizer/momentum", Role.SLOT),
        ("model/average/kernel/.OPTIMIZER_SLOT/optimizer/momentum", Role.SLOT),
        ("optimizer/iter", Role.COUNTER),
        ("step", Role.COUNTER),
        ("save_counter", Role.COUNTER),
        ("model/step/kernel", Role.UNKNOWN),
        ("stepping/kernel", Role.UNKNOWN),
        ("model/average/kernel", Role.UNKNOWN),
    ],
)
def test_roles_of_objects(key: str, role: str) -> None:
    assert role_in(ROLES_OF_OBJECTS, key + _VALUE) == role


def test_the_first_of_the_expressions_counts() -> None:
    assert role_in({"^a": "first", "b": "second"}, "ab") == "first"
    assert role_in({"^a": "first", "b": "second"}, "cb") == "second"
    assert role_in({}, "ab") == "unknown"
