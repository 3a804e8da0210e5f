# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Small data sets to import."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from efficientdet.data.faults import Fault

_XML = """<annotation><filename>{filename}</filename>
<size><width>16</width><height>12</height><depth>3</depth></size>{objects}</annotation>"""
_OBJECT = """<object><name> {name} </name><truncated>{truncated}</truncated><difficult>{difficult}</difficult>
<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox></object>"""


@pytest.fixture
def voc_folder(tmp_path, encode_picture) -> Callable[..., Path]:
    """Writes a folder: {stem: [(name, xmin, ymin, xmax, ymax, truncated, difficult), ...]}, all in split `train`."""

    def write(content: dict[str, list[tuple]], name: str = "voc") -> Path:
        folder = tmp_path / name
        for part in ("Annotations", "JPEGImages", "ImageSets/Main"):
            (folder / part).mkdir(parents=True)
        fields = ("name", "xmin", "ymin", "xmax", "ymax", "truncated", "difficult")
        for index, (stem, boxes) in enumerate(content.items()):
            objects = "".join(_OBJECT.format(**dict(zip(fields, (*box, 0, 0)[:7], strict=True))) for box in boxes)
            xml = _XML.format(filename="copied.jpg", objects=objects)
            (folder / "Annotations" / f"{stem}.xml").write_text(xml)
            (folder / "JPEGImages" / f"{stem}.jpg").write_bytes(encode_picture(12, 16, "JPEG", seed=index))
        (folder / "ImageSets" / "Main" / "train.txt").write_text("\n".join(content) + "\n")
        return folder

    return write


@pytest.fixture
def plant(tmp_path) -> Callable[..., Path]:
    """Writes a folder: {path: text or bytes}; "" makes an empty file, which will do for a picture that nobody opens."""

    def write(files: dict[str, str | bytes], name: str = "set") -> Path:
        root = tmp_path / name
        for path, content in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        root.mkdir(exist_ok=True)
        return root

    return write


@pytest.fixture
def brief() -> Callable[[Iterable[Fault]], list[tuple[str, str, str]]]:
    """(code, file, place) of faults."""
    return lambda faults: [(fault.code, fault.file, fault.place) for fault in faults]
