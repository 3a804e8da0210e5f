# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The command that draws training pictures before and after augmentation."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from efficientdet.cli.show_augmentation import main
from tests.end_to_end.tiny import CONFIG, SIZE, data_override, draw_records


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_records(tmp_path_factory.mktemp("records"), num_train=2, num_val=1)


def _flags(records: Path, *more: str) -> list[str]:
    return [f"--pipeline_config_path={CONFIG}", f"--override={SIZE}", f"--override={data_override(records)}", *more]


def test_a_sheet(records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "new" / "sheet.png"
    flags = ["--draws=1", "--num_images=9", "--step=random_horizontal_flip", "--override=train_config { seed: 5 }"]
    assert main(_flags(records, f"--output={output}", *flags)) == 0
    assert capsys.readouterr().out == f"{output}\n"
    # Two columns of 788 pixels; there are two pictures, of which the network sees squares.
    assert Image.open(output).size == (1600, 72 + 2 * (788 + 8))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--output=sheet.bmp"], "--output (sheet.bmp) must end in one of .png"),
        (["--output=sheet.png", "--step=2"], "must be one of the config's augmentations: 0 random_horizontal_flip, 1"),
        (
            [
                "--output=sheet.png", "--step=rgb_to_gray",
                "--override=train_config { data_augmentation_options { rgb_to_gray {} } "
                "data_augmentation_options { rgb_to_gray {} } }",
            ],
            "more than once; give its place: 0 rgb_to_gray, 1 rgb_to_gray",
        ),
        (["--output=sheet.png", "--override=train_config { data_augmentation_options: [] }"], "nothing is augmented"),
    ],
)  # fmt: skip
def test_mistakes(records: Path, more: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(_flags(records, *more)) == 2
    assert words in capsys.readouterr().err
