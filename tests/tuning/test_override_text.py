# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest

from efficientdet.tuning.override_text import indented, override_text
from tests.doctor.machine.figures import bccd_config

_CHANGES = [
    "train_config { batch_size: 4 }",
    "train_config { recompute: [BACKBONE, HEADS] gradient_accumulation_steps: 2 }",
    "train_config { optimizer { adam_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.1 } } } } }",
    "train_config { data_augmentation_options { random_vertical_flip {} } }",
    "eval_input_reader { sample_1_of_n_examples: 3 }",
    r'model { ssd { freeze_batchnorm: true } } train_config { fine_tune_checkpoint: "a \"quoted\" one" }',
]


def test_what_differs_and_nothing_else() -> None:
    before = bccd_config()
    assert override_text(before, bccd_config("train_config { batch_size: 4 }")) == "train_config { batch_size: 4 }"
    assert override_text(before, before) == ""


@pytest.mark.parametrize("change", _CHANGES)
def test_the_text_makes_one_config_of_the_other(change: str) -> None:
    before, after = bccd_config(), bccd_config(change)
    text = override_text(before, after)
    assert "\n" not in text
    assert bccd_config(text).proto == after.proto
    assert bccd_config(indented(text)).proto == after.proto
