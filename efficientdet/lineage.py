# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The numbers that a config leaves to its lineage.

TFOD and google/automl train the same networks from different numbers, most of which TFOD's schema cannot say: it had
them in code. The fields for them have no default in the `.proto`; the table here fills what a config leaves unset.
"""

from __future__ import annotations

from typing import NamedTuple

from efficientdet.protos import multiscale_anchor_generator_pb2, pipeline_pb2, ssd_pb2

_Pipeline = pipeline_pb2.TrainEvalPipelineConfig
_Extractor = ssd_pb2.SsdFeatureExtractor
_Anchors = multiscale_anchor_generator_pb2.MultiscaleAnchorGenerator

# In 0..255. TFOD writes them as (.485, .456, .406) and (.229, .224, .225) of 255: ImageNet's mean and deviation.
_IMAGENET_MEAN = (123.675, 116.28, 103.53)
_IMAGENET_STDDEV = (58.395, 57.12, 57.375)
# What the Lite backbones were trained with: about -1..1, and exact in 8 bits (automl, efficientnet_lite).
_LITE_MEAN = (127.0, 127.0, 127.0)
_LITE_STDDEV = (128.0, 128.0, 128.0)


class LineageDefaults(NamedTuple):
    """One row: what a lineage does with one family of backbones. The fields are described in the `.proto` files."""

    survival_probability: float
    endpoints: _Extractor.Endpoints
    mean: tuple[float, float, float]
    stddev: tuple[float, float, float]
    anchor_order: _Anchors.AnchorOrder
    stride_rule: _Anchors.StrideRule
    combine_method: str


_TFOD = LineageDefaults(
    survival_probability=0.8,
    endpoints=_Extractor.B0_LAYER_NAMES,
    mean=_IMAGENET_MEAN,
    stddev=_IMAGENET_STDDEV,
    anchor_order=_Anchors.ASPECT_MAJOR,
    stride_rule=_Anchors.POWER_OF_TWO,
    combine_method="fast_attention",
)
# TFOD never had the Lites, so there is nothing to be faithful to but its anchor order: the rest is what their pyramids
# (320 px: 40, 20, 10, 5, 3) and their ImageNet weights need.
_TFOD_LITE = _TFOD._replace(
    endpoints=_Extractor.LAST_BLOCK,
    mean=_LITE_MEAN,
    stddev=_LITE_STDDEV,
    stride_rule=_Anchors.EXACT,
    combine_method="sum",
)
_AUTOML = _TFOD._replace(
    endpoints=_Extractor.LAST_BLOCK,
    anchor_order=_Anchors.SCALE_MAJOR,
    stride_rule=_Anchors.EXACT,
)
# automl switches stochastic depth off for every backbone with "b0" in its name, so D0 trains without.
_AUTOML_B0 = _AUTOML._replace(survival_probability=1.0)
_AUTOML_LITE = _AUTOML._replace(mean=_LITE_MEAN, stddev=_LITE_STDDEV, combine_method="sum")


def lineage_defaults(lineage: _Pipeline.Lineage, extractor_type: str) -> LineageDefaults:
    """The row of the table for a lineage and a `feature_extractor.type`."""
    lite = "-lite" in extractor_type
    if lineage == _Pipeline.AUTOML:
        if lite:
            return _AUTOML_LITE
        return _AUTOML_B0 if "-b0" in extractor_type else _AUTOML
    return _TFOD_LITE if lite else _TFOD


def fill_unset(config: _Pipeline) -> None:
    """Sets, in place, each field of the model that is left to the lineage and is unset; and `lineage` itself."""
    config.lineage = config.lineage  # set even where it is the default, so that the written config says it
    if not config.HasField("model") or not config.model.HasField("ssd"):
        return
    ssd = config.model.ssd
    extractor = ssd.feature_extractor
    defaults = lineage_defaults(config.lineage, extractor.type)
    if ssd.HasField("feature_extractor"):
        _fill_extractor(extractor, defaults)
    if ssd.anchor_generator.WhichOneof("anchor_generator_oneof") == "multiscale_anchor_generator":
        anchors = ssd.anchor_generator.multiscale_anchor_generator
        if not anchors.HasField("anchor_order"):
            anchors.anchor_order = defaults.anchor_order
        if not anchors.HasField("stride_rule"):
            anchors.stride_rule = defaults.stride_rule


def _fill_extractor(extractor: _Extractor, defaults: LineageDefaults) -> None:
    if not extractor.HasField("survival_probability"):
        extractor.survival_probability = defaults.survival_probability
    if not extractor.HasField("endpoints"):
        extractor.endpoints = defaults.endpoints
    if not extractor.normalization.mean:
        extractor.normalization.mean.extend(defaults.mean)
    if not extractor.normalization.stddev:
        extractor.normalization.stddev.extend(defaults.stddev)
    if extractor.HasField("bifpn") and not extractor.bifpn.HasField("combine_method"):
        extractor.bifpn.combine_method = defaults.combine_method
