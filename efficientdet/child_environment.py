# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What processes that this package starts for itself find in their environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import efficientdet

_TF_CONFIG = "TF_CONFIG"


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process that imports this very package, and is no worker of the cluster that this one is of.

    A child that took the place of its parent among the workers would wait for the others, and they for it.

    Args:
      environment: of this process; None: as it is.
    """
    environment = os.environ if environment is None else environment
    root = str(Path(efficientdet.__file__).resolve().parents[1])
    path = os.pathsep.join([root, *filter(None, [environment.get("PYTHONPATH")])])
    return {name: value for name, value in environment.items() if name != _TF_CONFIG} | {"PYTHONPATH": path}
