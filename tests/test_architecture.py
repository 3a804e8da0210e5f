# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The direction of imports: a floor sees only lower floors, and neighbours do not see each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_PACKAGE = Path(__file__).resolve().parents[1] / "efficientdet"

# Lowest first. Rooms on one floor are neighbours. The floors of the config stand beside the tensors' floors: only
# `builders` and what is above read messages, plus the readers of label maps and records.
_FLOORS = [
    {"types", "errors", "field_paths", "atomic_write", "child_process", "process_memory", "start_up"},
    {"protos", "ops"},
    {"text_positions", "lineage", "verdicts"},
    {"overrides", "field_verdicts", "config_differences"},
    {"config_checks"},
    {"config"},
    {"field_accounts"},
    {"modeling", "data", "losses", "visualization"},
    {"detector"},
    {"evaluation", "export", "weights"},
    {"training", "inference"},
    {"builders", "model_directory"},
    {"run_record"},
    {"experiment", "conversion", "fine_tuning"},
    {"doctor"},
    {"tuning"},
    {"bench"},
    {"cli"},
]
_FLOOR_OF = {room: height for height, rooms in enumerate(_FLOORS) for room in rooms}
_CONFIG_ROOMS = {
    "protos", "field_paths", "text_positions", "lineage", "verdicts", "overrides", "field_verdicts", "config_checks",
    "config", "field_accounts", "config_differences",
}  # fmt: skip
_MESSAGE_READERS = _CONFIG_ROOMS | {
    "builders",
    "model_directory",
    "run_record",
    "experiment",
    "conversion",
    "fine_tuning",
    "doctor",
    "tuning",
    "bench",
    "cli",
}
_FILE_PROTOS = ("efficientdet.protos.string_int_label_map_pb2", "efficientdet.protos.example_pb2")  # no config in them


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _modules() -> list[Path]:
    return [path for path in sorted(_PACKAGE.rglob("*.py")) if path != _PACKAGE / "__init__.py"]


def _room(path: Path) -> str:
    parts = path.relative_to(_PACKAGE).parts
    return parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(_PACKAGE)))
def test_a_module_imports_only_from_lower_floors(path: Path) -> None:
    room = _room(path)
    assert room in _FLOOR_OF, f"{room} has no floor: give it one in this test"
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] != "efficientdet" or len(parts) < 2 or parts[1] not in _FLOOR_OF or parts[1] == room:
            continue
        assert _FLOOR_OF[parts[1]] < _FLOOR_OF[room], f"{path.name} ({room}) must not import {name}"
        if parts[1] in _CONFIG_ROOMS and not name.startswith(_FILE_PROTOS):
            assert room in _MESSAGE_READERS, f"{path.name} is a component and must know nothing of config: {name}"


@pytest.mark.parametrize("path", sorted((_PACKAGE / "data").rglob("*.py")), ids=lambda path: path.stem)
def test_a_data_set_passes_from_importers_to_survey_to_files(path: Path) -> None:
    flow = ["importers", "survey", "dataset_files"]
    here = path.relative_to(_PACKAGE / "data").parts[0]
    later = flow[flow.index(here) + 1 :] if here in flow else flow
    for name in _imports(path):
        assert not name.startswith(tuple(f"efficientdet.data.{part}" for part in later)), (
            f"{path} must not import {name}"
        )


def test_every_floor_names_rooms_that_exist() -> None:
    existing = {_room(path) for path in _modules()}
    assert set(_FLOOR_OF) - existing == set()
