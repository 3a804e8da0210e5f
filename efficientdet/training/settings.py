# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How a step of training computes, and how it updates the weights."""

from __future__ import annotations

from typing import Literal, NamedTuple

from efficientdet.training.optimizers import Clipping

NormalizerScope = Literal["global_batch", "replica"]


class TrainerSettings(NamedTuple):
    """The settings of a step. What is off adds nothing to it."""

    clipping: Clipping = Clipping()  # of the gradients of the global batch
    average_decay: float | None = None  # of the moving average of the weights; None keeps none
    regularize: bool = True  # whether the model's regularisation losses are added
    parts: int = 1  # that a replica's pictures are computed in, one after the other; their number divides by it
    normalizer_scope: NormalizerScope = "global_batch"  # over whose matches losses are divided
    watch_gradients: bool = False  # whether the norm of all gradients is looked at
    scale_losses: bool = False  # by a factor that follows the gradients' size, for activations in float16
    adjustable_rate: bool = False  # whether `Trainer.rate_factor` may change once steps have been done
