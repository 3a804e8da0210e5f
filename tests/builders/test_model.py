# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""SSD300 as its config builds it: what is written of it comes back, whole or class by class."""

from __future__ import annotations

import functools
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.anchors import build_anchors
from efficientdet.builders.detector import build_detector
from efficientdet.builders.extractors import EXTRACTORS
from efficientdet.builders.input import build_preprocessor
from efficientdet.builders.model import build_model
from efficientdet.builders.weights import restore_for_inference
from efficientdet.config import PipelineConfig, load_config, write_config
from efficientdet.data.label_map import Label, LabelMap, write_label_map
from efficientdet.errors import ConfigError
from efficientdet.export.saved_model import export_saved_model
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.verdicts.extractors import EXTRACTORS as FACTS
from efficientdet.weights.predictors import class_kernels
from efficientdet.weights.variables import variables_by_path

_SSD300 = Path(__file__).resolve().parents[2] / "pipelines" / "ssd300_vgg16_voc.config"
_SMALLEST = "model { ssd { image_resizer { fixed_shape_resizer { height: 257 width: 257 } } } }"
_NAMES = [f"class {number}" for number in range(20)]
_NUM_ANCHORS = (4, 6, 6, 6, 4, 4)


def _config(folder: Path, names: list[str]) -> PipelineConfig:
    path = folder / f"{names[0]}.pbtxt"
    write_label_map(LabelMap(tuple(itertools.starmap(Label, enumerate(names, start=1)))), path)
    reader = f"{{ label_map_path: '{path}' tf_record_input_reader {{ input_path: 'a.record' }} }}"
    readers = f"train_input_reader {reader} eval_input_reader {reader}"
    return load_config(_SSD300, [_SMALLEST, readers, 'train_config { fine_tune_checkpoint: "" }'])


@functools.cache
def _models(seed: int) -> DetectionModel:
    return build_model(load_config(_SSD300), seed=seed)


def _assert_same(found: DetectionModel, expected: DetectionModel) -> None:
    for one, other in zip(found.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.name)


def test_every_type_that_is_honoured_has_a_builder() -> None:
    assert EXTRACTORS.keys() == FACTS.keys()


def test_a_checkpoint_of_ssd300_restores_exactly_and_by_name(tmp_path: Path) -> None:
    source, model = _models(1), _models(2)
    for level, head in enumerate(source.heads.classes):
        head.final.bias.assign(tf.tile(100.0 * level + tf.range(21.0), [_NUM_ANCHORS[level]]))
    config = _config(tmp_path, _NAMES)
    tf.train.Checkpoint(model=source).write(str(tmp_path / "ckpt-0"))
    write_config(config, tmp_path / "pipeline.config")
    report = restore_for_inference(config, model, tmp_path / "ckpt-0")
    assert report.num_restored == report.num_parameters == 26_285_486
    assert [row.split("  ")[1] for row in report.table()[2:11]] == [
        *(f"backbone conv{number}" for number in range(1, 6)),
        "backbone fc6, fc7",
        "backbone extra layers",
        "box head",
        "class head",
    ]
    _assert_same(model, source)

    backwards = _config(tmp_path, _NAMES[::-1])
    restore_for_inference(backwards, model, tmp_path / "ckpt-0")
    for level, head in enumerate(model.heads.classes):
        expected = 100 * level + np.array([0, *range(20, 0, -1)])  # the background, then the classes from the last on
        np.testing.assert_array_equal(head.final.bias, np.tile(expected, _NUM_ANCHORS[level]))
    np.testing.assert_array_equal(model.heads.boxes[0].final.kernel, source.heads.boxes[0].final.kernel)


@pytest.mark.parametrize("name", ["ssd_vgg16_foo", "ssd_resnet50_v1_fpn_keras"])
@pytest.mark.parametrize("lineage", ["TFOD", "AUTOML"])
def test_a_type_that_is_not_known_is_the_only_error(name: str, lineage: str) -> None:
    override = f"lineage: {lineage} model {{ ssd {{ feature_extractor {{ type: '{name}' }} }} }}"
    with pytest.raises(ConfigError, match=rf'type \("{name}"\) must be ssd_efficientnet-X_bifpn_keras') as error:
        load_config(_SSD300, [override])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("use_depthwise: true", "use_depthwise (true) must be left out with ssd_vgg16_keras, whose convolutions are"),
        ("survival_probability: 1", "survival_probability (1.0) must be left out with ssd_vgg16_keras: it is a prop"),
        ("endpoints: B0_LAYER_NAMES", "endpoints (B0_LAYER_NAMES) must be left out with ssd_vgg16_keras: it is a prop"),
    ],
)
def test_what_ssd300_has_no_use_for(text: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(rule)) as error:
        load_config(_SSD300, [f"model {{ ssd {{ feature_extractor {{ {text} }} }} }}"])
    assert "\n" not in str(error.value)


def test_ssd300_is_of_one_lineage() -> None:
    with pytest.raises(ConfigError, match=r"lineage \(AUTOML\) must be TFOD with ssd_vgg16_keras") as error:
        load_config(_SSD300, ["lineage: AUTOML"])
    assert "\n" not in str(error.value)


def test_ssd300_has_a_class_kernel_for_each_map() -> None:
    kernels = class_kernels(variables_by_path(_models(1)))
    expected = [head.final.kernel for head in _models(1).heads.classes]
    assert [id(kernel) for kernel in kernels] == [id(kernel) for kernel in expected]


@pytest.mark.slow
def test_an_export_of_ssd300_restores_from_both_its_halves(tmp_path: Path) -> None:
    source, model = _models(1), _models(2)
    config = _config(tmp_path, _NAMES)
    preprocessor = build_preprocessor(config)
    anchors = build_anchors(config, preprocessor.input_size)
    assert len(anchors) == 4 * (33**2 + 3**2 + 1) + 6 * (17**2 + 9**2 + 5**2)
    export = tmp_path / "export"
    export_saved_model(build_detector(config, source, preprocessor=preprocessor, anchors=anchors), export)
    write_config(config, export / "pipeline.config")
    for place in (export, export / "saved_model"):
        model.heads.classes[0].final.bias.assign(tf.fill([84], 7.0))
        restore_for_inference(config, model, place)
        _assert_same(model, source)
