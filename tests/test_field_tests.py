# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Every honoured field has a test that says, by `pytest.mark.field`, that it shows what the field does."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.descriptor_pool import Default

from efficientdet.field_accounts import schema_rows
from tests.conftest import COLLECTED_FIELDS, COLLECTED_FILES

_TESTS = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def marked(request: pytest.FixtureRequest) -> set[str]:
    """The fields that tests are marked with, those of slow tests too."""
    if set(_TESTS.rglob("test_*.py")) - request.config.stash[COLLECTED_FILES]:
        pytest.skip("not all test files were collected, so that not all marks are known")
    return request.config.stash[COLLECTED_FIELDS]


def _honoured() -> set[str]:
    return {f"{row.message}.{row.name}" for row in schema_rows() if row.account.kind == "honoured"}


def _values() -> set[str]:
    """The honoured fields that hold a value, or a message without fields; others are shown by what is in them."""
    types = {f"{row.message}.{row.name}": row.type.removeprefix("repeated ") for row in schema_rows()}
    return {name for name in _honoured() if not _has_fields(types[name])}


def _has_fields(type_name: str) -> bool:
    try:
        return bool(Default().FindMessageTypeByName(f"efficientdet.protos.{type_name}").fields)
    except KeyError:
        return False


def test_every_honoured_field_has_a_test(marked: set[str]) -> None:
    assert not (missing := sorted(_values() - marked)), missing


def test_no_mark_names_a_field_that_is_not_honoured(marked: set[str]) -> None:
    assert sorted(marked - _honoured()) == []
