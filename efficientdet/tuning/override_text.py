# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What differs between two configs, as the text that makes one of the other. No TensorFlow."""

from __future__ import annotations

from google.protobuf import text_format
from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.config import PipelineConfig
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig


def override_text(before: PipelineConfig, after: PipelineConfig) -> str:
    """The override that lays over one config whatever another one sets otherwise.

    Args:
      before: resolved.
      after: resolved. What it leaves unset stays as it is in `before`: an override cannot take a value away.

    Returns:
      One line of config text, for `--override`; "" where nothing differs.
    """
    overlay = TrainEvalPipelineConfig()
    _collect(before.proto, after.proto, overlay)
    return text_format.MessageToString(overlay, as_one_line=True).strip()


def indented(override: str) -> str:
    """An override for people: a line for each field."""
    message = text_format.Parse(override, TrainEvalPipelineConfig())
    return text_format.MessageToString(message).rstrip()


def _collect(before: Message, after: Message, overlay: Message) -> None:
    for field, value in after.ListFields():
        if field_paths.is_repeated(field):
            if list(getattr(before, field.name)) != list(value):
                getattr(overlay, field.name).MergeFrom(value)
        elif not field_paths.is_message(field):
            if not before.HasField(field.name) or getattr(before, field.name) != value:
                setattr(overlay, field.name, value)
        elif not before.HasField(field.name):
            getattr(overlay, field.name).CopyFrom(value)
        elif getattr(before, field.name) != value:
            _collect(getattr(before, field.name), value, getattr(overlay, field.name))
