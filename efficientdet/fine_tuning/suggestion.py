# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A ready config for a data set, each number with its reason."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from efficientdet.fine_tuning.anchor_choice import MATCHED, AnchorChoice, choose_anchors
from efficientdet.fine_tuning.augmentation import Zoom, choose_zoom, tells_sides_apart
from efficientdet.fine_tuning.figures import DatasetFigures, shares_of_side, usual_side
from efficientdet.fine_tuning.model_choice import StartWeights, choose_model, choose_resolution, start_weights
from efficientdet.fine_tuning.schedule import BATCH_SIZE, WHY_RATE, WHY_STEPS, Schedule, plan_schedule
from efficientdet.fine_tuning.template import fill_template, in_comment, number, percent, quoted
from efficientdet.lineage import fill_unset
from efficientdet.modeling.scaling import MODELS
from efficientdet.ops.anchors import StrideRule
from efficientdet.protos.multiscale_anchor_generator_pb2 import MultiscaleAnchorGenerator
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig

_CONFIG_NAME = "pipeline.config"  # beside the label map
_MOST_BOXES = 1_000  # of an image, and detections in one
_USUAL_BOXES = 100  # TFOD's limit, and COCO's of detections that count
_FLIP = "\n  data_augmentation_options { random_horizontal_flip {} }"


def suggest_config(figures: DatasetFigures, *, model: str | None = None) -> str:
    """Writes a config that trains a detector on a data set as it is.

    Args:
      figures: of the data.
      model: a name in `modeling.scaling.MODELS`; None chooses by the number of pictures.

    Returns:
      The text of a pipeline config, with comments.

    Raises:
      DataError: there is no picture to train on, or no class.
      UsageError: there is no such model.
    """
    figures.check()
    choice = choose_model(figures, model)
    weights = start_weights(choice.name)
    shares = shares_of_side(figures)
    resolution = choose_resolution(figures, shares, choice.name)
    black, strides = _of_lineage(_extractor(choice.name))
    anchors = choose_anchors(shares, resolution.side, MODELS[choice.name], strides, keeps_heads=weights.is_detector)
    zoom = choose_zoom(shares, resolution.side, figures.num_train)
    schedule = plan_schedule(figures.num_train, from_detector=weights.is_detector)
    return fill_template(
        {
            "why_model": choice.why,
            "why_side": f"{resolution.why[0].upper()}{resolution.why[1:]}.",
            "side": str(resolution.side),
            "black": ", ".join(map(number, black)),
            **_data(figures),
            **_model(choice.name),
            **_weights(weights, anchors),
            **_anchors(anchors, len(shares)),
            **_augmentation(figures, zoom),
            **_schedule(schedule, figures, weights),
        }
    )


