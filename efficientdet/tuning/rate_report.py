# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A sweep of learning rates in words, as a chart, as a page and as JSON. No TensorFlow."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import NamedTuple

from efficientdet.config import PipelineConfig
from efficientdet.doctor.quantities import times
from efficientdet.doctor.recipe.comparison import compare
from efficientdet.doctor.report.markup import Markup, element, listing, prose
from efficientdet.doctor.report.page import page
from efficientdet.tuning.line_chart import Curve, LineChart, Mark, line_chart
from efficientdet.tuning.override_text import indented, override_text
from efficientdet.tuning.rate_choice import RateChoice, SweepPoint
from efficientdet.tuning.schedule import peak_rate, with_peak_rate

_REASONS = {
    "tenth": "a tenth of the rate at which the loss diverged, {diverged:.2g}",
    "steepest": "where the loss falls the fastest",
}
_CLOSE = 1.5  # factor within which two rates are the same to a training
_DOT = 2.2


class RateReport(NamedTuple):
    """What is said of a sweep.

    Attributes:
      rate: the suggestion, rounded to two digits; 0 for none.
      lines: in words.
      override: the config text that sets it; "" for none, or where the config has it already.
    """

    rate: float
    lines: tuple[str, ...]
    override: str


def report_of(config: PipelineConfig, choice: RateChoice) -> RateReport:
    """Puts a choice into words.

    Args:
      config: that was swept.
      choice: what the sweep says.
    """
    if not choice.rate:
        lines = [
            "the loss did not fall at any rate: nothing can be suggested",
            "weights that are frozen, labels that do not fit, or a data set without boxes look like this: "
            f"efficientdet doctor data overfit {config.path}",
        ]
        return RateReport(0.0, tuple(lines), "")
    rate, given = float(f"{choice.rate:.2g}"), peak_rate(config)
    lines = [f"suggested peak: {rate:g}, {_REASONS[choice.reason].format(diverged=choice.diverged)}"]
    end = f"risen again at {choice.diverged:.2g}" if math.isfinite(choice.diverged) else "never risen again"
    lines.append(f"the loss falls fastest at {choice.steepest:.2g}, is least at {choice.lowest:.2g}, has {end}")
    lines += _linear_rule(config, rate)
    if given / _CLOSE <= rate <= given * _CLOSE:
        lines.append(f"the config's {given:g} is as good: within a factor of {_CLOSE:g} rates are alike")
    else:
        lines.append(f"the config has {given:g}, {times(given / rate)} the suggestion")
    override = override_text(config, with_peak_rate(config, rate)) if given > 0 else ""
    return RateReport(rate, tuple(lines), override)


def _linear_rule(config: PipelineConfig, rate: float) -> list[str]:
    """The rate that the published recipe gives for the batch; Adam's does not grow with it."""
    comparison = compare(config)
    training, recipe = comparison.training, comparison.recipe
    if training.optimizer != recipe.training.optimizer:
        return []
    rule = float(f"{recipe.rate_per_image * training.batch_size:.3g}")
    published = f"{recipe.training.rate.peak:g} at batch {recipe.training.batch_size}"
    return [
        f"the linear rule gives {rule:g} at batch {training.batch_size} ({recipe.name}: {published}): the suggestion "
        f"is {times(rate / rule)} of it"
    ]


def rate_chart(config: PipelineConfig, points: Sequence[SweepPoint], choice: RateChoice) -> Markup:
    """The losses over the rate, smoothed and as they came, with what was read from them.

    Args:
      config: that was swept.
      points: of the sweep.
      choice: what it says.
    """
    finite = [point for point in points if math.isfinite(point.loss)]
    smoothed = tuple(zip((point.rate for point in finite), choice.smoothed, strict=False))
    marks = [Mark(peak_rate(config), f"config {peak_rate(config):.2g}")] if peak_rate(config) > 0 else []
    if choice.rate:
        marks.append(Mark(choice.rate, f"suggested {choice.rate:.2g}", 2))
    if 0 < choice.diverged < math.inf:
        marks.append(Mark(choice.diverged, f"diverged {choice.diverged:.2g}", 1))
    chart = LineChart(
        title="loss of a sweep over learning rates",
        x_name="learning rate",
        y_name="loss, without the L2 terms",
        curves=(
            Curve("of each batch", tuple(finite), is_line=False, dot_radius=_DOT, opacity=0.45),
            Curve("smoothed", smoothed),
        ),
        marks=tuple(marks),
        log_x=True,
        y_range=_shown(finite, choice),
    )
    return line_chart(chart)


def _shown(finite: Sequence[SweepPoint], choice: RateChoice) -> tuple[float, float] | None:
    """Losses that diverge would press the rest flat: twice the height of the start is enough."""
    if not choice.smoothed:
        return None
    low, start = min(choice.smoothed), max(choice.smoothed[: max(len(choice.smoothed) // 4, 1)])
    highest = max([point.loss for point in finite])
    high = min(highest, start + 0.6 * (start - low))
    room = 0.06 * (high - low) or 1.0
    return low - 2 * room, high + room


def rate_page(config: PipelineConfig, report: RateReport, chart: Markup) -> str:
    """The page, which needs nothing else.

    Args:
      config: that was swept.
      report: in words.
      chart: as `rate_chart` drew it.
    """
    code = listing(indented(report.override)) if report.override else Markup()
    headline = f"Learning rate: {report.rate:g}" if report.rate else "No learning rate"
    header = element(
        "header",
        element("p", "efficientdet lr-find", class_="over"),
        element("h1", headline),
        element("p", element("code", config.path), class_="subject"),
    )
    words = element("section", *(element("p", prose(line)) for line in report.lines), code)
    figure = element("figure", element("figcaption", element("h4", "Sweep")), chart, class_="card")
    return page(f"{headline} · {config.path}", header, element("main", words, figure))


def rate_json(config: PipelineConfig, points: Sequence[SweepPoint], choice: RateChoice, report: RateReport) -> str:
    """The sweep for programs; what is not finite is null."""

    def plain(value: float) -> float | None:
        return value if math.isfinite(value) else None

    document = {
        "schema": 1,
        "config": config.path,
        "suggested": report.rate or None,
        "reason": choice.reason if choice.rate else None,
        "steepest": plain(choice.steepest),
        "lowest": plain(choice.lowest),
        "diverged": plain(choice.diverged),
        "override": report.override,
        "points": [[point.rate, plain(point.loss)] for point in points],
    }
    return json.dumps(document, indent=1) + "\n"
