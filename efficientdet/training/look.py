# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a look into the network sees."""

from __future__ import annotations

from typing import NamedTuple


class Units(NamedTuple):
    """The channels behind the non-linearities of one place in the network, over all pictures of a batch."""

    number: int
    dead_share: float  # of those that are 0, or saturated, at all positions
    sparsity: float  # the share of values that are 0, or next to it, in the first picture
    least_positions: int  # that a channel was seen at; few say little


class Look(NamedTuple):
    """A look into the network, after a step."""

    step: int
    learning_rate: float  # of the step
    gradient_norms: dict[str, float]  # by block: of the global batch's, at the weights after the step, not clipped
    update_ratio: float | None  # of all trained weights: norm of the step's change / norm before; None where unknown
    block_update_ratios: dict[str, float]  # likewise by block
    units: dict[str, Units]  # by place
    positives: dict[str, float]  # by level: matched anchors of a picture, the mean over the batch
