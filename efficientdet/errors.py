# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Errors that a user can cause and mend.

Their text names the place, the value and the rule, and is shown without a traceback.
"""

from __future__ import annotations


class EfficientDetError(ValueError):
    """Base of the errors below, so that a command line catches all of them at one place."""


class ConfigError(EfficientDetError):
    """A pipeline config, a label map or an override says something that cannot be done."""


class DataError(EfficientDetError):
    """A record, an annotation or an image is not what it should be."""


class CheckpointError(EfficientDetError):
    """A checkpoint does not fit the model, or cannot be read."""


class ExportError(EfficientDetError):
    """What would be exported does not do what the network does."""


class TrainingError(EfficientDetError):
    """Training cannot go on, for instance because a loss is not finite."""


class WorkerLostError(TrainingError):
    """Another of the processes that train together has ended, or does not answer."""


class UsageError(EfficientDetError):
    """A command was called with arguments that contradict each other or name nothing."""
