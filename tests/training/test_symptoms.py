# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is taken for a symptom, on both sides of each threshold, and what is said."""

from __future__ import annotations

import pytest

from efficientdet.training import symptoms
from efficientdet.training.look import Look, Units
from efficientdet.training.symptoms import EpochLosses, EvaluationPoint, Mean, Symptom


def _look(ratio: float | None, *, rate: float = 0.1, blocks: dict[str, float] | None = None) -> Look:
    return Look(
        step=100,
        learning_rate=rate,
        gradient_norms={"box head": 0.0, "class head": 2.0},
        update_ratio=ratio,
        block_update_ratios=blocks or {},
        units={},
        positives={},
    )


@pytest.mark.parametrize(
    ("look", "figure"),
    [
        (_look(1e-3), None),
        (_look(1.1e-6), None),
        (_look(0.9e-6), 1e-6 / 0.9e-6),
        (_look(0.0), 1e6),  # as far as it goes
        (_look(None), None),  # nobody saw the weights before
        (_look(1e-9, rate=0.0099), None),  # the end of a schedule whose highest rate was 0.1
        (_look(1e-3, blocks={"box head": 0.0, "class head": 1e-4}), 1),
    ],
)
def test_weights_that_do_not_move(look: Look, figure: float | None) -> None:
    symptom = symptoms.weights_not_moving(look, peak_rate=0.1)
    assert (symptom and symptom.figure) == (figure and pytest.approx(figure))


def test_a_block_that_stands_still_is_named_with_the_norm_of_its_gradients() -> None:
    symptom = symptoms.weights_not_moving(_look(1e-3, blocks={"box head": 0.0, "class head": 1e-4}), peak_rate=0.1)
    assert symptom is not None
    assert "the weights of box head do not move at all" in symptom.text
    assert "norm 0.0e+00" in symptom.text


def test_a_rate_of_zero_all_along_is_a_symptom() -> None:
    assert symptoms.weights_not_moving(_look(0.0, rate=0.0), peak_rate=0.0) is not None


@pytest.mark.parametrize(("ratio", "is_found"), [(None, False), (0.09, False), (0.11, True)])
def test_updates_that_are_too_large(ratio: float | None, is_found: bool) -> None:
    symptom = symptoms.updates_too_large(_look(ratio))
    assert (symptom is not None) == is_found
    assert symptom is None or "changes the weights by 0.11 of their size" in symptom.text


@pytest.mark.parametrize(
    ("units", "text"),
    [
        ({}, None),
        ({"fpn/cell_1": Units(64, 0.49, 0.6, 1000)}, None),
        ({"heads/boxes/level_4": Units(64, 1.0, 1.0, 8)}, None),  # 2 x 2 cells of two pictures
        ({"fpn/cell_1": Units(64, 0.5, 0.6, 1000)}, "50% of the 64 units of fpn/cell_1 never fire:"),
        (
            {"a": Units(8, 0.75, 0.9, 1000), "b": Units(4, 1.0, 1.0, 256), "c": Units(4, 0.1, 0.3, 256)},
            "100% of the 4 units of b never fire, and as many in 1 other places",
        ),
    ],
)
def test_units_that_die(units: dict[str, Units], text: str | None) -> None:
    symptom = symptoms.units_dying(units)
    assert (symptom is None) if text is None else (symptom is not None and text in symptom.text)


def _epochs(means: list[tuple[float, float]], error: float = 0.0) -> list[EpochLosses]:
    return [
        EpochLosses(Mean(boxes + classes, error), Mean(boxes, error), Mean(classes, error)) for boxes, classes in means
    ]


@pytest.mark.parametrize(("number", "is_found"), [(5, False), (16, False), (17, True)])
def test_noise_hides_a_flat_loss_until_there_is_enough_of_it(number: int, is_found: bool) -> None:
    # Of n epochs, (n - 1) // 4 are taken together: 3 % of 2 are more than two errors of a difference with four of them.
    symptom = symptoms.loss_flat(_epochs([(1.0, 1.0)] * number, error=0.04), None)
    assert (symptom is not None) == is_found


@pytest.mark.parametrize(
    ("epochs", "what"),
    [
        ([(1.0, 4.0), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0)], None),  # too early
        ([(1.0, 4.0), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0)], "the loss is"),
        ([(1.0, 4.0), (1.0, 1.0), (1.0, 1.0), (0.98, 0.97), (1.1, 1.0)], "the loss is"),
        ([(1.0, 4.0), (1.0, 1.0), (1.0, 1.0), (0.96, 0.97), (1.1, 1.0)], None),
        ([(2.0, 1.0), (1.0, 4.0), (1.0, 3.9), (0.98, 3.9), (0.98, 3.9)], "the loss is"),  # it rose
        ([(1.0, 1.0), (1.0, 1.0), (0.9, 1.0), (0.8, 1.0), (0.7, 1.0)], "the loss of the classes is"),
        ([(1.0, 1.0), (1.0, 1.0), (1.0, 0.9), (1.0, 0.8), (1.0, 0.7)], "the loss of the boxes is"),
        ([(1.0, 1.0), (1.0, 1.0), (0.9, 1.0), (0.8, 0.985), (0.7, 1.0)], None),
        ([(0.0, 1.0), (0.0, 1.0), (0.0, 0.9), (0.0, 0.8), (0.0, 0.7)], None),  # there are no boxes
    ],
)
def test_a_loss_that_is_flat(epochs: list[tuple[float, float]], what: str | None) -> None:
    symptom = symptoms.loss_flat(_epochs(epochs), None)
    assert (symptom is None) if what is None else (symptom is not None and symptom.text.startswith(what))


