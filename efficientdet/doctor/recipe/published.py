# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The published recipes: what was trained how long on what, and the precision that came of it.

The sizes of the models are those of `modeling.scaling`. What else is here is checked against the configs of pipelines/
by a test, so that the two cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from efficientdet.doctor.recipe.settings import Lineage, ModelSettings, Rate, TrainingSettings
from efficientdet.modeling.scaling import AUTOML_MODELS, MODELS, ModelSize


@dataclass(frozen=True)
class DataSet:
    """What a published model was trained and measured on.

    Attributes:
      num_images: of its training part.
      num_eval_images: of what the precision was measured on.
    """

    name: str
    num_images: int
    num_eval_images: int
    num_classes: int


@dataclass(frozen=True)
class PublishedRecipe:
    """One published model.

    Attributes:
      name: for people: "TFOD D3".
      lineage: whose conventions its model has.
      precision: the published figure, with its name: "AP 45.4 on COCO val2017".
      model: its settings.
      training: its settings.
      data: what it was trained on.
      source: where its recipe and its precision are published.
    """

    name: str
    lineage: Lineage
    precision: str
    model: ModelSettings
    training: TrainingSettings
    data: DataSet
    source: str

    @property
    def images(self) -> int:
        """Images processed in its training, repeated ones included."""
        return self.training.num_steps * self.training.batch_size

    @property
    def epochs(self) -> float:
        """Times that it saw each image."""
        return self.images / self.data.num_images

    @property
    def rate_per_image(self) -> float:
        """Its greatest learning rate over its batch size: what the linear rule keeps constant."""
        return self.training.rate.peak / self.training.batch_size


COCO = DataSet("COCO 2017", num_images=118_287, num_eval_images=5_000, num_classes=90)
_VOC = DataSet("Pascal VOC 2007 and 2012", num_images=16_551, num_eval_images=4_952, num_classes=20)

_TFOD_SOURCE = (
    "tensorflow/models: research/object_detection/configs/tf2/ssd_efficientdet_*.config and g3doc/tf2_detection_zoo.md"
)
_AUTOML_SOURCE = "google/automl: efficientdet/hparams_config.py and README.md; the Lites' epochs are not published"
_NVIDIA_SOURCE = "NVIDIA/DeepLearningExamples: TensorFlow2/Detection/Efficientdet, 8 x A100-80G"
_SSD_SOURCE = "Liu et al. 2016, arXiv:1512.02325v5, table 6, and the authors' ssd_pascal.py"

# What is the same for all models of a lineage. TFOD codes boxes at ten and five times the size and takes each error
# beyond 1 linearly; automl does neither, and weighs it fifty times instead.
_HEADS: dict[str, Any] = {
    "num_classes": 90,
    "resizer": "letterbox",
    "anchor_cell": (3, 1.0, 2.0, 0.5),
    "matched_threshold": 0.5,
    "classification_loss": "weighted_sigmoid_focal",
    "focal": (0.25, 1.5),
    "localization_loss": "weighted_smooth_l1",
    "l2": 4e-5,
    "norm_decay": 0.99,
    "score_converter": "SIGMOID",
    "max_detections": (100, 100),
}
CONVENTIONS: Mapping[Lineage, Mapping[str, Any]] = {
    "TFOD": {
        "box_scales": (10.0, 10.0, 5.0, 5.0),
        "bias_init": -4.6,
        "huber_delta": 1.0,
        "loss_weights": (1.0, 1.0),
        "score_threshold": 1e-8,
        "nms_iou": 0.5,
        "soft_sigma": 0.0,
    },
    "AUTOML": {
        "box_scales": (1.0, 1.0, 1.0, 1.0),
        "bias_init": -4.59512,
        "huber_delta": 0.1,
        "loss_weights": (1.0, 50.0),
        "score_threshold": 0.001,
        "nms_iou": 1.0,
        "soft_sigma": 0.25,
    },
}
"""Fields of `ModelSettings` in which the lineages differ."""

_TFOD_TRAINING = TrainingSettings(
    batch_size=128,
    num_steps=300_000,
    optimizer="momentum",
    rate=Rate("cosine_decay", 0.08, "learning_rate_base", warmup_steps=2_500, warmup_rate=0.001, decay_steps=300_000),
    momentum=0.9,
    clip_norm=0.0,
    average_decay=0.0,
    flip=True,
    scales=(0.1, 2.0),
)
_STEPS_OF_EPOCH = COCO.num_images // 128


