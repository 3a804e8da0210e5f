# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Inference on files: what is found, what is written, what is skipped, and the command."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from efficientdet.cli.infer import main
from efficientdet.errors import DataError, UsageError
from efficientdet.export.saved_model import INPUT_TYPES, export_saved_model
from efficientdet.inference import (
    detect_with_detector,
    detect_with_saved_model,
    find_images,
    read_pixels,
    run_inference,
)
from efficientdet.types import Detections
from tests.toy_detector import toy_detector, toy_image

_ORIENTATION = 0x0112


def _save(path: Path, image: np.ndarray, orientation: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation:
        exif[_ORIENTATION] = orientation
    Image.fromarray(image).save(path, exif=exif)
    return path


def _find_two(image: np.ndarray) -> Detections:
    """One detection of .9, one of .2, one row of padding."""
    return Detections(
        boxes=np.array([[0.1, 0.2, 0.5, 0.6], [0.0, 0.0, 1.0, 1.0], [0, 0, 0, 0]], np.float32),
        scores=np.array([0.9, 0.2, 0.0], np.float32),
        classes=np.array([1, 0, 0], np.int32),
        anchors=np.zeros(3, np.int32),
        count=np.int32(2),
    )


def test_find_images_takes_files_folders_and_globs_once_each(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "c.txt", "deep/d.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_images([str(tmp_path / "c.txt"), str(tmp_path), str(tmp_path / "*.jpg"), str(tmp_path / "**/*.jpeg")])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["c.txt", "a.PNG", "b.jpg", "deep/d.jpeg"]


def test_find_images_takes_a_name_with_glob_characters_literally(tmp_path: Path) -> None:
    (tmp_path / "shot[1].jpg").touch()
    assert find_images([str(tmp_path / "shot[1].jpg")]) == [tmp_path / "shot[1].jpg"]


@pytest.mark.parametrize(
    ("pattern", "reason"), [("nowhere.jpg", "no such file"), ("*.bmp", "no such file"), ("", "no .*png")]
)
def test_find_images_names_a_pattern_without_pictures(tmp_path: Path, pattern: str, reason: str) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match=reason):
        find_images([str(tmp_path / pattern)])


def test_read_pixels_turns_a_picture_by_its_orientation(tmp_path: Path) -> None:
    image = toy_image(20, 30)
    path = _save(tmp_path / "turned.png", image, orientation=6)  # shown after a quarter turn clockwise
    np.testing.assert_array_equal(read_pixels(path), np.rot90(image, -1))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_read_pixels_gives_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("picture.jpg" if mode == "CMYK" else "picture.png")
    Image.fromarray(toy_image(12, 16)).convert(mode).save(path)
    pixels = read_pixels(path)
    assert (pixels.shape, pixels.dtype) == ((12, 16, 3), np.uint8)


def test_read_pixels_names_what_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("no picture")
    with pytest.raises(DataError, match=r"notes\.jpg"):
        read_pixels(tmp_path / "notes.jpg")
    whole = _save(tmp_path / "whole.png", toy_image(64, 64)).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"half\.png"):
        read_pixels(tmp_path / "half.png")


def test_results_are_in_pixels_of_the_upright_picture(tmp_path: Path) -> None:
    paths = [
        _save(tmp_path / "12.png", toy_image(100, 200)),
        _save(tmp_path / "turned.jpg", toy_image(100, 200), orientation=6),
    ]
    summary = run_inference(_find_two, paths, tmp_path / "out", names={1: "dog"}, min_score=0.3)
    assert summary == (2, 2, ())
    results = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert results == [
        {"image_id": 12, "category_id": 2, "bbox": [40.0, 10.0, 80.0, 40.0], "score": 0.9, "file_name": str(paths[0])},
        {"image_id": 1, "category_id": 2, "bbox": [20.0, 20.0, 40.0, 80.0], "score": 0.9, "file_name": str(paths[1])},
    ]
    with Image.open(tmp_path / "out" / "12.png") as drawn:
        assert drawn.size == (200, 100)
        changed = np.any(np.asarray(drawn) != toy_image(100, 200), axis=-1)
    assert changed[10:50, 40:120].any()  # the frame of the box
    assert not changed[[0, -1]].any()  # the box of .2, whose frame is that of the picture, is not drawn
    with Image.open(tmp_path / "out" / "turned.jpg") as drawn:
        assert drawn.size == (100, 200)
        assert _ORIENTATION not in drawn.getexif()


def test_min_score_zero_keeps_all(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.png", toy_image(10, 10))
    assert run_inference(_find_two, [path], tmp_path / "out", names={}, min_score=0.0).detections == 2


def test_pictures_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    paths = [_save(tmp_path / folder / "a.png", toy_image(10, 10, seed)) for seed, folder in enumerate("xyz")]
    paths.append(_save(tmp_path / "w" / "a.bmp", toy_image(10, 10)))
    run_inference(_find_two, paths, tmp_path / "out", names={})
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a-2.png", "a-3.png", "a.jpg", "a.png", "detections.json"]


def test_an_original_is_never_overwritten(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.png", toy_image(10, 10))
    before = path.read_bytes()
    with pytest.raises(UsageError, match="would overwrite an original"):
        run_inference(_find_two, [path], tmp_path, names={})
    assert path.read_bytes() == before


def test_a_broken_picture_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    paths = [tmp_path / "broken.jpg", _save(tmp_path / "good.jpg", toy_image(10, 10))]
    summary = run_inference(_find_two, paths, tmp_path / "out", names={})
    assert (summary.images, summary.detections, len(summary.skipped)) == (1, 1, 1)
    assert "broken.jpg" in summary.skipped[0]
    assert not (tmp_path / "out" / "broken.jpg").exists()


@pytest.mark.parametrize("input_type", INPUT_TYPES)
def test_a_saved_model_of_each_kind_finds_what_the_detector_finds(tmp_path: Path, input_type: str) -> None:
    detector = toy_detector()
    image = toy_image(40, 56)
    expected = detect_with_detector(detector)(image)
    assert expected.count > 0
    export_saved_model(detector, tmp_path, input_type)
    found = detect_with_saved_model(tmp_path)(image)  # the export's folder; its saved_model/ does as well
    np.testing.assert_allclose(found.boxes, expected.boxes, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=1e-6)
    count = int(expected.count)
    np.testing.assert_array_equal(found.classes[:count], expected.classes[:count])
    assert int(found.count) == count


def test_a_saved_model_without_our_signature_runs_through_serving_default(tmp_path: Path) -> None:
    import tensorflow as tf

    export_saved_model(toy_detector(), tmp_path / "ours")
    ours = tf.saved_model.load(str(tmp_path / "ours" / "saved_model"))
    tf.saved_model.save(
        ours, str(tmp_path / "tfod"), signatures={"serving_default": ours.signatures["serving_default"]}
    )
    image = toy_image(40, 56)
    found, expected = (detect_with_saved_model(tmp_path / name)(image) for name in ("tfod", "ours"))
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.classes, expected.classes)


def test_a_saved_model_that_detects_nothing_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.double = tf.function(lambda value: {"twice": value * 2}, input_signature=[tf.TensorSpec([], name="value")])
    tf.saved_model.save(module, str(tmp_path / "other"), signatures=module.double)
    with pytest.raises(UsageError, match="no signature that returns detection_boxes"):
        detect_with_saved_model(tmp_path / "other")


def test_the_command_runs_a_saved_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export_saved_model(toy_detector(), tmp_path / "model")
    for index in range(2):
        _save(tmp_path / "pictures" / f"{index}.png", toy_image(40, 56, index))
    (tmp_path / "map.pbtxt").write_text("item { id: 1 name: 'cat' } item { id: 3 name: 'dog' }")
    flags = ["--saved_model_dir", str(tmp_path / "model"), "--label_map_path", str(tmp_path / "map.pbtxt")]
    flags += ["--images", str(tmp_path / "pictures"), "--output_dir", str(tmp_path / "out"), "--min_score", "0.5"]
    assert main(flags) == 0
    assert capsys.readouterr().out.startswith("2 images, 20 detections of score 0.5 or more: see ")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"0.png", "1.png", "detections.json"}

    (tmp_path / "pictures" / "2.png").write_text("broken")
    assert main(flags) == 1
    assert "2 images, 20 detections of score 0.5 or more, 1 skipped" in capsys.readouterr().out


def test_the_command_runs_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []

    class Experiment:
        def __init__(self, config: object) -> None:
            calls.append(config)

        def restored_detector(self, checkpoint: str) -> object:
            calls.append(checkpoint)
            return toy_detector()

    def read_config(flags: argparse.Namespace, purpose: str) -> tuple[str, str, list[str]]:
        return purpose, flags.pipeline_config_path, flags.override

    monkeypatch.setattr("efficientdet.cli.infer.read_config", read_config)
    monkeypatch.setitem(sys.modules, "efficientdet.experiment", SimpleNamespace(Experiment=Experiment))
    image = _save(tmp_path / "a.png", toy_image(40, 56))
    flags = ["--pipeline_config_path", "x.config", "--override", "model {}", "--checkpoint", "run/ckpt-3"]
    assert main([*flags, "--images", str(image), "--output_dir", str(tmp_path / "out")]) == 0
    assert calls == [("export", "x.config", ["model {}"]), "run/ckpt-3"]
    assert json.loads((tmp_path / "out" / "detections.json").read_text())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "a model is needed"),
        (["--pipeline_config_path", "x.config"], "a model is needed"),
        (["--saved_model_dir", "m", "--checkpoint", "c"], "--saved_model_dir excludes"),
        (["--saved_model_dir", "m", "--override", "model {}"], "--saved_model_dir excludes"),
        (["--saved_model_dir", "nowhere"], "no SavedModel in nowhere"),
        (["--saved_model_dir", "m", "--label_map_path", "nowhere.pbtxt"], "nowhere.pbtxt"),
        (["--saved_model_dir", "m", "--images", "nowhere.jpg"], "no such file"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    image = _save(tmp_path / "a.png", toy_image(8, 8))
    assert main(["--images", str(image), "--output_dir", str(tmp_path / "out"), *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("score", ["1.5", "-0.1", "high", "nan"])
def test_a_score_outside_its_range_is_refused(score: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["--images", "a.png", "--output_dir", "out", f"--min_score={score}"])
    assert exit_info.value.code == 2
    assert "--min_score" in capsys.readouterr().err


def test_flags_and_mistakes_do_not_wait_for_tensorflow() -> None:
    script = (
        "import sys\n"
        "from efficientdet.cli.infer import main\n"
        "assert main(['--images', 'nowhere', '--output_dir', 'out', '--saved_model_dir', 'x']) == 2\n"
        "assert 'tensorflow' not in sys.modules\n"
        "main(['--help'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--saved_model_dir" in done.stdout
