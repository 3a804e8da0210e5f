# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""EfficientDet for TensorFlow 2, driven by TFOD-style pipeline configs.

Importing this package is cheap: TensorFlow is imported by the first name that needs it, so that a config can be read,
checked and written without it.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

# Read by TensorFlow when it is first imported. Legacy Keras makes `tf.keras` the tf_keras package, and saves the import
# of Keras 3. The log level hides what TensorFlow's C++ side prints: at start-up it reports as errors that there is no
# GPU and that it does not know an attribute of its own; whatever is truly wrong arrives as a Python exception.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"

if TYPE_CHECKING:
    from efficientdet.config import load_config as load_config

_LAZY = {
    "load_config": "efficientdet.config",
    "Detector": "efficientdet.detector",
    "Experiment": "efficientdet.experiment",
}
__all__ = ["Detector", "Experiment", "__version__", "load_config"]


def __getattr__(name: str) -> Any:
    """Imports a public name on first use (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module 'efficientdet' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
