# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import typing
from pathlib import Path

import pytest

from efficientdet.bench.cases import GROUPS, GROWTHS, USUAL, Kind, Network, case_of, chosen
from efficientdet.bench.settings import CONFIGS, reader_override
from efficientdet.bench.worker import MEASUREMENTS, measurement
from efficientdet.config import load_config, validate
from efficientdet.errors import UsageError

_ALL = [case for group in GROUPS.values() for case in group]


def test_names_are_unique() -> None:
    assert len({case.name for case in _ALL}) == len(_ALL)


def test_words_choose_groups_and_single_measurements() -> None:
    assert [case.name for case in chosen(["kernels-focal", "step"])] == ["step", "step-batch8", "kernels-focal"]
    assert [case.name for case in chosen(["step-batch8", "step-batch8"])] == ["step-batch8"]
    assert chosen(["all"]) == _ALL
    assert chosen([]) == [case for word in USUAL for case in GROUPS[word]]


def test_an_unknown_word_is_named() -> None:
    with pytest.raises(UsageError, match="'steps' is no measurement; there are: step, "):
        chosen(["steps"])


def test_usual_measurements_have_nine_runs_but_for_exports_and_what_does_not_vary() -> None:
    few = {case.name for word in USUAL for case in GROUPS[word] if case.repeats * case.processes < 9}
    assert few == {"export", *(case.name for case in GROUPS["memory"])}


def test_a_quick_case_runs_three_times_at_most() -> None:
    assert case_of("step").quick().repeats == 3
    assert case_of("start").quick().processes == 3
    assert case_of("activations").quick().repeats == 1


def test_growth_curves_have_cases() -> None:
    names = [growth.case_name(value) for growth in GROWTHS for value in growth.values]
    assert [case.name for case in GROUPS["growth"]] == names
    for growth in GROWTHS:
        assert list(growth.values) == sorted(growth.values)
    assert case_of("growth-boxes-500").material.boxes == 500
    assert case_of("growth-batch-4").batch_size == 4
    assert case_of("growth-images-1000").images == 1000


def test_every_kind_has_a_function() -> None:
    assert set(MEASUREMENTS) == set(typing.get_args(Kind)) == {case.kind for case in _ALL}
    for kind in MEASUREMENTS:
        assert callable(measurement(kind))


@pytest.mark.parametrize("text", sorted({(case.network, case.override, case.plain_override) for case in _ALL}))
def test_the_configs_are_valid(text: tuple[Network, str, str]) -> None:
    network, *overrides = text
    files = {"label_map": Path("map.pbtxt"), "record": Path("images.record")}
    common = [
        'train_config { batch_size: 2 fine_tune_checkpoint: "" }',
        reader_override("train_input_reader", **files),
        reader_override("eval_input_reader", **files),
    ]
    config = load_config(str(CONFIGS[network]), [*common, *filter(None, overrides)])
    validate(config, for_="train")
    validate(config, for_="eval")


def test_growth_overrides_say_what_their_names_say() -> None:
    def loaded(name: str) -> typing.Any:
        return load_config(str(CONFIGS["d0"]), [case_of(name).override]).proto

    resizer = loaded("growth-size-896").model.ssd.image_resizer.keep_aspect_ratio_resizer
    steps = loaded("growth-size-896").train_config.data_augmentation_options
    assert resizer.max_dimension == steps[1].random_scale_crop_and_pad_to_square.output_size == 896
    assert len(steps) == 2
    assert loaded("growth-classes-365").model.ssd.num_classes == 365
    assert loaded("growth-boxes-500").train_input_reader.max_number_of_boxes == 500
    assert loaded("growth-boxes-10").train_input_reader.max_number_of_boxes == 100
