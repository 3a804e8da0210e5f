# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What this library writes: checkpoints of a training, checkpoints of an export, and SavedModels.

A checkpoint holds the network as `model`, and a training's holds the optimizer too, with the moving averages as its
slots. A SavedModel holds a list of variables; their names are those that they had in the program.
"""

from __future__ import annotations

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.weights.layout import PARTS, Contents, Conventions, Origin, Part
from efficientdet.weights.object_graph import AVERAGE_SLOT, slot_key, value_key
from efficientdet.weights.roles import ROLES_OF_OBJECTS, role_in
from efficientdet.weights.variables import variables_by_path

_ROOT = "model"
# The first variable of each kind of backbone: its path -> its name.
_FIRST_VARIABLES = {
    "backbone/stem/kernel": "backbone/stem/kernel",
    "backbone/stages/0/0/conv/kernel": "backbone/conv1_1/conv/kernel",
}
_SAVED_MODEL_LIST = "weights/"


class _OurLayout:
    """What the two have in common; see `layout.Layout`. Conventions are in the config, not in these files."""

    name: str
    parts: tuple[Part, ...] = PARTS
    conventions: Conventions | None = None
    warnings: tuple[str, ...] = ()
    is_ours = True

    def role(self, key: str) -> str:
        """See `layout.Layout`."""
        return role_in(ROLES_OF_OBJECTS, key)


class CheckpointLayout(_OurLayout):
    """A checkpoint of a training or of an export."""

    name = "efficientdet checkpoint"

    def origins(self, contents: Contents, model: DetectionModel) -> dict[str, Origin]:
        """See `layout.Layout`."""
        found = {}
        for path in variables_by_path(model):
            if key := value_key(contents, f"{_ROOT}/{path}"):
                average = slot_key(contents, f"{_ROOT}/{path}", AVERAGE_SLOT)
                found[path] = Origin((key,), average_keys=(average,) if average else ())
        return found


class SavedModelLayout(_OurLayout):
    """The variables of an exported SavedModel."""

    name = "efficientdet SavedModel"

    def origins(self, contents: Contents, model: DetectionModel) -> dict[str, Origin]:
        """See `layout.Layout`."""
        keys = contents.graph.keys_by_full_name if contents.graph else {}
        names = {path: variable.name.removesuffix(":0") for path, variable in variables_by_path(model).items()}
        return {path: Origin((keys[name],)) for path, name in names.items() if keys.get(name) in contents.shapes}


def detect_layout(contents: Contents) -> CheckpointLayout | SavedModelLayout | None:
    """Returns the layout of a file of this library, None for any other file."""
    if any(value_key(contents, f"{_ROOT}/{path}") for path in _FIRST_VARIABLES):
        return CheckpointLayout()
    keys = contents.graph.keys_by_full_name if contents.graph else {}
    if any(keys.get(name, "").startswith(_SAVED_MODEL_LIST) for name in _FIRST_VARIABLES.values()):
        return SavedModelLayout()
    return None
