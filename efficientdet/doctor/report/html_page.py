# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the doctor found, as one page of HTML that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence

from PIL import Image

import efficientdet
from efficientdet.doctor.findings import Case, Finding, Part, Severity, Sheet, exit_code, worst_first
from efficientdet.doctor.report.charts import bar_chart
from efficientdet.doctor.report.markup import Markup, element, paragraphs, prose
from efficientdet.doctor.report.page import page, table_figure
from efficientdet.doctor.report.plain_text import amount, counted
from efficientdet.doctor.report.terminal import count_text

_HEADLINES = {
    0: "Nothing found that stands in the way",
    1: "This will run, but not as well as it could",
    2: "This will fail, or its figure will mean nothing",
}
_NAMES = {"data": "Data", "recipe": "Recipe", "machine": "Machine", "overfit": "Overfit"}
_COLUMNS = (("worst", "Severity"), ("area", "Area"), ("title", "Finding"), ("cost", "Cost"), ("count", "Cases"))
_OPENED = 3  # errors and warnings whose details are shown at once
_FIRST_CASES, _MOST_CASES = 8, 200  # of a finding: seen at once, and in the page at all
_JPEG_QUALITY = 80


def html_page(parts: Sequence[Part], subject: str, *, listing: str = "report.json", made: str = "") -> str:
    """The page.

    Args:
      parts: of the checks that were made.
      subject: the config or the data set that was checked, as the user named it.
      listing: the file that lists everything, for what is left out here.
      made: when, for the foot of the page.
    """
    findings = worst_first(finding for part in parts for finding in part.findings)
    foot = f"efficientdet {efficientdet.__version__}" + (f" · {made}" if made else "")
    return page(
        f"{_HEADLINES[exit_code(parts)]} · {subject}",
        _header(parts, subject, findings),
        element("main", _findings(findings, listing), *(_part(part, listing) for part in parts)),
        element("footer", foot),
    )


def _header(parts: Sequence[Part], subject: str, findings: Sequence[Finding]) -> Markup:
    worst = exit_code(parts)
    links = [("findings", "Findings")] if findings else []
    links += [(part.area, _NAMES[part.area]) for part in parts if _has_more(part)]
    return element(
        "header",
        element("p", "efficientdet doctor", class_="over"),
        element("h1", _HEADLINES[worst]),
        element("p", element("code", subject), class_="subject"),
        element("p", *_tally(findings), class_="tally"),
        element("div", *(_verdict(part) for part in parts), class_="verdicts"),
        element("nav", *(element("a", name, href=f"#{target}") for target, name in links)) if len(links) > 1 else "",
        class_=f"level{worst}",
    )


def _tally(findings: Sequence[Finding]) -> list[Markup]:
    """How many of each severity."""
    badges = []
    for severity in reversed(Severity):
        word, count = severity.name.lower(), sum(finding.severity == severity for finding in findings)
        if count:
            badges.append(element("span", counted(count, word), class_=f"badge {word}"))
    return badges or [element("span", "nothing found", class_="badge fine")]


def _verdict(part: Part) -> Markup:
    worst = exit_code([part])
    state = count_text(part.findings) or "nothing found"
    heading = element("h2", _NAMES[part.area], element("small", state))
    return element("section", heading, paragraphs(part.verdict), class_=f"verdict card level{worst}")


