# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The page, as a parser sees it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from efficientdet.doctor.findings import Case, Finding, Histogram, Part, Severity, Sheet, Table
from efficientdet.doctor.report.html_page import html_page
from efficientdet.doctor.report.markup import Markup, element, paragraphs, prose
from tests.doctor.report.reports import EVIL, data_part, many_findings, recipe_part

_VOID = {"meta", "img", "input", "br"}


class _Reader(HTMLParser):
    """Counts elements, and sees that each that is opened is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page() -> str:
    return html_page([data_part(), recipe_part()], f"{EVIL}.config", made="today")


def test_the_page_is_well_formed_and_says_everything(page: str) -> None:
    reader = _Reader(page)
    assert reader.open == []
    said = "\n".join(reader.texts).replace("\N{NO-BREAK SPACE}", " ")
    for part in (data_part(), recipe_part()):
        assert part.verdict in said
        for finding in part.findings:
            assert all(text in said for text in (finding.title, finding.why, finding.code))
            assert all(case.where in said and case.detail in said for case in finding.cases)
    assert 'train_input_reader {\n  input_path: "a-?????-of-00100"\n}' in said
    assert "This will fail, or its figure will mean nothing" in said
    assert {"1 error", "1 warning", "1 note", "Classes", "1,200", "As mapped.", "Outlined."} <= set(reader.texts)


def test_strangers_texts_stay_texts(page: str) -> None:
    reader = _Reader(page)
    assert len(reader.named("script")) == 1
    assert EVIL in reader.texts
    assert r"car\n" in reader.texts
    everywhere = f"\"'><img src=x onerror=alert(1)>{EVIL}"
    cases = (Case(everywhere, everywhere),) * 9
    finding = Finding("data", everywhere, Severity.ERROR, everywhere, everywhere, everywhere, 9, cases)
    table = Table(everywhere, (everywhere,), ((everywhere,),), everywhere)
    chart = Histogram(everywhere, (everywhere,), {everywhere: (1.0,)}, everywhere, everywhere)
    sheet = Sheet(everywhere, np.zeros((4, 4, 3), np.uint8), everywhere)
    part = Part("data", everywhere, (finding,), (table,), (chart,), (sheet,))
    evil = _Reader(html_page([part], everywhere, listing=everywhere, made=everywhere))
    assert len(evil.named("script")) == 1
    assert [image["src"][:22] for image in evil.named("img")] == ["data:image/jpeg;base64"]
    assert not [name for _, attributes in evil.elements for name in attributes if name.startswith("on")]


def test_the_page_needs_nothing_else(page: str) -> None:
    reader = _Reader(page)
    assert not reader.named("link")
    addresses = [
        value for _, attributes in reader.elements for key, value in attributes.items() if key in ("src", "href")
    ]
    assert all(str(address).startswith(("data:image/jpeg;base64,", "#")) for address in addresses)
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_allows_our_script_and_style_alone(page: str) -> None:
    policy = next(str(meta["content"]) for meta in _Reader(page).named("meta") if "http-equiv" in meta)
    for tag in ("script", "style"):
        content = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not [attributes for _, attributes in _Reader(page).elements if "style" in attributes]


def test_findings_can_be_sorted_and_filtered(page: str) -> None:
    rows = [row for row in _Reader(page).named("details") if "data-worst" in row]
    keys = ("data-worst", "data-severity", "data-area", "data-cost", "data-count")
    assert [tuple(row[key] for key in keys) for row in rows] == [
        ("0", "error", "recipe", "9.0", "1"),
        ("1", "warning", "data", "3.0", "20"),
        ("2", "note", "data", "0.0", "3"),
    ]
    assert ["open" in row for row in rows] == [True, True, False]
    filters = {(button["data-filter"], button["data-value"]) for button in _filters(page)}
    assert filters == {
        ("severity", "error"),
        ("severity", "warning"),
        ("severity", "note"),
        ("area", "data"),
        ("area", "recipe"),
    }


def _filters(page: str) -> list[dict[str, str | None]]:
    return [button for button in _Reader(page).named("button") if "data-filter" in button]


def test_a_page_without_findings_says_so() -> None:
    reader = _Reader(html_page([Part("recipe", "As published.")], "a.config"))
    assert reader.open == []
    assert {"Nothing found that stands in the way", "nothing found", "As published."} <= set(reader.texts)
    assert not _filters(html_page([many_findings(3)], "a.config"))  # of one kind: nothing to choose between


def test_of_many_cases_the_listing_has_the_rest() -> None:
    cases = tuple(Case(f"{number}.jpg", "") for number in range(500))
    part = data_part()
    part = replace(part, findings=(replace(part.findings[0], cases=cases, count=700),))
    texts = _Reader(html_page([part], "a.config", listing="report.json")).texts
    assert "199.jpg" in texts
    assert "200.jpg" not in texts
    assert "192 more" in texts
    assert "and 500 more (report.json lists 500)" in texts


def test_bars_are_as_long_as_their_values() -> None:
    histogram = Histogram("h", ("a", "b", "c", "d"), {"s": (10.0, 5.0, 0.0, float("nan"))})
    bars = _Reader(html_page([Part("data", "", histograms=(histogram,))], "x")).named("rect")
    assert [bar["width"] for bar in bars] == ["49.00%", "24.50%", "0.00%", "0.00%"]
    series = {"p": (1.0, 2.0), "q": (3.0, 0.0), "r": (0.0, 0.0), "s": (0.0, 2.0)}
    stacked = Histogram("h", ("a", "b"), series)
    bars = _Reader(html_page([Part("data", "", histograms=(stacked,))], "x")).named("rect")
    assert [(bar["x"], bar["width"], bar["class"]) for bar in bars] == [
        ("35.00%", "12.25%", "s0"),
        ("47.25%", "36.75%", "s1"),
        ("35.00%", "24.50%", "s0"),
        ("59.50%", "24.50%", "s3"),
    ]
    empty = Histogram("h", (), {})
    assert _Reader(html_page([Part("data", "", histograms=(empty,), tables=(Table("t", ("a",), ()),))], "x")).open == []


def test_prose_has_code_in_backticks_and_indented_lines() -> None:
    assert prose("set `a < b` or `") == "set <code>a &lt; b</code> or `"
    assert paragraphs("One:\n  a {\n    b: 1\n  }\nTwo.") == "<p>One:</p><pre>a {\n  b: 1\n}</pre><p>Two.</p>"
    assert paragraphs("") == ""


def test_elements_escape_all_but_markup() -> None:
    assert element("b", "<", Markup("<i></i>"), class_='"', hidden="", title=None) == (
        '<b class="&quot;" hidden>&lt;<i></i></b>'
    )
