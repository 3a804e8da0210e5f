# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest

from efficientdet.bench.input_report import InputFigures, Stage, StepPace, bottleneck, report_lines

_STAGES = (
    Stage("reading", 0.1),
    Stage("decoding", 2.44),
    Stage("random_crop_image", 0.46),
    Stage("matching", 1.0),
)
_FIGURES = InputFigures(_STAGES, 4.0, 240.0, 256)


def test_the_bottleneck_is_named_with_what_would_help() -> None:
    assert bottleneck(_FIGURES) == (
        "decoding takes 61 % of an image's 4 ms; images stored no larger than the network needs them would help: "
        "decoding costs as many pixels as there are in the file"
    )


def test_an_augmentation_is_named_as_the_config_names_it() -> None:
    assert bottleneck(InputFigures((*_STAGES, Stage("random_resize (2)", 6.0)), 10.0, 240.0, 256)) == (
        "random_resize (2) takes 60 % of an image's 10 ms; without train_config.data_augmentation_options "
        "{ random_resize {} } an image would take 4 ms"
    )


def test_the_report() -> None:
    assert list(report_lines(_FIGURES, 2, None)) == [
        "stage              CPU ms an image   share",
        "reading                      0.100     2 %",
        "decoding                     2.440    61 %",
        "random_crop_image            0.460    12 %",
        "matching                     1.000    25 %",
        "together                     4.000",
        "the input gives 240 images/s on 2 cores when nothing else is done",
        bottleneck(_FIGURES),
    ]


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (3.0, "steps wait for the input"),
        (4.0, "the input hardly keeps up"),
        (40.0, "the input is 10 times as fast as that"),
    ],
)
def test_what_a_step_needs(rate: float, text: str) -> None:
    lines = list(report_lines(InputFigures(_STAGES, 4.0, rate, 256), 2, StepPace(8, 2.0)))
    assert lines[-2] == f"a step of 8 takes 2 s and needs 4.0 images/s: {text}"


def test_an_input_that_costs_nothing() -> None:
    assert bottleneck(InputFigures((Stage("reading", 0.0),), 0.0, 0.0, 1)).startswith(
        "reading takes 0 % of an image's 1e-09 ms"
    )


def test_shares_are_of_what_was_measured_of_all_together() -> None:
    lines = list(report_lines(_FIGURES._replace(milliseconds=3.05), 2, None))
    assert "decoding                     2.440    80 %" in lines
    assert "together                     3.050" in lines