def _automl_training(epochs: int) -> TrainingSettings:
    """.08 for each 64 pictures of a batch, a warm-up of one epoch from .008 (hparams_config.py)."""
    steps = epochs * _STEPS_OF_EPOCH
    rate = Rate("cosine_decay", 0.16, "learning_rate_base", _STEPS_OF_EPOCH, 0.008, steps)
    return replace(_TFOD_TRAINING, num_steps=steps, rate=rate, clip_norm=10.0, average_decay=0.9998)


_NVIDIA_TRAINING = TrainingSettings(
    batch_size=832,
    num_steps=43_500,
    optimizer="momentum",
    rate=Rate("cosine_decay", 1.1, "learning_rate_base", warmup_steps=3_625, warmup_rate=1e-4, decay_steps=58_000),
    momentum=0.93,
    clip_norm=10.0,
    average_decay=0.999,
    flip=True,
    scales=(0.1, 2.0),
)


def _model(size: ModelSize, lineage: Lineage) -> ModelSettings:
    return ModelSettings(
        extractor=f"ssd_efficientnet-{size.backbone}_bifpn_keras",
        image_size=size.image_size,
        pyramid=(size.fpn_filters, size.fpn_iterations, size.head_layers),
        anchor_scale=size.anchor_scale,
        **_HEADS,
        **CONVENTIONS[lineage],
    )


# AP on val2017: of TFOD's zoo; of google/automl's README.
_TFOD_AP = {"d0": 33.6, "d1": 38.4, "d2": 41.8, "d3": 45.4, "d4": 48.5, "d5": 49.7, "d6": 50.5, "d7": 51.2}
_AUTOML_AP = {
    "d0": 34.3, "d1": 40.2, "d2": 43.5, "d3": 46.8, "d4": 49.3, "d5": 51.2, "d6": 52.1, "d7": 53.4, "d7x": 54.4,
    "lite0": 26.41, "lite1": 31.50, "lite2": 35.06, "lite3": 38.77, "lite3x": 42.64, "lite4": 43.18,
}  # fmt: skip
_LONG = ("d7", "d7x")  # 600 epochs

_SSD300_MODEL = ModelSettings(
    extractor="ssd_vgg16_keras",
    num_classes=20,
    image_size=300,
    resizer="stretch",
    pyramid=(),
    anchor_scale=0.0,
    anchor_cell=(),
    matched_threshold=0.5,
    box_scales=(10.0, 10.0, 5.0, 5.0),
    bias_init=0.0,
    classification_loss="weighted_softmax",
    focal=(),
    localization_loss="weighted_smooth_l1",
    huber_delta=1.0,
    loss_weights=(1.0, 1.0),
    l2=5e-4,
    norm_decay=0.0,
    score_converter="SOFTMAX",
    score_threshold=0.01,
    nms_iou=0.45,
    soft_sigma=0.0,
    max_detections=(200, 200),
)
_SSD300_TRAINING = replace(
    _TFOD_TRAINING,
    batch_size=32,
    num_steps=120_000,
    rate=Rate("manual_step", 0.001, "initial_learning_rate", warmup_rate=0.001),
    scales=(),
    other_scales=("random_min_iou_crop", "random_zoom_out"),
)


def _coco(ap: float) -> str:
    return f"AP {ap:g} on COCO val2017"


RECIPES: tuple[PublishedRecipe, ...] = (
    *(
        PublishedRecipe(
            f"TFOD {name.upper()}", "TFOD", _coco(ap), _model(MODELS[name], "TFOD"), _TFOD_TRAINING, COCO, _TFOD_SOURCE
        )
        for name, ap in _TFOD_AP.items()
    ),
    *(
        PublishedRecipe(
            f"google/automl {name.capitalize()}",
            "AUTOML",
            _coco(ap),
            _model(AUTOML_MODELS[name], "AUTOML"),
            _automl_training(600 if name in _LONG else 300),
            COCO,
            _AUTOML_SOURCE,
        )
        for name, ap in _AUTOML_AP.items()
    ),
    PublishedRecipe(
        "NVIDIA D0", "AUTOML", _coco(34.53), _model(MODELS["d0"], "AUTOML"), _NVIDIA_TRAINING, COCO, _NVIDIA_SOURCE
    ),
    PublishedRecipe("SSD300", "TFOD", "mAP 77.2 on VOC2007 test", _SSD300_MODEL, _SSD300_TRAINING, _VOC, _SSD_SOURCE),
)
