# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The objects of a TensorFlow 2 checkpoint: which path of attributes leads to which of its tensors.

A variable that two attributes lead to is stored once, under one of the two paths; which one depends on the version of
TensorFlow that wrote it. The graph knows both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tensorflow.core.protobuf import trackable_object_graph_pb2

if TYPE_CHECKING:
    from efficientdet.weights.layout import Contents

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
"""What follows the path of a variable in the name of its tensor."""
SLOT = "/.OPTIMIZER_SLOT/"
"""What follows the path of a variable in the name of a tensor that an optimizer keeps for it."""
AVERAGE_SLOT = "average"
"""The slot in which optimizers keep moving averages, those of this library and of the Object Detection API alike."""
GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The tensor that holds the graph: in every object-based checkpoint, and in no other."""

_ROOT = 0
_VALUE_ATTRIBUTE = "VARIABLE_VALUE"


class ObjectGraph:
    """Looks tensors up by path of attributes, by optimizer slot, and by the name that a variable had in its program.

    Args:
      serialized: the `TrackableObjectGraph` message, as the checkpoint holds it.

    Raises:
      google.protobuf.message.DecodeError: it is no such message.
    """

    def __init__(self, serialized: bytes) -> None:
        nodes = trackable_object_graph_pb2.TrackableObjectGraph.FromString(serialized).nodes
        self._children = {
            number: {escaped(child.local_name): child.node_id for child in node.children}
            for number, node in enumerate(nodes)
        }
        values = {
            number: attribute
            for number, node in enumerate(nodes)
            for attribute in node.attributes
            if attribute.name == _VALUE_ATTRIBUTE
        }
        self._keys = {number: attribute.checkpoint_key for number, attribute in values.items()}
        self._slots = {
            (slot.original_variable_node_id, slot.slot_name): slot.slot_variable_node_id
            for node in nodes
            for slot in node.slot_variables
        }
        slots = set(self._slots.values())
        self._keys_by_full_name = {
            attribute.full_name: attribute.checkpoint_key
            for number, attribute in values.items()
            if attribute.full_name and number not in slots
        }

    @property
    def keys_by_full_name(self) -> Mapping[str, str]:
        """Name of a variable in the program that saved it (`variable.name` without ":0") -> tensor; no slots."""
        return self._keys_by_full_name

    def key(self, path: str) -> str | None:
        """Returns the tensor of the variable that a path from the root leads to; None if there is none.

        Args:
          path: such as "model/backbone/stem/kernel", with special characters written as in the names of tensors.
        """
        node = self._node(path)
        return None if node is None else self._keys.get(node)

    def slot_key(self, path: str, slot: str) -> str | None:
        """Returns the tensor that an optimizer keeps for a variable, None if there is none.

        Args:
          path: of the variable, see `key`.
          slot: such as "momentum" or "average".
        """
        node = self._node(path)
        kept = None if node is None else self._slots.get((node, slot))
        return None if kept is None else self._keys.get(kept)

    def _node(self, path: str) -> int | None:
        node = _ROOT
        for name in path.split("/"):
            following = self._children.get(node, {}).get(name)
            if following is None:
                return None
            node = following
        return node


def value_key(contents: Contents, path: str) -> str | None:
    """Returns the tensor of a variable, None if the file has none.

    Args:
      contents: of an object-based checkpoint. Without its graph, the one path that the name of the tensor holds counts.
      path: of attributes, see `ObjectGraph.key`.
    """
    key = contents.graph.key(path) if contents.graph else path + VALUE
    return key if key in contents.shapes else None


def slot_key(contents: Contents, path: str, slot: str) -> str | None:
    """Returns the tensor that an optimizer kept for a variable, None if the file has none; see `value_key`."""
    key = contents.graph.slot_key(path, slot) if contents.graph else f"{path}{SLOT}optimizer/{slot}{VALUE}"
    return key if key in contents.shapes else None


def escaped(name: str) -> str:
    """The name of an attribute or dictionary key as it stands in a path."""
    return name.replace(".", "..").replace("/", ".S")
