# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What makes a process start sooner: nothing is collected while much is made, and nothing imported that nobody uses."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator

UNUSED = ("pandas", "scipy", "googleapiclient")
"""What TensorFlow and tf_keras import where it is installed, in a fifth of the time of their own import: for data
frames, for augmentations of theirs, and to look for machines of Google's cloud."""
_FOR_TPU = ("googleapiclient",)  # finds TPUs by their names


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Pauses Python's collector of cyclic garbage.

    It looks at the young objects again and again to find the few that are thrown away. Where hundreds of thousands are
    made that stay (the modules of a library, the operations of a graph), that is a tenth of the time.

    Yields:
      Nothing.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def quick_imports(*, for_tpu: bool = False) -> Iterator[None]:
    """Imports of the `with` block as `efficientdet train` does them: what nobody uses is not imported.

    Nothing is collected meanwhile, and the collector never looks at the modules again. Where TensorFlow is there
    already, nothing is done: what waits to be collected then may be a whole network. What a command does before it
    imports TensorFlow is not in: reading and checking the config, and advice on the recipe.

    Args:
      for_tpu: whether a TPU may be looked for.

    Yields:
      Nothing.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    with uncollected(), without_modules(*(name for name in UNUSED if not (for_tpu and name in _FOR_TPU))):
        yield
    gc.freeze()  # modules stay


@contextlib.contextmanager
def without_modules(*names: str) -> Iterator[None]:
    """Lets packages seem not to be installed to what the `with` block imports; those imported already stay.

    Args:
      names: of packages that whoever imports them can do without.

    Yields:
      Nothing.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is what Python looks for
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
