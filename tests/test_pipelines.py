# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The configs in pipelines/: they load, say what their headers say, and build the published models."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import tf_keras as keras
from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.builders.anchors import build_anchors
from efficientdet.builders.input import build_preprocessor
from efficientdet.builders.losses import build_loss
from efficientdet.builders.model import build_model
from efficientdet.builders.optimizer import build_optimizer
from efficientdet.builders.postprocessing import build_postprocess_settings
from efficientdet.builders.targets import build_target_assigner
from efficientdet.config import PipelineConfig, load_config, validate
from efficientdet.modeling.efficientdet import build_published
from efficientdet.modeling.scaling import AUTOML_MODELS, MODELS, ModelSize
from tests.message_fields import differing_fields

_PIPELINES = Path(__file__).resolve().parents[1] / "pipelines"

# (anchors, all parameters, trainable ones) in use with 90 classes; counted in TFOD and in google/automl.
_TFOD = {
    "d0": (49_104, 3_927_203, 3_880_067),
    "d1": (76_725, 5_125_434, 5_062_298),
    "d2": (110_484, 6_280_743, 6_208_119),
    "d3": (150_381, 9_891_656, 9_787_336),
    "d4": (196_416, 17_830_139, 17_674_475),
    "d5": (306_900, 25_901_443, 25_700_675),
    "d6": (371_349, 42_101_174, 41_819_142),
    "d7": (441_936, 42_101_174, 41_819_142),
}
# Anchors: 9 to a cell of each level, such as 40, 20, 10, 5 and 3 cells a side for Lite0; D7x has an eighth level.
_AUTOML = {
    "d0": (49_104, 3_927_203, 3_880_067),
    "d1": (76_725, 6_697_354, 6_625_898),
    "d2": (110_484, 8_178_815, 8_097_039),
    "d3": (150_381, 12_146_600, 12_032_296),
    "d4": (196_416, 20_890_987, 20_723_675),
    "d5": (306_900, 33_880_707, 33_653_315),
    "d6": (306_900, 52_183_766, 51_871_782),
    "d7": (441_936, 52_183_766, 51_871_782),
    "d7x": (442_260, 77_564_894, 77_147_166),
    "lite0": (19_206, 3_290_606, 3_243_470),
    "lite1": (27_621, 4_311_390, 4_248_318),
    "lite2": (37_629, 5_324_894, 5_252_334),
    "lite3": (49_104, 8_455_054, 8_350_862),
    "lite3x": (76_725, 9_392_574, 9_280_862),
    "lite4": (76_725, 15_286_398, 15_130_894),
}
_PUBLISHED = {f"tfod_{name}": ("tfod", name) for name in _TFOD}
_PUBLISHED |= {f"automl_{name}": ("automl", name) for name in _AUTOML}
_PUBLISHED["nvidia_d0"] = ("automl", "d0")
_QUICK = {"tfod_d0", "automl_d0", "automl_lite0", "nvidia_d0"}

_READER = "{ label_map_path: 'map.pbtxt' tf_record_input_reader { input_path: 'a.record' } }"
_PATHS = f"""
  train_config {{ fine_tune_checkpoint: "" }}
  train_input_reader {_READER}
  eval_input_reader {_READER}
"""

# Where tfod_*.config may say otherwise than the zoo's: places of files, the pace of checkpoints and evaluation, and
# what only ever tuned TFOD's own machinery.
_OWN_WAYS = re.compile(
    r"(train|eval)_input_reader.*\.(label_map_path|input_path(\[0\])?)"
    r"|train_config\.(fine_tune_checkpoint|fine_tune_checkpoint_version|checkpoint_interval_steps)"
    r"|eval_config\.batch_size"
    r"|train_config\.(sync_replicas|startup_delay_steps|replicas_to_aggregate|use_bfloat16|unpad_groundtruth_tensors)"
    r"|model\.ssd\.(inplace_batchnorm_update|matcher\.argmax_matcher\.use_matmul_gather)"
)


def _load(stem: str, *overrides: str) -> PipelineConfig:
    return load_config(_PIPELINES / f"{stem}_coco.config", overrides)


def _size(stem: str) -> ModelSize:
    lineage, name = _PUBLISHED[stem]
    return (MODELS if lineage == "tfod" else AUTOML_MODELS)[name]


def test_every_config_is_one_of_these() -> None:
    bccd = "efficientdet_lite0_bccd"
    examples = {bccd, f"{bccd}_slim", f"{bccd}_adamw", "efficientdet_lite0_shapes", "ssd300_vgg16_voc"}
    assert {path.stem for path in _PIPELINES.glob("*.config")} == examples | {f"{stem}_coco" for stem in _PUBLISHED}


@pytest.mark.parametrize("path", sorted(_PIPELINES.glob("*.config")), ids=lambda path: path.stem)
def test_every_config_can_train_evaluate_and_be_exported_once_it_knows_its_data(path: Path) -> None:
    config = load_config(path, [_PATHS])
    validate(config, "train")
    validate(config, "eval")
    validate(config, "export")
    notes = [note for note in config.notes if "cosine_decay_learning_rate.total_steps" not in note]
    assert notes == []
    assert (len(config.notes) > 0) == (path.stem == "nvidia_d0_coco")  # stops while its rate decays


