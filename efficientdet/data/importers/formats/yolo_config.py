# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a YOLO data set says of itself: names of classes and where its splits are, in data.yaml, obj.data or lists."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import yaml

from efficientdet.data import faults
from efficientdet.data.importers.annotation import AnnotationError
from efficientdet.data.importers.listing import (
    PICTURE_SUFFIXES,
    FaultLog,
    FileTree,
    folder_of,
    join,
    stem_of,
    suffix_of,
)
from efficientdet.data.importers.split_names import split_of
from efficientdet.data.importers.text_files import decode_text, read_bounded, unreadable, whole_text

_LARGEST_FILE = 1 << 20
_NAME_FILES = ("classes.txt", "obj.names", "predefined_classes.txt", "labels.txt")
_MOST_NAMES = 100_000
_MOST_BRACKETS = 1000


class YoloConfig(NamedTuple):
    """What was stated, as written."""

    file: str = ""  # that states it, relative to the root; "" where nothing does
    folder: str = ""  # what places are relative to
    names: Mapping[int, str] = MappingProxyType({})
    splits: Mapping[str, list[str]] = MappingProxyType({})  # folders of pictures, or lists of them
    has_keypoints: bool = False


class _TextLoader(yaml.SafeLoader):
    """Safe, and all values are texts: a class called `no` stays one."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


def read_config(tree: FileTree, file: str | None, log: FaultLog) -> YoloConfig:
    """Finds and reads what a data set says of itself.

    Args:
      tree: the data set.
      file: its data.yaml; None to look for one.
      log: receives files that were found and cannot be read, and names that contradict each other.

    Raises:
      AnnotationError: `file` cannot be read, or is no such file.
    """
    if file is not None:
        return _read_yaml(tree, file, log)
    found = sorted(tree.paths(".yaml", ".yml"), key=lambda path: (path.count("/"), "data" not in path, path))
    for path in found[:20]:  # other programs' settings may lie beside it
        try:
            return _read_yaml(tree, path, log)
        except AnnotationError as error:
            if "names" not in error.fault.detail:
                log.add(*error.fault[:4])
    for path in sorted(tree.paths(".data"), key=lambda path: (path.count("/"), path)):
        config = _read_darknet(tree, path)
        if config.splits:
            return config
    names_file, names = _read_names(tree, _name_files(tree))
    lists = {
        split: [path]
        for path in tree.paths(".txt")
        if "/" not in path and (split := split_of(stem_of(path))) and _lists_pictures(tree, path)
    }
    return YoloConfig(names_file, "", names, lists)


def _read_yaml(tree: FileTree, file: str, log: FaultLog) -> YoloConfig:
    text = decode_text(read_bounded(tree.root, file, _LARGEST_FILE))
    if text.count("[") + text.count("{") > _MOST_BRACKETS:  # PyYAML takes the square of their depth
        raise unreadable(file, f"more than {_MOST_BRACKETS} lists in brackets, which no data.yaml has")
    try:
        content = yaml.load(text, Loader=_TextLoader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise unreadable(file, f"not YAML that can be read ({error.problem})", line) from error
    except yaml.YAMLError as error:
        raise unreadable(file, f"not YAML that can be read ({str(error)[:200]})") from error
    except (RecursionError, ValueError, TypeError) as error:
        raise unreadable(file, f"not YAML that can be read ({type(error).__name__})") from error
    names = _names(content.get("names")) if isinstance(content, dict) else None
    if names is None:
        raise unreadable(file, "it has no 'names' of classes, neither a list nor numbers with names")
    count = content.get("nc")
    if isinstance(count, str) and count.strip() != str(len(names)):
        log.add(faults.ANNOTATION_ODD, file, "nc", f"nc is {count[:40]!r}, and there are {len(names)} names")
    below = content.get("path")
    folder = join(folder_of(file), below.strip("./") if isinstance(below, str) else "").rstrip("/")
    splits = {
        split: [place for place in _texts(value) if place]
        for key, value in content.items()
        if isinstance(key, str) and key.lower() in ("train", "val", "valid", "validation", "test")
        if (split := split_of(key)) and any(_texts(value))
    }
    return YoloConfig(file, folder, names, splits, has_keypoints="kpt_shape" in content)


def _names(value: Any) -> dict[int, str] | None:
    """Names by class number; None where it is something else."""
    if isinstance(value, list):
        value = {str(row): name for row, name in enumerate(value)}
    if not isinstance(value, dict) or not value or len(value) > _MOST_NAMES:
        return None
    names = {}
    for key, name in value.items():
        if not isinstance(key, str) or not key.strip().isdecimal() or len(key) > 9 or not isinstance(name, str):
            return None
        names[int(key.strip())] = whole_text(name) or key
    return names


def _texts(value: Any) -> list[str]:
    """A text, or those of a list."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]


def _read_darknet(tree: FileTree, file: str) -> YoloConfig:
    """obj.data: lines of `key = value`, with the names in a file of their own."""
    try:
        lines = decode_text(read_bounded(tree.root, file, _LARGEST_FILE)).splitlines()
    except AnnotationError:
        return YoloConfig()
    values = {key.strip().lower(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    splits = {
        split: [values[key]]
        for key in ("train", "valid", "val", "test")
        if values.get(key) and (split := split_of(key))
    }
    stated = reprlib.repr(values.get("names", "")).strip("'").replace("\\", "/").rpartition("/")[2]
    names_file, names = _read_names(tree, sorted(_name_files(tree), key=lambda path: not path.endswith(stated)))
    return YoloConfig(names_file or file, folder_of(file), names, splits)


def _name_files(tree: FileTree) -> list[str]:
    """Files that may hold the names, a line each; the outermost first."""
    found = [path for path in tree.paths(".txt") if path.rpartition("/")[2].lower() in _NAME_FILES]
    return sorted(found + tree.paths(".names"), key=lambda path: (path.count("/"), path))


def _read_names(tree: FileTree, files: Iterable[str]) -> tuple[str, dict[int, str]]:
    """The file, and names by line; spaces at their ends are kept."""
    for file in files:
        try:
            lines = decode_text(read_bounded(tree.root, file, _LARGEST_FILE)).rstrip().splitlines()
        except AnnotationError:
            continue
        if any(map(str.strip, lines)):
            return file, {row: line if line.strip() else str(row) for row, line in enumerate(lines[:_MOST_NAMES])}
    return "", {}


def _lists_pictures(tree: FileTree, file: str) -> bool:
    """Whether the first line of a list names a picture."""
    try:
        with open(tree.root / file, "rb") as opened:
            start = decode_text(opened.read(4096)).split("\n", 1)[0].strip()
    except OSError:
        return False
    return suffix_of(start) in PICTURE_SUFFIXES