def _data(figures: DatasetFigures) -> dict[str, str]:
    folder = PurePath(figures.label_map_path).parent
    limit = min(max(_USUAL_BOXES, -(-figures.max_boxes // 50) * 50), _MOST_BOXES)
    most = f"the image with the most boxes has {figures.max_boxes:,}"
    side = usual_side(figures)
    pictures = f"{figures.num_train:,} pictures to train on and {figures.num_val:,} to evaluate on"
    measure = f", whose longer side measures {side:,} pixels (median)" if side else ""
    kinds = f"{figures.num_classes:,} class{'es' if figures.num_classes > 1 else ''}"
    if figures.val_path:
        why_eval = f"{figures.num_val:,} pictures that training does not see."
    else:
        why_eval = (
            "There is nothing to evaluate on: these are the pictures of the training, and the figures say nothing of "
            "how well others will be read. Keep some apart, and name them here."
        )
    return {
        "classes": kinds,
        "num_classes": str(figures.num_classes),
        "config_argument": _argument(folder / _CONFIG_NAME),
        "model_dir_argument": _argument(folder / "model"),
        "data": f"{pictures}{measure}; {len(figures.boxes):,} boxes to learn from",
        "why_max_boxes": f"At least as many as are needed: {most}."
        if figures.max_boxes <= limit
        else f"More than that cost memory in every batch; {most}, of which the rest is cut off.",
        "max_boxes": str(limit),
        "max_detections": str(limit),
        "label_map_path": quoted(figures.label_map_path),
        "train_path": quoted(figures.train_path),
        "why_eval": why_eval,
        "eval_path": quoted(figures.val_path or figures.train_path),
    }


def _argument(path: PurePath) -> str:
    """A path as a shell takes it."""
    return in_comment(shlex.quote(str(path)))


def _model(model: str) -> dict[str, str]:
    size = MODELS[model]
    return {
        "model": model.capitalize(),
        "extractor": _extractor(model),
        # The published weights of D7x are google/automl's, whose pyramid reads other blocks than TFOD's.
        "endpoints": "\n      endpoints: LAST_BLOCK" if model == "d7x" else "",
        "activation": "RELU_6" if model.startswith("lite") else "SWISH",
        "max_level": str(size.max_level),
        "fpn_iterations": str(size.fpn_iterations),
        "fpn_filters": str(size.fpn_filters),
        "head_layers": str(size.head_layers),
        "combine_method": size.combine_method,
    }


def _extractor(model: str) -> str:
    return f"ssd_efficientnet-{MODELS[model].backbone}_bifpn_keras"


def _of_lineage(extractor: str) -> tuple[list[float], StrideRule]:
    """Black as the network sees it, and how its anchors lie, by what the lineage says of an extractor."""
    config = TrainEvalPipelineConfig()
    ssd = config.model.ssd
    ssd.feature_extractor.type = extractor
    ssd.anchor_generator.multiscale_anchor_generator.SetInParent()
    fill_unset(config)
    normalization = ssd.feature_extractor.normalization
    black = [-mean / stddev for mean, stddev in zip(normalization.mean, normalization.stddev, strict=True)]
    is_exact = ssd.anchor_generator.multiscale_anchor_generator.stride_rule == MultiscaleAnchorGenerator.EXACT
    return black, "exact" if is_exact else "power_of_two"


def _weights(weights: StartWeights, anchors: AnchorChoice) -> dict[str, str]:
    if not weights.is_detector:
        kind = "classification"
        why = "The backbone knows ImageNet; pyramid and heads start from random numbers."
    elif anchors.is_published:
        kind = "full"
        why = "The whole detector; classes that COCO has too are carried over by their names."
    else:
        kind = "detection"
        why = "Backbone and pyramid; the heads start from random numbers, as they knew other anchors."
    return {
        "weights_origin": weights.origin,
        "checkpoint": quoted(weights.checkpoint),
        "checkpoint_type": kind,
        "why_weights": why,
    }


def _anchors(anchors: AnchorChoice, count: int) -> dict[str, str]:
    ratios = ", ".join(map(number, anchors.ratios))
    why = f"No anchor overlaps {percent(anchors.unmatched)} of the boxes to learn from by {MATCHED:g}"
    if not count:
        why = "The published model's: there are no boxes to choose by."
    elif anchors.is_published:
        why += "; these are the published model's, and no others gain enough to leave them for."
    else:
        why += f"; with the published model's it would be {percent(anchors.unmatched_by_published)}."
    return {
        "why_anchors": why,
        "anchor_scale": number(anchors.scale),
        "aspect_ratios": ratios,
        "matched": number(MATCHED),
    }


def _augmentation(figures: DatasetFigures, zoom: Zoom) -> dict[str, str]:
    sided = tells_sides_apart(figures.class_names)
    why_zoom = f"COCO's 0.1-2.0 suits long trainings; {figures.num_train:,} pictures take less"
    if zoom.small:
        why_zoom += (
            f", and 5 % of the objects measure less than {zoom.small:.0f} pixels of the input already, "
            f"{zoom.small * zoom.least:.0f} at the smallest zoom"
        )
    mirrored = "Mirrored pictures are pictures as good; take it out where left and right must be told apart."
    return {
        "why_flip": f"Pictures are not mirrored: {in_comment(sided)!r} would become false." if sided else mirrored,
        "flip": "" if sided else _FLIP,
        "why_zoom": f"{why_zoom}.",
        "zoom_least": number(zoom.least),
        "zoom_most": number(zoom.most),
    }


def _schedule(schedule: Schedule, figures: DatasetFigures, weights: StartWeights) -> dict[str, str]:
    length = f"{schedule.num_steps:,} steps of {BATCH_SIZE} = {schedule.epochs:,.3g} epochs of {figures.num_train:,}"
    start = "a whole detector" if weights.is_detector else "a backbone alone"
    return {
        "batch_size": str(BATCH_SIZE),
        "num_steps": str(schedule.num_steps),
        "length": f"{length} pictures; `efficientdet doctor machine` says how many hours that takes here",
        "why_steps": WHY_STEPS,
        "interval": str(schedule.interval),
        "why_rate": f"From {start}, for batches of {BATCH_SIZE} and {schedule.num_steps:,} steps. {WHY_RATE}",
        "rate": number(schedule.rate),
        "warmup_rate": number(schedule.warmup_rate),
        "warmup_steps": str(schedule.warmup_steps),
        "why_batch_norm": (
            f"Remembers {round(1 / (1 - schedule.batch_norm_decay))} steps, so that statistics keep up with the "
            f"weights over {schedule.num_steps:,}. (The backbone keeps 0.99; its weights move less.)"
        ),
        "batch_norm_decay": number(schedule.batch_norm_decay),
        "why_average": f"Remembers {schedule.averaged_steps:,} steps of {schedule.num_steps:,}.",
        "average_decay": number(schedule.average_decay),
    }
