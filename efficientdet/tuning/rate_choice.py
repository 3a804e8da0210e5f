# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a sweep of learning rates says: where the loss falls, where it has had enough, and which rate to take.

Reference: Smith 2017 (arXiv:1506.01186), section 3.3. No TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

Reason = Literal["tenth", "steepest"]

_WIDTH = 0.12  # decades: the standard deviation of the smoothing, which sees three steps and more on either side
_RISE = 0.25  # of what the loss has lost: when so much has come back, training has diverged
_LEAST_FALL = 0.05  # of the loss at the start: what falls less has not been taught anything
_SETTLED = 5  # steps at the start whose mean is the loss before anything was learnt


class SweepPoint(NamedTuple):
    """A step of a sweep."""

    rate: float
    loss: float  # before the step's update, without the L2 terms; not finite where it overflowed


class RateChoice(NamedTuple):
    """What a sweep says.

    Attributes:
      rate: the greatest rate to train with; 0 where the loss did not fall at any.
      reason: "tenth" of the rate at which the loss diverged; "steepest", where that is lower, or nothing diverged. A
        sweep is at each rate for a moment only: near its end it bears rates that a training does not.
      steepest: the rate at which the loss fell the fastest.
      lowest: at which it was least.
      diverged: at which it had risen again; infinite where it never did.
      smoothed: the loss that all this was read from, at each point.
    """

    rate: float
    reason: Reason
    steepest: float
    lowest: float
    diverged: float
    smoothed: tuple[float, ...]


def choose_rate(points: Sequence[SweepPoint]) -> RateChoice:
    """Reads a sweep.

    Args:
      points: in the order of their rates, which grow by one factor.

    Returns:
      The choice.
    """
    finite = [point for point in points if math.isfinite(point.loss)]
    if len(finite) < 2:
        return RateChoice(0.0, "steepest", 0.0, 0.0, points[0].rate if points else 0.0, ())
    rates = np.array([point.rate for point in finite])
    smoothed = smooth(rates, np.array([point.loss for point in finite]))
    lowest = int(np.argmin(smoothed))
    start = float(np.mean([point.loss for point in finite[:_SETTLED]]))
    fall = start - smoothed[lowest]
    told = tuple(map(float, smoothed))
    if fall < _LEAST_FALL * abs(start):
        return RateChoice(0.0, "steepest", 0.0, float(rates[lowest]), math.inf, told)
    slopes = np.gradient(smoothed[: lowest + 1], np.log(rates[: lowest + 1])) if lowest else np.zeros(1)
    steepest = float(rates[int(np.argmin(slopes))])
    diverged = _diverged(points, rates, smoothed, lowest, fall)
    reason: Reason = "tenth" if diverged / 10 < steepest else "steepest"
    return RateChoice(min(diverged / 10, steepest), reason, steepest, float(rates[lowest]), diverged, told)


def smooth(rates: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Losses as they would be without the chance of single batches: a weighted median of the neighbourhood.

    Both sides count, so that nothing lags behind; a mean would carry one overflow into all of its neighbours.

    Args:
      rates: float [N], rising.
      losses: float [N], finite.

    Returns:
      float64 [N].
    """
    places = np.log10(rates)
    weights = np.exp(-0.5 * ((places[:, None] - places[None, :]) / _WIDTH) ** 2)
    order = np.argsort(losses)
    shares = np.cumsum(weights[:, order], axis=1)
    middle = np.argmax(shares >= shares[:, -1:] / 2, axis=1)
    medians = losses[order][middle].astype(np.float64)
    return (weights @ medians) / weights.sum(axis=1)


def has_diverged(losses: Sequence[float], times: float = 4.0) -> bool:
    """Whether a sweep can stop: the last losses are all far above the least that there was.

    Args:
      losses: so far, in order.
      times: how far above.
    """
    if losses and not math.isfinite(losses[-1]):
        return True
    recent = losses[-3:]
    return len(losses) > 2 * _SETTLED and min(recent) > times * min(losses)


def _diverged(points: Sequence[SweepPoint], rates: np.ndarray, smoothed: np.ndarray, lowest: int, fall: float) -> float:
    """The first rate above that of the least loss at which a part of what was gained is lost again."""
    risen = np.nonzero(smoothed[lowest:] > smoothed[lowest] + _RISE * fall)[0]
    if len(risen):
        return float(rates[lowest + int(risen[0])])
    broken = [point.rate for point in points if not math.isfinite(point.loss)]
    return broken[0] if broken else math.inf
