# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The files that the readers of a config name: what is there, which share of a set is read, what is read twice.

Names tell where no file is there.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from efficientdet.config import PipelineConfig
from efficientdet.protos.input_reader_pb2 import InputReader

PLACEHOLDER = "PATH_TO_BE_CONFIGURED"
TRAINING = "train_input_reader"

_SHARD = re.compile(r"^(?P<stem>.*)-(?P<index>(?:[\d?*]|\[[^\]/]*\])+)-of-(?P<total>\d{1,6})(?P<suffix>\D.*|)$")
_GLOB = re.compile(r"[*?\[]")
_MOST_SHARDS = 100_000


class FileSet(NamedTuple):
    """What the patterns of a reader come to.

    Attributes:
      patterns: as configured.
      files: those that exist, each once.
      read: shards that are read, of the sets that say how many they have.
      total: shards of these sets; 0 where no name says it.
    """

    patterns: tuple[str, ...]
    files: tuple[str, ...]
    read: int
    total: int

    @property
    def share(self) -> float:
        """Of the data set, that is read, as far as its names tell."""
        return self.read / self.total if self.total else 1.0

    @property
    def is_configured(self) -> bool:
        """Whether there are paths, and none is a placeholder."""
        return bool(self.patterns) and not any(PLACEHOLDER in pattern for pattern in self.patterns)


class Reader(NamedTuple):
    """A reader of a config.

    Attributes:
      path: "train_input_reader" or "eval_input_reader[i]".
      message: what the config says of it.
      files: what it reads.
    """

    path: str
    message: InputReader
    files: FileSet

    @property
    def is_training(self) -> bool:
        """Whether it reads what is trained on."""
        return self.path == TRAINING

    @property
    def inputs(self) -> str:
        """The field of its files."""
        return f"{self.path}.tf_record_input_reader.input_path"


def readers_of(config: PipelineConfig) -> list[Reader]:
    """The readers that a config has, that of the training first."""
    proto = config.proto
    messages = {TRAINING: proto.train_input_reader} if proto.HasField(TRAINING) else {}
    messages |= {f"eval_input_reader[{index}]": reader for index, reader in enumerate(proto.eval_input_reader)}
    return [
        Reader(path, message, look_at(message.tf_record_input_reader.input_path)) for path, message in messages.items()
    ]


def look_at(patterns: Sequence[str]) -> FileSet:
    """Finds out what is read; names are believed where no file is there.

    Args:
      patterns: paths or globs.
    """
    files: dict[str, None] = {}
    sets: dict[tuple[str, str, int], set[int]] = defaultdict(set)
    for pattern in patterns:
        found = existing(pattern)
        files.update(dict.fromkeys(found))
        for name in found or [pattern]:
            match = _SHARD.match(name)
            if match and 0 < int(match["total"]) <= _MOST_SHARDS:
                total = int(match["total"])
                sets[match["stem"], match["suffix"], total].update(_indices(match["index"], total))
    read = sum(len(indices) for indices in sets.values())
    return FileSet(tuple(patterns), tuple(files), read, sum(total for _, _, total in sets))


def overlap(one: FileSet, other: FileSet) -> tuple[str, ...]:
    """What of `other` is read by `one` as well: files that are there, else paths as they are configured."""
    if one.files and other.files:
        real = {os.path.realpath(file) for file in one.files}
        return tuple(file for file in other.files if os.path.realpath(file) in real)
    return tuple(
        pattern
        for pattern in other.patterns
        if any(_covers(mine, pattern) for mine in one.patterns if mine and pattern)
    )


def whole_set(files: FileSet) -> str:
    """The glob of all shards of the set that the first name with "-of-" belongs to."""
    pattern = next((pattern for pattern in files.patterns if "-of-" in pattern), "")
    before, _, after = pattern.rpartition("-of-")
    return f"{before.rpartition('-')[0]}-?????-of-{after}"


def existing(pattern: str) -> list[str]:
    """The files that a path or a glob leads to."""
    if os.path.isfile(pattern):
        return [pattern]
    return sorted(filter(os.path.isfile, glob.glob(pattern))) if _GLOB.search(pattern) else []


def _indices(index: str, total: int) -> set[int]:
    if index.isdigit():
        return {int(index)}
    width = len(index) if set(index) == {"?"} else 5
    matches = re.compile(fnmatch.translate(index)).match
    return {number for number in range(total) if matches(f"{number:0{width}d}")}


def _covers(pattern: str, other: str) -> bool:
    one, two = os.path.normpath(pattern), os.path.normpath(other)
    return one == two or (not _GLOB.search(two) and fnmatch.fnmatchcase(two, one))
