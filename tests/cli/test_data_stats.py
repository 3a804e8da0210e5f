# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet data-stats` on two pictures whose statistics were worked out by hand."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from efficientdet.cli import data_stats
from efficientdet.cli.terminal import reader_override
from efficientdet.config import load_config
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.data.record_encoding import RecordBox, encode_example
from efficientdet.data.statistics import ChannelSums
from tests.end_to_end.tiny import CONFIG

# A flip changes no statistic.
_SETTINGS = """
model { ssd { image_resizer { keep_aspect_ratio_resizer { min_dimension: 8 max_dimension: 8 } } } }
train_config { batch_size: 64 data_augmentation_options { random_horizontal_flip {} } }
train_input_reader { shuffle: false }
"""


def _record(number: int, pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return encode_example(
        encoded=file.getvalue(),
        image_format="png",
        size=pixels.shape[:2],
        filename=f"{number}.png",
        source_id=str(number),
        boxes=[RecordBox("thing", 1, 0.25, 0.25, 0.75, 0.75, 1.0)],
    )


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """Of two pictures: 4 x 8, one half black and one half (200, 100, 50), and 8 x 8 in gray 100."""
    import tensorflow as tf

    halves = np.zeros([4, 8, 3], np.uint8)
    halves[:, 4:] = 200, 100, 50
    with tf.io.TFRecordWriter(str(tmp_path / "x.record")) as writer:
        for number, pixels in enumerate([halves, np.full([8, 8, 3], 100, np.uint8)]):
            writer.write(_record(number, pixels))
    write_label_map([Label(1, "thing", "")], tmp_path / "map.pbtxt")
    files = {"label_map": tmp_path / "map.pbtxt", "record": tmp_path / "x.record"}
    readers = [reader_override(name, **files) for name in ("train_input_reader", "eval_input_reader")]
    return [f"--override={text}" for text in (_SETTINGS, *readers)]


def test_statistics_by_hand(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert data_stats.main([str(CONFIG), *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    # 16 black pixels, 16 of (200, 100, 50), 64 of 100; the padding of the first picture does not count.
    # Red: 9600 / 96 = 100, 1_280_000 / 96 - 100^2 = 57.735^2. Green: 8000 / 96, 800_000 / 96 - 83.333^2 = 37.268^2.
    # Blue: 7200 / 96 = 75, 680_000 / 96 - 75^2 = 38.188^2.
    assert [line.split()[-3:] for line in lines[:5]] == [
        ["red", "green", "blue"],
        ["100.000", "83.333", "75.000"],
        ["127.000", "127.000", "127.000"],
        ["57.735", "37.268", "38.188"],
        ["128.000", "128.000", "128.000"],
    ]
    assert lines[0].startswith("training pictures, after augmentation: 2 ")
    pasted = load_config(CONFIG, [lines[-1]]).proto.model.ssd.feature_extractor.normalization
    np.testing.assert_allclose(pasted.mean, [100, 83.333, 75], rtol=1e-6)
    np.testing.assert_allclose(pasted.stddev, [57.735, 37.268, 38.188], rtol=1e-6)


def test_augmentations_count_and_pictures_can_be_few(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    gray = "--override=train_config { data_augmentation_options { rgb_to_gray {} } }"
    assert data_stats.main([f"--pipeline_config_path={CONFIG}", *flags, gray, "--max_images=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    # Half of the pixels are 0, the others .2989 * 200 + .587 * 100 + .114 * 50 = 124.18.
    assert lines[0].startswith("training pictures, after augmentation: 1 ")
    assert lines[1].split()[-3:] == ["62.090"] * 3
    assert lines[3].split()[-3:] == ["62.090"] * 3


@pytest.mark.parametrize("names", [[], [str(CONFIG), f"--pipeline_config_path={CONFIG}"]])
def test_one_config_is_named(names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert data_stats.main(names) == 2
    assert "name one config: CONFIG or --pipeline_config_path" in capsys.readouterr().err


def test_pictures_of_one_colour_suggest_nothing(
    flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    black = ChannelSums()
    black.add(np.zeros([2, 3, 3], np.uint8))
    monkeypatch.setattr(data_stats, "_measure", lambda config, max_images: black.statistics())
    assert data_stats.main([str(CONFIG), *flags]) == 2
    assert "all pixels have one value in a channel (mean 0.000, 0.000, 0.000)" in capsys.readouterr().err
