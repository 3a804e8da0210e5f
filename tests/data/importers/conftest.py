# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A small Pascal VOC folder to import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

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
