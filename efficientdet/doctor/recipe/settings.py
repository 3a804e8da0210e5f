# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A config as the few values that a recipe consists of, so that two recipes can be laid side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from google.protobuf.message import Message

from efficientdet.protos import pipeline_pb2, post_processing_pb2
from efficientdet.protos.hyperparams_pb2 import Hyperparams

Lineage = Literal["TFOD", "AUTOML"]

_JITTER = "random_scale_crop_and_pad_to_square"
_OTHER_SCALES = (  # besides the jitter: operations that show objects at more than one size or place
    "random_image_scale", "random_crop_image", "random_crop_pad_image", "ssd_random_crop", "ssd_random_crop_pad",
    "ssd_random_crop_fixed_aspect_ratio", "ssd_random_crop_pad_fixed_aspect_ratio", "random_square_crop_by_scale",
    "random_min_iou_crop", "random_zoom_out", "random_mosaic", "random_absolute_pad_image", "random_pad_image",
)  # fmt: skip
_RESIZERS = {"keep_aspect_ratio_resizer": "letterbox", "fixed_shape_resizer": "stretch"}
_NORMS = ("batch_norm", "sync_batch_norm")
_SCALES = ("y_scale", "x_scale", "height_scale", "width_scale")


class Rate(NamedTuple):
    """A learning rate.

    Attributes:
      kind: name of the schedule's field, without "_learning_rate"; "" where there is none.
      peak: the greatest rate.
      field: of the schedule's message, that holds the peak.
      warmup_steps: until the peak is reached; 0 where the run starts with it.
      warmup_rate: at step 0; the peak without a warm-up.
      decay_steps: at which the rate has decayed; 0 where the schedule has no such end.
    """

    kind: str = ""
    peak: float = 0.0
    field: str = ""
    warmup_steps: int = 0
    warmup_rate: float = 0.0
    decay_steps: int = 0

    @property
    def path(self) -> str:
        """Of the peak, below the optimizer's message."""
        return f"learning_rate.{self.kind}_learning_rate.{self.field}"


@dataclass(frozen=True)
class ModelSettings:
    """What a config says of the network, its targets, its losses and its detections.

    Attributes:
      extractor: `SsdFeatureExtractor.type`.
      image_size: pixels of the longer side of the input; 0 where the resizer fixes none.
      resizer: "letterbox", "stretch" or the name of the resizer's field.
      pyramid: (filters, iterations, layers of the heads); () without a pyramid.
      anchor_scale: 0 without multiscale anchors.
      anchor_cell: (scales per octave, *aspect ratios).
      matched_threshold: -1 where none is used.
      box_scales: of y, x, height, width; () for another coder.
      bias_init: of the class scores.
      classification_loss: name of the loss.
      focal: (alpha, gamma) of the focal loss, else ().
      localization_loss: name of the loss.
      huber_delta: 0 for another loss.
      loss_weights: (classification, localization).
      l2: of the heads.
      norm_decay: of the batch normalisation in pyramid and heads, the slowest one; 0 where there is none.
      score_converter: name of the enum's value.
      score_threshold: see `BatchNonMaxSuppression`.
      nms_iou: the same.
      soft_sigma: the same.
      max_detections: (per class, in total).
    """

    extractor: str
    num_classes: int
    image_size: int
    resizer: str
    pyramid: tuple[int, ...]
    anchor_scale: float
    anchor_cell: tuple[float, ...]
    matched_threshold: float
    box_scales: tuple[float, ...]
    bias_init: float
    classification_loss: str
    focal: tuple[float, ...]
    localization_loss: str
    huber_delta: float
    loss_weights: tuple[float, float]
    l2: float
    norm_decay: float
    score_converter: str
    score_threshold: float
    nms_iou: float
    soft_sigma: float
    max_detections: tuple[int, int]