@pytest.mark.parametrize(
    ("ratio", "advice"),
    [
        (2e-2, "much: lower the learning rate"),
        (2e-6, "little: raise the learning rate"),
        (1e-3, "efficientdet lr-find"),
    ],
)
def test_what_to_do_about_a_flat_loss_follows_the_size_of_updates(ratio: float, advice: str) -> None:
    symptom = symptoms.loss_flat(_epochs([(1.0, 4.0), *[(1.0, 1.0)] * 4]), ratio, ["frozen: 8 of 9 variables"])
    assert symptom is not None
    assert advice in symptom.text
    assert "flat since the second epoch: 2 then, 2 at best in the 3 epochs after it. Frozen: 8 of 9" in symptom.text


@pytest.mark.parametrize(("recent", "is_found"), [(10.0, False), (11.0, True)])
def test_a_loss_that_rises(recent: float, is_found: bool) -> None:
    assert (symptoms.loss_rising(recent, 1.0) is not None) == is_found


@pytest.mark.parametrize(("recent", "is_found"), [(200.0, False), (201.0, True)])
def test_gradients_that_explode(recent: float, is_found: bool) -> None:
    symptom = symptoms.gradients_exploding(recent, 2.0)
    assert (symptom is not None) == is_found
    assert symptom is None or symptom.figure == pytest.approx(100.5)


def test_nothing_is_said_of_multiples_of_nothing() -> None:
    assert symptoms.gradients_exploding(1.0, 0.0) is None
    assert symptoms.loss_rising(1.0, 0.0) is None


def _points(*rows: tuple[float, float, float]) -> list[EvaluationPoint]:
    return [EvaluationPoint(step, *row, metric_name="AP") for step, row in enumerate(rows, start=1)]


@pytest.mark.parametrize(
    ("rows", "is_found"),
    [
        # Losses of validation and of training, AP.
        ([(2, 2, 0.1), (1, 1, 0.3), (1.3, 0.8, 0.3), (1.3, 0.7, 0.3)], False),  # twice only
        ([(2, 2, 0.1), (1, 1, 0.3), (1.3, 0.8, 0.3), (1.3, 0.7, 0.3), (1.3, 0.6, 0.2)], True),
        ([(2, 2, 0.1), (1, 1, 0.3), (1.3, 0.8, 0.3), (1.2, 0.7, 0.3), (1.3, 0.6, 0.2)], False),  # once near the best
        ([(2, 2, 0.1), (1, 1, 0.3), (1.3, 0.8, 0.3), (1.3, 0.7, 0.4), (1.3, 0.6, 0.2)], False),  # a better AP
        ([(2, 2, 0.1), (1, 1, 0.3), (1.3, 1.1, 0.3), (1.3, 1.2, 0.3), (1.3, 1.1, 0.2)], False),  # training rises too
        ([(1, 1, -1), (1.3, 0.8, -1), (1.3, 0.7, -1), (1.3, 0.6, -1)], True),  # no AP to be measured
    ],
)
def test_validation_that_diverges(rows: list[tuple[float, float, float]], is_found: bool) -> None:
    assert (symptoms.validation_diverging(_points(*rows)) is not None) == is_found


@pytest.mark.parametrize(
    ("shared", "validation", "text"),
    [
        (2, 0.3, None),  # 1 %
        (200, 0.3, "200 of the 200 evaluation records are training records as well"),
        (3, 0.3, "a validation loss of 0.3, AP 0.900, no higher than 0.4 in training"),
        (3, 0.5, "a validation loss of 0.5, AP 0.900, beside 0.4 in training"),
    ],
)
def test_evaluation_on_pictures_of_the_training(shared: int, validation: float, text: str | None) -> None:
    symptom = symptoms.evaluation_data_seen(shared, 200, EvaluationPoint(1, validation, 0.4, 0.9, "AP"))
    assert (symptom is None) if text is None else (symptom is not None and text in symptom.text)


@pytest.mark.parametrize(
    ("waited", "seconds", "expected"),
    [
        (10.0, 40.0, None),  # 25 %
        (20.0, 40.0, 0.5),
        (0.4, 0.8, None),  # 8 ms of each step
        (0.0, 0.0, None),
    ],
)
def test_an_input_that_starves(waited: float, seconds: float, expected: float | None) -> None:
    symptom = symptoms.input_starving(waited, seconds, steps=50, first_step=11)
    assert (symptom and symptom.figure) == expected
    assert symptom is None or "50% of the time since step 11 went by waiting for pictures (0.4 s" in symptom.text


def test_a_symptom_has_a_name_and_no_line_breaks() -> None:
    found: list[Symptom | None] = [
        symptoms.updates_too_large(_look(1.0)),
        symptoms.loss_rising(100.0, 1.0),
        symptoms.gradients_exploding(1e9, 1.0),
        symptoms.weights_not_moving(_look(0.0), 0.1),
    ]
    assert [symptom.name for symptom in found if symptom] == [
        "updates_too_large",
        "loss_rising",
        "gradients_exploding",
        "weights_not_moving",
    ]
    assert all("\n" not in symptom.text for symptom in found if symptom)