@pytest.mark.parametrize("stem", _PUBLISHED)
def test_a_config_is_its_row_of_the_table(stem: str) -> None:
    ssd, size = _load(stem).proto.model.ssd, _size(stem)
    head = ssd.box_predictor.weight_shared_convolutional_box_predictor
    pyramid, anchors = ssd.feature_extractor.bifpn, ssd.anchor_generator.multiscale_anchor_generator
    resizer = ssd.image_resizer.keep_aspect_ratio_resizer
    assert size == ModelSize(
        backbone=ssd.feature_extractor.type.removeprefix("ssd_efficientnet-").removesuffix("_bifpn_keras"),
        image_size=resizer.max_dimension,
        fpn_filters=pyramid.num_filters,
        fpn_iterations=pyramid.num_iterations,
        head_layers=head.num_layers_before_predictor,
        max_level=pyramid.max_level,
        anchor_scale=anchors.anchor_scale,
        combine_method=pyramid.combine_method,  # type: ignore[arg-type]
    )
    assert (head.depth, anchors.max_level) == (size.fpn_filters, size.max_level)
    assert resizer.min_dimension == size.image_size
    assert ssd.num_classes == 90


@pytest.mark.parametrize("stem", _PUBLISHED)
def test_a_header_speaks_of_its_own_model(stem: str) -> None:
    path = _PIPELINES / f"{stem}_coco.config"
    header = [line for line in path.read_text().split("\n\n")[0].split("\n") if line.startswith("#")]
    text = "\n".join(header)
    name = _PUBLISHED[stem][1]
    assert header[0].lower().startswith(f"# efficientdet-{name} on coco 2017, ")
    source = "zoo" if stem.startswith("tfod") else "README.md"
    assert re.search(rf"^#   expected   AP \d\d\.\d+ [^\n]*\n?[^\n]*{source}", text, re.MULTILINE)
    for entry in ("measured", "hardware", "length", "train", "backbone", "weights", "data"):
        assert re.search(rf"^#   {entry:10} \S", text, re.MULTILINE), entry
    run = f"runs/{stem}"
    train = f"python scripts/model_main.py --pipeline_config_path pipelines/{path.name} --model_dir {run}/train"
    assert f"#   train      {train}" in header
    if stem == "nvidia_d0":
        return
    (convert,) = re.findall(r"python scripts/convert_checkpoint\.py --input checkpoints/(\S+) (.*)", text)
    assert convert[0] in re.search(r"#   weights    (\S+)", text)[1]  # type: ignore[index]
    assert convert[1] == f"--pipeline_config_path pipelines/{path.name} --output_directory {run}"
    assert (
        f"#     python scripts/model_main.py --pipeline_config_path {run}/pipeline.config "
        f"--checkpoint_dir {run}/checkpoint --model_dir {run}/eval --eval_timeout 0"
    ) in header


@pytest.mark.parametrize("stem", [stem for stem in _PUBLISHED if stem != "nvidia_d0"])
def test_a_header_counts_the_steps_that_the_config_takes(stem: str) -> None:
    train = _load(stem).proto.train_config
    schedule = train.optimizer.momentum_optimizer.learning_rate.cosine_decay_learning_rate
    padding = train.data_augmentation_options[1].random_scale_crop_and_pad_to_square
    assert f"{train.num_steps:,} steps of {train.batch_size}" in (_PIPELINES / f"{stem}_coco.config").read_text()
    assert schedule.total_steps == train.num_steps
    assert padding.output_size == _size(stem).image_size
    if stem.startswith("automl"):
        per_epoch = 118_287 // 128
        epochs = 600 if stem in ("automl_d7", "automl_d7x") else 300
        assert (train.num_steps, schedule.warmup_steps) == (epochs * per_epoch, per_epoch)
        assert schedule.learning_rate_base == pytest.approx(0.08 * train.batch_size / 64)
        assert schedule.warmup_learning_rate == pytest.approx(0.008)


def test_nvidias_numbers() -> None:
    proto = _load("nvidia_d0").proto
    train = proto.train_config
    schedule = train.optimizer.momentum_optimizer.learning_rate.cosine_decay_learning_rate
    per_epoch = math.ceil(120_000 / (8 * 104))
    assert train.batch_size == 8 * 104
    assert (train.num_steps, schedule.total_steps, schedule.warmup_steps) == (
        300 * per_epoch,
        400 * per_epoch,
        25 * per_epoch,
    )
    assert train.optimizer.moving_average_decay == pytest.approx(0.999)
    assert train.optimizer.momentum_optimizer.momentum_optimizer_value == pytest.approx(0.93)
    assert not proto.model.ssd.image_resizer.keep_aspect_ratio_resizer.half_pixel_centers
    assert proto.model.ssd.image_resizer.keep_aspect_ratio_resizer.truncate_size
    assert proto.model.ssd.post_processing.batch_non_max_suppression.max_candidates == 5000