@dataclass(frozen=True)
class TrainingSettings:
    """What a config says of training.

    Attributes:
      batch_size: over all replicas.
      optimizer: name of its field, without "_optimizer".
      rate: the learning rate.
      momentum: 0 for optimizers without one.
      clip_norm: of all gradients together; 0 for none.
      average_decay: of the moving averages; 0 where none are kept.
      flip: whether pictures are mirrored.
      scales: (least, greatest) factor of the scale jitter; () without it.
      other_scales: names of other augmentations that change size or place of objects.
    """

    batch_size: int
    num_steps: int
    optimizer: str
    rate: Rate
    momentum: float
    clip_norm: float
    average_decay: float
    flip: bool
    scales: tuple[float, ...]
    other_scales: tuple[str, ...] = ()


def as_written(value: float) -> float:
    """A float32 of a message as the decimal number that it was written as."""
    return float(f"{value:.7g}")


def read_model(config: pipeline_pb2.TrainEvalPipelineConfig) -> ModelSettings:
    """Reads the settings of `model.ssd`, which is set; `config` is resolved."""
    ssd = config.model.ssd
    head = _chosen(ssd.box_predictor, "box_predictor_oneof")
    pyramid, anchors = ssd.feature_extractor.bifpn, ssd.anchor_generator.multiscale_anchor_generator
    losses = ssd.loss
    suppression = ssd.post_processing.batch_non_max_suppression
    has_pyramid = ssd.feature_extractor.HasField("bifpn")
    has_anchors = ssd.anchor_generator.HasField("multiscale_anchor_generator")
    coder = ssd.box_coder.faster_rcnn_box_coder if ssd.box_coder.HasField("faster_rcnn_box_coder") else None
    focal = losses.classification_loss.weighted_sigmoid_focal
    is_focal = losses.classification_loss.HasField("weighted_sigmoid_focal")
    is_huber = losses.localization_loss.HasField("weighted_smooth_l1")
    return ModelSettings(
        extractor=ssd.feature_extractor.type,
        num_classes=ssd.num_classes,
        image_size=_image_size(ssd.image_resizer),
        resizer=_resizer(ssd.image_resizer),
        pyramid=(pyramid.num_filters, pyramid.num_iterations, head.num_layers_before_predictor if head else 0)
        if has_pyramid
        else (),
        anchor_scale=as_written(anchors.anchor_scale) if has_anchors else 0.0,
        anchor_cell=(anchors.scales_per_octave, *map(as_written, anchors.aspect_ratios)) if has_anchors else (),
        matched_threshold=_matched_threshold(ssd.matcher.argmax_matcher),
        box_scales=tuple(as_written(getattr(coder, name)) for name in _SCALES) if coder else (),
        bias_init=as_written(head.class_prediction_bias_init) if head else 0.0,
        classification_loss=losses.classification_loss.WhichOneof("classification_loss") or "",
        focal=(as_written(focal.alpha), as_written(focal.gamma)) if is_focal else (),
        localization_loss=losses.localization_loss.WhichOneof("localization_loss") or "",
        huber_delta=as_written(losses.localization_loss.weighted_smooth_l1.delta) if is_huber else 0.0,
        loss_weights=(as_written(losses.classification_weight), as_written(losses.localization_weight)),
        l2=as_written(head.conv_hyperparams.regularizer.l2_regularizer.weight) if _has_l2(head) else 0.0,
        norm_decay=_norm_decay(ssd.feature_extractor.conv_hyperparams, head),
        score_converter=post_processing_pb2.PostProcessing.ScoreConverter.Name(ssd.post_processing.score_converter),
        score_threshold=as_written(suppression.score_threshold),
        nms_iou=as_written(suppression.iou_threshold),
        soft_sigma=as_written(suppression.soft_nms_sigma),
        max_detections=(suppression.max_detections_per_class, suppression.max_total_detections),
    )


def read_training(config: pipeline_pb2.TrainEvalPipelineConfig) -> TrainingSettings:
    """Reads the settings of `train_config`; `config` is resolved."""
    train = config.train_config
    optimizer = _chosen(train.optimizer, "optimizer")
    name = train.optimizer.WhichOneof("optimizer") or ""
    steps = {step.WhichOneof("preprocessing_step"): step for step in train.data_augmentation_options}
    jitter = getattr(steps[_JITTER], _JITTER) if _JITTER in steps else None
    return TrainingSettings(
        batch_size=train.batch_size,
        num_steps=train.num_steps,
        optimizer=name.removesuffix("_optimizer"),
        rate=read_rate(optimizer.learning_rate if optimizer is not None else None),
        momentum=as_written(getattr(optimizer, "momentum_optimizer_value", 0.0)),
        clip_norm=as_written(train.gradient_clipping_by_norm),
        average_decay=as_written(train.optimizer.moving_average_decay) if keeps_averages(config) else 0.0,
        flip="random_horizontal_flip" in steps
        and steps["random_horizontal_flip"].random_horizontal_flip.probability > 0,
        scales=(as_written(jitter.scale_min), as_written(jitter.scale_max)) if jitter is not None else (),
        other_scales=tuple(name for name in _OTHER_SCALES if name in steps),
    )


