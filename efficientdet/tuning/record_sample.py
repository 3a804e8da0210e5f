# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A random sample of records as a file of its own. No TensorFlow."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from efficientdet.data.files import FOOTER_BYTES, HEADER_BYTES, walk_records


def write_sample(files: Sequence[str], count: int, seed: int, path: Path) -> int:
    """Copies random records, each at most once, in the order of the files.

    Args:
      files: TFRecord files.
      count: of records; all, where there are no more.
      seed: of the choice, which is the same for the same files.
      path: a TFRecord file, which is replaced as a whole.

    Returns:
      The number of records written.

    Raises:
      DataError: a file is damaged.
      OSError: the file cannot be written.
    """
    places = [(file, offset, length) for file in files for offset, length in walk_records(file)]
    numbers = random.Random(seed).sample(range(len(places)), min(count, len(places)))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "wb") as written:
            for number in sorted(numbers):
                name, offset, length = places[number]
                with open(name, "rb") as file:
                    file.seek(offset)
                    written.write(file.read(HEADER_BYTES + length + FOOTER_BYTES))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return len(numbers)
