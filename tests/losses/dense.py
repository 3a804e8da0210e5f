# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The definitions of classification losses, elementwise on dense targets and in float64."""

from __future__ import annotations

import numpy as np


def present(logits: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Which slots are positive, bool [B, A, S]; none of an anchor with -1."""
    return np.arange(logits.shape[-1]) == rows[..., np.newaxis]


def dense_focal(
    logits: np.ndarray,
    classes: np.ndarray,
    weights: np.ndarray,
    alpha: float | None,
    gamma: float,
    smoothing: float = 0.0,
) -> float:
    """Focal loss; without `alpha` and at a `gamma` of 0 it is sigmoid cross entropy."""
    positive = present(logits, classes)
    log_p = -np.logaddexp(0, -logits.astype(np.float64))
    log_rest = -np.logaddexp(0, logits.astype(np.float64))
    alpha_t = 1.0 if alpha is None else np.where(positive, alpha, 1 - alpha)
    modulation = np.exp(gamma * np.where(positive, log_rest, log_p))
    truth = np.where(positive, 1 - smoothing / 2, smoothing / 2)
    entropy = -truth * log_p - (1 - truth) * log_rest
    return float((alpha_t * modulation * entropy * weights[..., np.newaxis]).sum())


def dense_bootstrapped(logits: np.ndarray, rows: np.ndarray, weights: np.ndarray, alpha: float, *, hard: bool) -> float:
    """Sigmoid cross entropy against truth that the predictions have a part in."""
    log_p, log_rest = -np.logaddexp(0, -logits.astype(np.float64)), -np.logaddexp(0, logits.astype(np.float64))
    said = np.exp(log_p) > 0.5 if hard else np.exp(log_p)
    truth = alpha * present(logits, rows) + (1 - alpha) * said
    return float(((-truth * log_p - (1 - truth) * log_rest) * weights[..., np.newaxis]).sum())


def dense_softmax(logits: np.ndarray, targets: np.ndarray, weights: np.ndarray, logit_scale: float) -> float:
    """Softmax cross entropy against targets [B, A, S]."""
    scaled = logits.astype(np.float64) / logit_scale
    log_p = scaled - np.logaddexp.reduce(scaled, axis=-1, keepdims=True)
    return float((-(targets * log_p).sum(-1) * weights).sum())