def _findings(findings: Sequence[Finding], listing: str) -> Markup:
    if not findings:
        return Markup()
    buttons = [
        element("button", name, type="button", data_sort=key, class_=f"c-{key}", aria_pressed=_flag(key == "worst"))
        for key, name in _COLUMNS
    ]
    opened = sum(finding.severity > Severity.NOTE for finding in findings[:_OPENED])
    rows = [_finding(finding, number, number < opened, listing) for number, finding in enumerate(findings)]
    return element(
        "section",
        element("h2", "Findings"),
        _filters(findings),
        element("div", *buttons, class_="columns"),
        element("div", *rows, class_="findings"),
        element("p", "No finding is of this kind.", class_="none", hidden=""),
        id="findings",
    )


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _filters(findings: Sequence[Finding]) -> Markup:
    """Buttons that leave findings out, and a field to search in; hidden where scripts do not run."""
    severities = [severity for severity in reversed(Severity) if any(f.severity == severity for f in findings)]
    areas = [area for area in _NAMES if any(finding.area == area for finding in findings)]
    groups = []
    for key, values in (("severity", [severity.name.lower() for severity in severities]), ("area", areas)):
        if len(values) > 1:
            buttons = (
                element("button", value, type="button", data_filter=key, data_value=value, aria_pressed="true")
                for value in values
            )
            groups.append(element("div", *buttons, class_="group", role="group", aria_label=f"shown by {key}"))
    field = element("input", type="search", placeholder="Search findings", aria_label="Search findings")
    return element("div", *groups, field, class_="filters")


def _finding(finding: Finding, number: int, is_open: bool, listing: str) -> Markup:
    severity = finding.severity.name.lower()
    summary = [
        element("span", severity, class_=f"badge {severity}"),
        element("span", finding.area, class_="area"),
        element("span", prose(finding.title), class_="title"),
        element("span", _cost(finding.cost), class_="cost"),
        element("span", amount(finding.count), class_="count"),
    ]
    fix = element("div", element("h3", "What to do"), paragraphs(finding.remedy)) if finding.remedy else ""
    why = element("div", element("h3", "Why it matters"), paragraphs(finding.why)) if finding.why else ""
    detail = [
        element("div", why, fix, class_="prose"),
        _cases(finding, listing),
        element("p", finding.code, class_="code"),
    ]
    return element(
        "details",
        element("summary", *summary),
        element("div", *detail, class_="detail"),
        open="" if is_open else None,
        data_worst=number,
        data_severity=severity,
        data_area=finding.area,
        data_title=finding.title,
        data_cost=repr(float(finding.cost)),
        data_count=int(finding.count),
    )


def _cost(cost: float) -> str:
    return "–" if cost <= 0 else f"{cost:.2g}"


def _cases(finding: Finding, listing: str) -> Markup:
    cases = finding.cases[:_MOST_CASES]
    if not cases:
        return Markup()
    first, others = cases[:_FIRST_CASES], cases[_FIRST_CASES:]
    more = finding.count - len(cases)
    in_listing = f" ({listing} lists {len(finding.cases):,})" if len(finding.cases) > len(cases) else ""
    return element(
        "div",
        element("h3", "Where"),
        _case_table(first),
        element("details", element("summary", f"{len(others):,} more"), _case_table(others)) if others else "",
        element("p", f"and {more:,} more{in_listing}", class_="note") if more > 0 else "",
        class_="cases",
    )


def _case_table(cases: Iterable[Case]) -> Markup:
    rows = (element("tr", element("td", element("code", case.where)), element("td", case.detail)) for case in cases)
    return element("table", element("tbody", *rows))


def _has_more(part: Part) -> bool:
    return bool(part.tables or part.histograms or part.sheets)


def _part(part: Part, listing: str) -> Markup:
    if not _has_more(part):
        return Markup()
    charts = [bar_chart(histogram, listing) for histogram in part.histograms]
    return element(
        "section",
        element("h2", _NAMES[part.area]),
        *(table_figure(table, listing) for table in part.tables),
        element("div", *charts, class_="charts") if charts else "",
        *(_sheet(sheet) for sheet in part.sheets),
        id=part.area,
    )


def _sheet(sheet: Sheet) -> Markup:
    stream = io.BytesIO()
    Image.fromarray(sheet.image).save(stream, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    height, width = sheet.image.shape[:2]
    source = "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
    return element(
        "figure",
        element("figcaption", element("h4", sheet.title)),
        element("div", element("img", src=source, alt=sheet.title, width=width, height=height), class_="wide sheet"),
        element("p", prose(sheet.note), class_="note") if sheet.note else "",
        class_="card",
    )
