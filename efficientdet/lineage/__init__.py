# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The numbers that a config leaves to its lineage.

TFOD and google/automl train the same networks from different numbers, most of which TFOD's schema cannot say: it had
them in code. Here they are written as pieces of a config, and a config that leaves one of them unset is filled from
these.

TFOD's models are described by whole configs, so that lineage completes only what the schema lacks. automl had no such
files: what is constant over its models is all here, and a config says no more than what sets its model apart.
"""

from __future__ import annotations

from google.protobuf import text_format
from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.field_paths import Field
from efficientdet.lineage import automl_pieces, tfod_pieces
from efficientdet.lineage.families import family_of
from efficientdet.protos import post_processing_pb2
from efficientdet.protos.optimizer_pb2 import Optimizer
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from efficientdet.protos.ssd_pb2 import Ssd

_FIRST_OWN_NUMBER = 2000  # fields of our own, which TFOD's schema lacks, are numbered from here on

_COSINE_IN = (
    "train_config {{ optimizer {{ {} {{ learning_rate {{ cosine_decay_learning_rate {{ phase: {} }} }} }} }} }}"
)
_HARD_FORMS = ("use_hard_nms", "use_partitioned_nms", "use_combined_nms")
_OPTIMIZERS = tuple(field.name for field in Optimizer.DESCRIPTOR.oneofs_by_name["optimizer"].fields)


def fill_unset(config: TrainEvalPipelineConfig) -> None:
    """Sets, in place, each field that is left to the lineage and is unset; and `lineage` itself.

    Args:
      config: as read. The model, readers, optimizers and schedules that it lacks are not made up.
    """
    config.lineage = config.lineage  # set even where it is the default, so that the written config says it
    automl = config.lineage == TrainEvalPipelineConfig.AUTOML
    if config.HasField("model") and config.model.HasField("ssd"):
        (_fill_automl if automl else _fill_tfod)(config.model.ssd)
    run, phase = (automl_pieces.RUN, "FROM_START") if automl else (tfod_pieces.RUN, "AFTER_WARMUP")
    for text in (run, *(_COSINE_IN.format(optimizer, phase) for optimizer in _OPTIMIZERS)):
        _fill(config, text_format.Parse(text, TrainEvalPipelineConfig()))
    if automl:
        _follow_the_config(config)


def is_of_automl(extractor_type: str) -> bool:
    """Whether automl had detectors with this type of feature extractor; true for what nothing is known of."""
    return family_of(extractor_type).automl is not None


def _fill_tfod(ssd: Ssd) -> None:
    family = list(family_of(ssd.feature_extractor.type).tfod)
    if ssd.post_processing.batch_non_max_suppression.use_class_agnostic_nms:
        family.append(tfod_pieces.AGNOSTIC)
    for text in (*family, tfod_pieces.MODEL, tfod_pieces.STRETCHED):
        _fill(ssd, _parse(text))


def _fill_automl(ssd: Ssd) -> None:
    pieces = family_of(ssd.feature_extractor.type).automl
    if pieces is None:  # there is nothing to fill in, and such a config is refused
        return
    family = list(pieces)
    suppression = ssd.post_processing.batch_non_max_suppression
    if _is_hard(suppression):
        family.append(automl_pieces.HARD)
    if suppression.candidates == post_processing_pb2.BatchNonMaxSuppression.BEST_CLASS:
        family.append(automl_pieces.BEST_CLASS)
    for text in (*family, automl_pieces.MODEL):
        _fill(ssd, _parse(text), create=True)
    for text in (automl_pieces.RESIZER, automl_pieces.STRETCHED):
        _fill(ssd, _parse(text))
    # The heads are as wide as the pyramid, and every level of it has anchors.
    pyramid = ssd.feature_extractor.bifpn
    defaults = Ssd()
    defaults.box_predictor.weight_shared_convolutional_box_predictor.depth = pyramid.num_filters
    defaults.anchor_generator.multiscale_anchor_generator.max_level = pyramid.max_level
    _fill(ssd, defaults)


def _follow_the_config(config: TrainEvalPipelineConfig) -> None:
    """Fills what follows in automl from other fields: training pads with the mean, and averages are evaluated."""
    defaults = TrainEvalPipelineConfig()
    mean = config.model.ssd.feature_extractor.normalization.mean
    defaults.train_config.data_augmentation_options.add().random_scale_crop_and_pad_to_square.pad_value.extend(mean)
    train = config.train_config
    if train.HasField("optimizer") and train.optimizer.use_moving_average:
        defaults.eval_config.use_moving_averages = True
        config.eval_config.SetInParent()  # what an export writes follows from it too
    _fill(config, defaults)


def _is_hard(suppression: post_processing_pb2.BatchNonMaxSuppression) -> bool:
    """Whether a config asks for suppression that drops boxes instead of lowering their scores."""
    without_sigma = suppression.HasField("soft_nms_sigma") and suppression.soft_nms_sigma == 0
    return without_sigma or any(getattr(suppression, name) for name in _HARD_FORMS)


def _parse(text: str) -> Ssd:
    return text_format.Parse(text, Ssd())


def _fill(message: Message, defaults: Message, *, create: bool = False) -> None:
    """Sets in `message`, in place, what it leaves unset and `defaults` sets.

    Args:
      message: wins where both say something. No list grows; each element of a list of messages is filled.
      defaults: of the same type.
      create: also sets the messages that `message` lacks, unless it has chosen another member of their `oneof`. Those
        that hold fields of our own alone are always created.
    """
    for field, value in defaults.ListFields():
        if not field_paths.is_message(field):
            if not field_paths.is_set(message, field) and _is_open(message, field):
                _set(message, field, value)
        elif field_paths.is_repeated(field):
            for element in getattr(message, field.name):
                for default in value:
                    _fill(element, default, create=create)
        elif message.HasField(field.name) or (
            (create or field.number >= _FIRST_OWN_NUMBER) and _is_open(message, field)
        ):
            inner = getattr(message, field.name)
            inner.SetInParent()
            _fill(inner, value, create=create)


def _is_open(message: Message, field: Field) -> bool:
    """Whether setting `field` would leave a choice alone that `message` has made."""
    return field.containing_oneof is None or message.WhichOneof(field.containing_oneof.name) is None


def _set(message: Message, field: Field, value: object) -> None:
    if field_paths.is_repeated(field):
        getattr(message, field.name).extend(value)
    else:
        setattr(message, field.name, value)
