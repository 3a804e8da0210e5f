# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Suggested configs: they load, they are complete, and they say what the figures ask for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efficientdet.config import PipelineConfig, load_config, parse_config, validate
from efficientdet.errors import DataError, UsageError
from efficientdet.fine_tuning import DatasetFigures, suggest_config
from efficientdet.modeling.scaling import MODELS
from tests.fine_tuning.data_figures import figures
from tests.message_fields import differing_fields

_PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"
# Boxes as BCCD's: red cells of 100 pixels, white ones of 200, and platelets of 40.
_CELLS = [[100, 100, 200, 200]] * 80 + [[0, 0, 200, 200]] * 10 + [[300, 300, 340, 340]] * 10


def _ready(data: DatasetFigures, model: str | None = None) -> PipelineConfig:
    """The suggested config, once it is known to be complete and to surprise nobody."""
    text = suggest_config(data, model=model)
    config = parse_config(text, "suggested.config")
    for purpose in ("train", "eval", "export"):
        validate(config, purpose)  # type: ignore[arg-type]
    assert config.notes == ()
    assert (
        max(len(line) for line in text.split("\n") if "efficientdet train" not in line and "_path" not in line) <= 120
    )
    return config


@st.composite
def _figures(draw: st.DrawFn) -> DatasetFigures:
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    pictures, count = draw(st.integers(1, 20)), draw(st.integers(0, 60))
    sizes = np.exp(random.uniform(np.log(16), np.log(6000), (pictures, 2))).astype(int)
    of = random.integers(0, pictures, count)
    smallest = draw(st.sampled_from([0.001, 0.03, 0.3, 0.999]))
    extents = random.uniform(smallest, 1, (count, 2)) ** draw(st.sampled_from([1, 3]))
    starts = random.random((count, 2)) * (1 - extents)
    boxes = np.concatenate([starts, starts + extents], axis=1) * np.tile(sizes[of], 2)
    text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
    return DatasetFigures(
        label_map_path=draw(text),
        train_path=draw(text),
        val_path=draw(text | st.just("")),
        num_classes=draw(st.integers(1, 365)),
        num_train=draw(st.integers(1, 1_000_000)),
        num_val=draw(st.integers(0, 1_000_000)),
        max_boxes=draw(st.integers(0, 5_000)),
        boxes=boxes.astype(np.float32),
        box_pictures=of,
        sizes=sizes,
        class_names=tuple(draw(st.lists(text, max_size=3))),
    )


@given(_figures())
@settings(max_examples=12, deadline=None)
def test_any_data_set_gets_a_config_that_can_train(data: DatasetFigures) -> None:
    proto = _ready(data).proto
    train, reader = proto.train_config, proto.train_input_reader
    assert proto.model.ssd.num_classes == data.num_classes
    assert list(reader.tf_record_input_reader.input_path) == [data.train_path]
    assert reader.label_map_path == proto.eval_input_reader[0].label_map_path == data.label_map_path
    assert list(proto.eval_input_reader[0].tf_record_input_reader.input_path) == [data.val_path or data.train_path]
    assert min(reader.max_number_of_boxes, proto.eval_input_reader[0].max_number_of_boxes) >= min(data.max_boxes, 1_000)
    assert proto.model.ssd.post_processing.batch_non_max_suppression.max_total_detections <= 1_000
    assert train.fine_tune_checkpoint.startswith("efficientnet-lite")


@pytest.mark.parametrize("model", MODELS)
def test_any_model_can_be_asked_for(model: str) -> None:
    proto = _ready(figures(), model).proto
    ssd, size = proto.model.ssd, MODELS[model]
    assert ssd.feature_extractor.type == f"ssd_efficientnet-{size.backbone}_bifpn_keras"
    pyramid, head = ssd.feature_extractor.bifpn, ssd.box_predictor.weight_shared_convolutional_box_predictor
    assert (pyramid.num_filters, pyramid.num_iterations, pyramid.max_level) == (
        size.fpn_filters,
        size.fpn_iterations,
        size.max_level,
    )
    assert (head.depth, head.num_layers_before_predictor) == (size.fpn_filters, size.head_layers)
    assert ssd.image_resizer.keep_aspect_ratio_resizer.max_dimension == size.image_size
    packaged = model in ("lite0", "lite1", "lite2")
    assert proto.train_config.fine_tune_checkpoint_type == ("classification" if packaged else "full")


def test_cells_get_the_recipe_that_was_measured_on_them() -> None:
    suggested = _ready(figures(_CELLS)).proto
    recipe = load_config(_PIPELINES / "efficientdet_lite0_bccd.config").proto
    paths = {path for path in differing_fields(suggested, recipe) if "_path" not in path}
    assert paths == {
        "model.ssd.anchor_generator.multiscale_anchor_generator.anchor_scale",  # smaller ones, for the platelets
        "train_config.checkpoint_interval_steps",
        "eval_config.interval_steps",
    }


def test_every_number_that_depends_on_the_data_has_its_reason() -> None:
    text = suggest_config(figures(_CELLS, num_train=5_000, max_boxes=120, class_names=("left", "right")))
    for reason in (
        r"# EfficientDet-Lite1 for a data set of 3 classes, ",
        r"command    efficientdet train --pipeline_config_path=data/pipeline.config --model_dir=data/model\n",
        r"data       5,000 pictures to train on and 87 to evaluate on, whose longer side measures 640 pixels",
        r"length     7,500 steps of 8 = 12 epochs of 5,000 pictures",
        r"# The 384 of the published model: at 384, 0 % of the objects .*\n.* keep_aspect_ratio_resizer",
        r"# Remembers 100 steps, .* over 7,500",
        r"# No anchor overlaps 0 % of the boxes to learn from by 0.5; these are the published model's",
        r"# At least as many as are needed: the image with the most boxes has 120.\n  max_number_of_boxes: 150\n",
        r"# Pictures are not mirrored: 'left' would become false.\n  data_augmentation_options {\n    # COCO's",
        r"# Remembers 2,500 steps of 7,500.\n    moving_average_decay: 0.9996\n",
        r"# 87 pictures that training does not see.\neval_input_reader",
    ):
        assert re.search(reason, text), reason
    assert "random_horizontal_flip" not in text


def test_without_pictures_to_evaluate_on_it_says_so() -> None:
    data = figures(val_path="", num_val=0)
    _ready(data)
    assert "There is nothing to evaluate on: these are the pictures of the training" in suggest_config(data)


def test_what_cannot_be_suggested() -> None:
    with pytest.raises(DataError, match="no picture"):
        suggest_config(figures(num_train=0))
    with pytest.raises(UsageError, match="model 'D0' is not known"):
        suggest_config(figures(), model="D0")


@pytest.mark.parametrize("model", ["lite0", "d0"])
def test_anchors_were_chosen_from_those_that_the_config_builds(model: str) -> None:
    from efficientdet.builders.anchors import build_anchors
    from efficientdet.ops.anchor_overlap import best_overlaps

    random = np.random.default_rng(5)
    centers, sizes = random.uniform(100, 400, (300, 2)), random.uniform(15, 60, (300, 2))
    boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1)
    data = figures(boxes)
    text = suggest_config(data, model=model)
    config = parse_config(text, "suggested.config")
    side = config.proto.model.ssd.image_resizer.keep_aspect_ratio_resizer.max_dimension
    share = (best_overlaps(data.boxes / 640, build_anchors(config, (side, side))) < 0.5).mean()
    assert f"No anchor overlaps {100 * share:.2g} % of the boxes" in text


def test_it_needs_no_tensorflow() -> None:
    code = "import sys, efficientdet.fine_tuning; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