@pytest.mark.parametrize("name", _TFOD)
def test_a_tfod_config_is_the_zoos(shared: Path, name: str) -> None:
    (path,) = (shared / "configs" / "tfod_zoo").glob(f"*_{name}_*.config")
    ours, zoo = _load(f"tfod_{name}").proto, load_config(path).proto
    assert {path for path in differing_fields(ours, zoo) if not _OWN_WAYS.fullmatch(path)} == set()
    assert _messages(ours) == _messages(zoo)


def _messages(root: Message) -> set[str]:
    return {path for path, _ in field_paths.messages(root)}


@pytest.mark.parametrize(
    "stem", [pytest.param(stem, marks=[] if stem in _QUICK else pytest.mark.slow) for stem in _PUBLISHED]
)
def test_a_config_builds_the_published_model(stem: str) -> None:
    config = _load(stem)
    lineage, name = _PUBLISHED[stem]
    counts, endpoints = (_TFOD, "b0_layer_names") if lineage == "tfod" else (_AUTOML, "last_block")
    _, parameters, trainable = counts[name]
    model = build_model(config)
    assert sum(math.prod(variable.shape) for variable in model.weights) == parameters
    assert sum(math.prod(variable.shape) for variable in model.trainable_weights) == trainable
    published = build_published(name, endpoints=endpoints)  # type: ignore[arg-type]
    assert {v.name: tuple(v.shape) for v in model.weights} == {v.name: tuple(v.shape) for v in published.weights}


@pytest.mark.parametrize("stem", _PUBLISHED)
def test_what_is_around_the_model_can_be_built(stem: str) -> None:
    config = _load(stem)
    lineage, name = _PUBLISHED[stem]
    input_size = build_preprocessor(config).input_size
    anchors = build_anchors(config, input_size)
    assert len(anchors) == (_TFOD if lineage == "tfod" else _AUTOML)[name][0]
    assert build_target_assigner(config, anchors).num_anchors == len(anchors)
    assert build_loss(config, anchors, input_size).normalize_by_matches
    assert build_postprocess_settings(config, input_size).nms.max_total_detections == 100
    assert float(build_optimizer(config, keras.Model()).learning_rate(0)) > 0


def _ssd300() -> PipelineConfig:
    return load_config(_PIPELINES / "ssd300_vgg16_voc.config")


def test_ssd300s_boxes_and_what_is_around_its_model() -> None:
    config = _ssd300()
    input_size = build_preprocessor(config).input_size
    assert input_size == (300, 300)
    anchors = build_anchors(config, input_size)
    # Of the paper, section 3.1: four boxes in a cell of conv4_3, conv10_2 and conv11_2, six in the others.
    assert len(anchors) == 4 * (38**2 + 3**2 + 1) + 6 * (19**2 + 10**2 + 5**2) == 8732
    # The first cell of conv4_3 is 300 / 38 pixels wide; its square boxes measure 30 and sqrt(30 * 60) pixels.
    center = 150 / 38
    for number, side in ((0, 30), (3, math.sqrt(1800))):
        corners = [center - side / 2, center - side / 2, center + side / 2, center + side / 2]
        assert anchors[number] * 300 == pytest.approx(corners, rel=1e-5)
    assert build_target_assigner(config, anchors).num_anchors == 8732
    assert build_loss(config, anchors, input_size).normalize_by_matches
    settings = build_postprocess_settings(config, input_size)
    assert (settings.nms.iou_threshold, settings.nms.score_threshold) == pytest.approx((0.45, 0.01))
    assert settings.nms.max_total_detections == 200


def test_ssd300s_schedule() -> None:
    config = _ssd300()
    rate = build_optimizer(config, keras.Model()).learning_rate
    steps = {0: 1e-3, 79_999: 1e-3, 80_000: 1e-4, 99_999: 1e-4, 100_000: 1e-5, 119_999: 1e-5}
    assert {step: float(rate(step)) for step in steps} == pytest.approx(steps)
    train = config.proto.train_config
    assert (
        f"{train.num_steps:,} steps of {train.batch_size} = 3.84 M images = 232 epochs of 16,551"
        in (_PIPELINES / "ssd300_vgg16_voc.config").read_text()
    )
    assert train.num_steps * train.batch_size == 3_840_000
    assert round(3_840_000 / (5_011 + 11_540)) == 232  # pictures of both trainval sets


def test_ssd300s_header() -> None:
    path = _PIPELINES / "ssd300_vgg16_voc.config"
    header = path.read_text().split("\n\n")[0]
    for entry in ("expected", "measured", "hardware", "length", "train", "backbone", "data"):
        assert re.search(rf"^#   {entry:10} \S", header, re.MULTILINE), entry
    train = (
        f"python scripts/model_main.py --pipeline_config_path pipelines/{path.name} --model_dir runs/{path.stem}/train"
    )
    assert f"#   train      {train}\n" in header