def keeps_averages(config: pipeline_pb2.TrainEvalPipelineConfig) -> bool:
    """Whether training keeps moving averages of its weights; TFOD's default, where an optimizer is chosen."""
    optimizer = config.train_config.optimizer
    return optimizer.WhichOneof("optimizer") is not None and optimizer.use_moving_average


def _chosen(message: Message, oneof: str) -> Any:
    """The message that a `oneof` holds; None for none."""
    name = message.WhichOneof(oneof)
    return getattr(message, name) if name is not None else None


def _resizer(resizer: Any) -> str:
    name = resizer.WhichOneof("image_resizer_oneof") or ""
    return _RESIZERS.get(name, name)


def _image_size(resizer: Any) -> int:
    if resizer.HasField("keep_aspect_ratio_resizer"):
        return int(resizer.keep_aspect_ratio_resizer.max_dimension)
    if resizer.HasField("fixed_shape_resizer"):
        return int(max(resizer.fixed_shape_resizer.height, resizer.fixed_shape_resizer.width))
    return 0


def _matched_threshold(matcher: Any) -> float:
    return -1.0 if matcher.ignore_thresholds else as_written(matcher.matched_threshold)


def _has_l2(head: Any) -> bool:
    return head is not None and head.conv_hyperparams.regularizer.HasField("l2_regularizer")


def _norm_decay(pyramid: Hyperparams, head: Any) -> float:
    parts = [pyramid, *([head.conv_hyperparams] if head is not None else [])]
    kinds = [(part, part.WhichOneof("normalizer_oneof")) for part in parts]
    return max((as_written(getattr(part, kind).decay) for part, kind in kinds if kind in _NORMS), default=0.0)


def read_rate(rate: Any) -> Rate:
    """Reads a learning rate, whatever schedule it is written as; None for none."""
    name = rate.WhichOneof("learning_rate") if rate is not None else None
    if name is None:
        return Rate()
    schedule, kind = getattr(rate, name), name.removesuffix("_learning_rate")
    if kind == "constant":
        return _rate(kind, "learning_rate", schedule.learning_rate)
    if kind == "manual_step":
        return _manual(schedule)
    if kind == "exponential_decay":
        peak, steps = schedule.initial_learning_rate, schedule.burnin_steps
        start = (schedule.burnin_learning_rate or peak) if steps else peak
        return _rate(kind, "initial_learning_rate", peak, steps, start)
    steps = schedule.warmup_steps
    start = schedule.warmup_learning_rate if steps else schedule.learning_rate_base
    end = schedule.total_steps if hasattr(schedule, "total_steps") else 0
    return _rate(kind, "learning_rate_base", schedule.learning_rate_base, steps, start, end)


def _manual(schedule: Any) -> Rate:
    """The peak of a list of rates: with `warmup`, the first step is where the first listed rate is reached."""
    first = schedule.initial_learning_rate
    peak = max([first, *(entry.learning_rate for entry in schedule.schedule)])
    listed = [index for index, entry in enumerate(schedule.schedule) if entry.learning_rate == peak]
    field = "initial_learning_rate" if peak == first else f"schedule[{listed[0]}].learning_rate"
    is_warmed = peak > first and listed
    steps = schedule.schedule[listed[0]].step if is_warmed else 0
    return _rate("manual_step", field, peak, steps, first if is_warmed else peak)


def _rate(kind: str, field: str, peak: float, steps: int = 0, start: float | None = None, end: int = 0) -> Rate:
    first = peak if start is None else start
    return Rate(kind, as_written(peak), field, steps, as_written(first), end)
