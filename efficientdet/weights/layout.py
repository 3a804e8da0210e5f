# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What every kind of weight file has in common: tensors by name, and a layout that says which variable each one is.

A *file* (`Contents`) knows names, shapes and values, and nothing of networks. A *layout* knows how one library names
the variables of a detector, and reads nothing. `restore` joins the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import Endpoints
from efficientdet.ops.anchors import AnchorOrder
from efficientdet.ops.box_coder import BoxScales

if TYPE_CHECKING:
    from efficientdet.weights.object_graph import ObjectGraph

Part = Literal["backbone", "fpn", "heads"]
PARTS: tuple[Part, ...] = ("backbone", "fpn", "heads")
Format = Literal["object-based checkpoint", "name-based checkpoint", "HDF5 file", "PyTorch file"]
BoxCodes = Literal["centers and sizes", "corners"]
NAMED_FORMATS: tuple[Format, ...] = ("name-based checkpoint", "HDF5 file")
"""The formats whose tensors go by the names that variables had in their program."""


@dataclass(frozen=True)
class Contents:
    """The tensors of one file or checkpoint, by the names it gives them.

    Attributes:
      path: what errors and reports call it.
      format: how it is stored.
      shapes: of every tensor, by name. Strings and the object graph are left out.
      read: returns the value of a tensor; raises CheckpointError where the file is damaged.
      graph: of an object-based checkpoint: its objects, for layouts that look variables up by attribute path.
    """

    path: str
    format: Format
    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[str], np.ndarray]
    graph: ObjectGraph | None = None


def as_stored(values: Sequence[np.ndarray]) -> np.ndarray:
    """The conversion of a variable that is stored as it is: the one tensor."""
    (value,) = values
    return value


class Origin(NamedTuple):
    """Where in a file the value of one of our variables comes from.

    Attributes:
      keys: the tensors it is made of, by their names in the file; one nearly always.
      convert: makes the variable's value of theirs.
      average_keys: the moving averages of the same, where the file holds them: as many as `keys`, or none.
      larger_shape: of the one tensor, where `convert` leaves some of it out; empty where it leaves out nothing.
    """

    keys: tuple[str, ...]
    convert: Callable[[Sequence[np.ndarray]], np.ndarray] = as_stored
    average_keys: tuple[str, ...] = ()
    larger_shape: tuple[int, ...] = ()


class Conventions(NamedTuple):
    """What the numbers of a detector mean beyond its architecture: those of a source and of a model are compared.

    Attributes:
      endpoints: which blocks of the backbone feed the pyramid; None where the backbone leaves no choice.
      anchor_order: of the anchors in a cell, and so of the predictors' output channels; None for those of SSD, which
        have one order.
      box_scales: multipliers of the box codes that the box head predicts.
      labels: class row -> name; None where it is not known.
      why_unlabelled: the reason, if it is not.
      is_assumed: nothing tells what a file means: it is taken to mean what the model does.
      box_codes: what they are offsets of. Scales turn codes into others of their kind only.
      background: the first class slot is the background's.
    """

    endpoints: Endpoints | None
    anchor_order: AnchorOrder | None
    box_scales: BoxScales
    labels: Mapping[int, str] | None = None
    why_unlabelled: str = "the file does not name its classes"
    is_assumed: bool = False
    box_codes: BoxCodes = "centers and sizes"
    background: bool = False


class Layout(Protocol):
    """How one library names the variables of a detector, or of its backbone.

    Attributes:
      name: for reports and errors: "TFOD checkpoint", "google/automl checkpoint (TensorFlow 1)", ...
      parts: what such a file holds: ("backbone",) for classification networks.
      conventions: of the library's detectors; None for classification networks, and where the file does not tell.
      warnings: of what is unusual in this file.
      is_ours: this library wrote the file: a config beside it tells its conventions.
    """

    @property
    def name(self) -> str:
        """See the class."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """See the class."""

    @property
    def conventions(self) -> Conventions | None:
        """See the class."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """See the class."""

    @property
    def is_ours(self) -> bool:
        """See the class."""

    def origins(self, contents: Contents, model: DetectionModel) -> dict[str, Origin]:
        """Says where the variables of a model are in a file.

        Args:
          contents: of the layout.
          model: whose variables are looked for; `variables_by_path(model)` names them.

        Returns:
          Our path -> origin, for each variable of `parts` that the file holds under any shape; the others are absent.
        """

    def role(self, key: str) -> str:
        """What a tensor is that no variable of the model comes from.

        Args:
          key: its name in the file.

        Returns:
          One of `roles.Role`: "unknown" if it is none that the layout knows.
        """


class WeightFile(NamedTuple):
    """A file of weights, and the layout that was recognised in it."""

    contents: Contents
    layout: Layout

    def __str__(self) -> str:
        """What errors call it."""
        return f"{self.contents.path} ({self.layout.name})"
