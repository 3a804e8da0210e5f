# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Figures that several tests share."""

from __future__ import annotations

from efficientdet.bench.figures import Figure, Results, Yardstick

GEMM = Yardstick("fp32 GEMM", 0.25, 200.0, "GFLOP/s")


def figure(minimum: float = 0.5, **more: object) -> Figure:
    return Figure(**{"unit": "s", "median": 1.25 * minimum, "minimum": minimum, "runs": 9, "yardstick": GEMM, **more})  # type: ignore[arg-type]


def results(**figures: Figure) -> Results:
    return Results({"date": "2026-11-22", "processor": "a CPU"}, {}, figures)
