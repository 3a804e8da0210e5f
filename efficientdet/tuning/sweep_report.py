# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A sweep as a table, a chart and a page. No TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

from efficientdet.doctor.findings import Histogram, Table
from efficientdet.doctor.quantities import duration
from efficientdet.doctor.report.charts import bar_chart
from efficientdet.doctor.report.markup import Markup, element, listing, prose
from efficientdet.doctor.report.page import page, table_figure
from efficientdet.doctor.report.plain_text import counted
from efficientdet.tuning.line_chart import Curve, LineChart, line_chart
from efficientdet.tuning.override_text import indented
from efficientdet.tuning.sweep import SweepOutcome
from efficientdet.tuning.trial_results import RESULTS, Ranked

_DOT = 4.0
_NOISE = (
    "Of one seed each: the same setting with another seed differs by some hundredths on a small data set, and so may "
    "two rows that are near each other. --seeds 3 shows by how much."
)
_SHORT = "Short runs favour settings that learn quickly; they say which rates diverge better than which are best."


def sweep_table(outcome: SweepOutcome) -> Table:
    """The settings, the best first.

    Args:
      outcome: of a sweep.
    """
    several = any(row.runs > 1 for row in outcome.ranked)
    paths = [path for path, _ in outcome.ranked[0].setting.values] if outcome.ranked else []
    columns = (
        *(path.rpartition(".")[2] for path in paths),
        outcome.metric or "score",
        *(["spread"] if several else []),
        "training sample",
        "loss",
        "steps",
        "time",
        "",
    )
    rows = tuple(
        (
            *(_number(value) for _, value in row.setting.values),
            _score(row.score),
            *([_score(row.spread if row.score is not None else None)] if several else []),
            _score(row.training_score),
            _score(row.loss),
            row.steps,
            duration(row.seconds),
            row.reason,
        )
        for row in outcome.ranked
    )
    return Table("settings, the best first", columns, rows, _SHORT if several else f"{_NOISE} {_SHORT}")


def sweep_chart(outcome: SweepOutcome) -> Markup:
    """Scores over the rate, a curve for the rest of each setting; bars, where no two rates were tried.

    Args:
      outcome: of a sweep.
    """
    scored = [row for row in outcome.ranked if row.score is not None]
    if len({row.setting.rate for row in scored} - {None}) < 2:
        return _bars(outcome, scored)
    curves = []
    groups = list(dict.fromkeys(row.setting.without_rate for row in scored))
    for number, group in enumerate(groups):
        rows = sorted(
            (row for row in scored if row.setting.without_rate == group), key=lambda row: row.setting.rate or 0
        )
        training = [(row.setting.rate or 0.0, row.training_score) for row in rows if row.training_score is not None]
        name = group.label or "evaluation data"
        sample = f"{group.label}, training sample".lstrip(", ")
        curves += [
            Curve(sample, tuple(training), number, is_dashed=True, dot_radius=_DOT / 2, opacity=0.6),
            Curve(name, tuple((row.setting.rate or 0.0, row.score or 0.0) for row in rows), number, dot_radius=_DOT),
        ]
    title = f"{outcome.metric} over the learning rate"
    return line_chart(LineChart(title, "learning rate", outcome.metric, tuple(curves), log_x=True))


def sweep_page(outcome: SweepOutcome, subject: str) -> str:
    """The page, which needs nothing else.

    Args:
      outcome: of a sweep.
      subject: the config, as the user named it.
    """
    headline = (
        f"Best: {outcome.winner.label or 'the config as it is'}" if outcome.winner is not None else "No run has a score"
    )
    runs = sum(row.runs for row in outcome.ranked)
    header = element(
        "header",
        element("p", "efficientdet tune", class_="over"),
        element("h1", headline),
        element("p", element("code", subject), class_="subject"),
    )
    said = prose(f"{counted(runs, 'run')} of {counted(len(outcome.ranked), 'setting')}, ranked by {outcome.metric}.")
    code = listing(indented(outcome.override)) if outcome.override else Markup()
    chart = sweep_chart(outcome)
    figure = (
        element("figure", element("figcaption", element("h4", "Scores")), chart, class_="card") if chart else Markup()
    )
    body = [element("section", element("p", said), code), figure, table_figure(sweep_table(outcome), RESULTS)]
    return page(f"{headline} · {subject}", header, element("main", *body))


def _bars(outcome: SweepOutcome, scored: Sequence[Ranked]) -> Markup:
    if not scored:
        return Markup()
    series = {outcome.metric: tuple(row.score or 0.0 for row in scored)}
    if all(row.training_score is not None for row in scored):
        series["training sample"] = tuple(row.training_score or 0.0 for row in scored)
    labels = tuple(row.setting.label or "as it is" for row in scored)
    return bar_chart(Histogram("", labels, series), RESULTS)


def _number(value: str) -> str | float:
    """A value of a setting as a number, so that the column can be sorted; else as it is written."""
    try:
        return float(value)
    except ValueError:
        return value


def _score(value: float | None) -> str | float:
    return "" if value is None else round(value, 4)
