# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import typing

import pytest

from efficientdet.bench.cases import GROUPS, GROWTHS, USUAL, Kind, case_of, chosen
from efficientdet.bench.child import Job
from efficientdet.bench.settings import CONFIGS, check, work_of
from efficientdet.bench.worker import MEASUREMENTS, measurement
from efficientdet.config import load_config
from efficientdet.errors import EfficientDetError, UsageError

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
    assert few == {"export", *(case.name for case in GROUPS["memory"] if case.kind == "activations")}


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


_PATHS = {network: str(path) for network, path in CONFIGS.items()}


def _job(name: str, *overrides: str) -> Job:
    return Job(case_of(name), _PATHS["d0"], overrides, ".", "map.pbtxt", "images.record")


def test_the_configs_are_valid() -> None:
    check(_ALL, _PATHS, [])


def test_a_mistake_in_an_override_is_known_before_anything_is_measured() -> None:
    with pytest.raises(EfficientDetError, match="num_stepz"):
        check([case_of("step")], _PATHS, ["train_config { num_stepz: 1 }"])


def test_a_start_needs_some_steps() -> None:
    short = ["train_config { num_steps: 2 }"]
    check([case_of("step")], _PATHS, short)
    with pytest.raises(UsageError, match=r"start: train_config.num_steps \(2\) must be at least 3"):
        check([case_of("step"), case_of("start")], _PATHS, short)


def test_what_makes_a_measurement_cannot_be_overridden() -> None:
    work = work_of(
        _job("kernels-focal", "train_config { batch_size: 7 kernels { silu: PLAIN } max_number_of_boxes: 5 }")
    )
    train, plain = work.config.proto.train_config, work.plain.proto.train_config
    assert (train.batch_size, train.max_number_of_boxes) == (2, 5)
    kernels = type(train.kernels)
    assert train.kernels.silu == plain.kernels.silu == train.kernels.focal == kernels.FAST
    assert plain.kernels.focal == kernels.PLAIN


def test_without_a_plain_twin_it_is_the_config_itself() -> None:
    work = work_of(_job("reading"))
    assert work.plain is work.config
    assert work.config.proto.train_config.batch_size == 8
    assert list(work.config.proto.train_input_reader.tf_record_input_reader.input_path) == ["images.record"]


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
