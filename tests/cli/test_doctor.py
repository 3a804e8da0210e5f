# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet doctor`: which checks are made, what becomes of those that cannot be, what is written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from efficientdet.cli import doctor
from efficientdet.doctor.findings import Case, Part
from efficientdet.errors import DataError
from tests.doctor.report.reports import SHARDS, data_part, recipe_part
from tests.end_to_end.tiny import CONFIG

_FINE = {
    "data": Part("data", "Clean."),
    "recipe": Part("recipe", "As published."),
    "machine": Part("machine", "2 hours."),
    "overfit": Part("overfit", "Learnt."),
}
Checks = Callable[..., list[tuple[str, dict[str, Any]]]]


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    """Replaces the checks: by parts, or by errors to raise; returns the list of calls to come."""

    def replace_checks(**outcomes: Part | BaseException) -> list[tuple[str, dict[str, Any]]]:
        calls: list[tuple[str, dict[str, Any]]] = []

        def check_for(area: str) -> Callable[..., Part]:
            def check(config: object, **settings: Any) -> Part:
                calls.append((area, settings))
                outcome = outcomes.get(area, _FINE[area])
                if isinstance(outcome, BaseException):
                    raise outcome
                return outcome

            return check

        for area in _FINE:
            module = SimpleNamespace(**{f"check_{area}": check_for(area)})
            monkeypatch.setitem(sys.modules, f"efficientdet.doctor.{area}", module)
        return calls

    return replace_checks


def test_without_a_word_three_checks_are_made(checks: Checks, capsys: pytest.CaptureFixture[str]) -> None:
    calls = checks()
    assert doctor.main([str(CONFIG)]) == 0
    assert [area for area, _ in calls] == ["data", "recipe", "machine"]
    assert capsys.readouterr().out == ("data     Clean.\nrecipe   As published.\nmachine  2 hours.\n\nnothing found\n")


def test_named_checks_are_made_alone(checks: Checks) -> None:
    calls = checks()
    assert doctor.main(["overfit", str(CONFIG)]) == 0
    assert doctor.main(["machine", "--budget", "4d", "recipe", str(CONFIG), "--budget=36h", "--model_dir=/runs"]) == 0
    assert doctor.main(["data", "--processes=3", str(CONFIG)]) == 0
    assert [area for area, _ in calls] == ["overfit", "recipe", "machine", "data"]
    assert calls[2][1] == {"budget_hours": 36.0, "model_dir": Path("/runs")}
    assert calls[3][1]["processes"] == 3


def test_the_exit_code_is_the_worst_severity(checks: Checks, capsys: pytest.CaptureFixture[str]) -> None:
    checks(data=data_part(), recipe=recipe_part())
    assert doctor.main(["data", str(CONFIG)]) == 1
    assert doctor.main(["data", "recipe", str(CONFIG)]) == 2
    said = capsys.readouterr().out
    assert said.endswith("1 error, 1 warning, 1 note\n--output DIR writes report.html and report.json\n")


def test_a_check_that_fails_does_not_lose_the_others(checks: Checks, capsys: pytest.CaptureFixture[str]) -> None:
    checks(data=DataError("a.record: is damaged\nb.record: is, too"), recipe=recipe_part(), machine=KeyError("steps"))
    assert doctor.main([str(CONFIG)]) == 2
    said = capsys.readouterr().out
    assert "ERROR    data     the data check could not be made: a.record: is damaged" in said
    assert "- b.record: is, too" in said
    assert "ERROR    recipe   1 of 100 shards is read" in said
    assert "the machine check could not be made: KeyError: 'steps'" in said
    assert "Traceback" not in said


def test_what_an_earlier_check_has_said_is_not_said_again(checks: Checks, capsys: pytest.CaptureFixture[str]) -> None:
    shards = replace(SHARDS, area="data")
    checks(data=Part("data", "Much.", (shards,)), recipe=recipe_part())
    assert doctor.main(["data", "recipe", str(CONFIG)]) == 2
    said = capsys.readouterr().out
    assert said.count("1 of 100 shards is read") == 1
    assert "3 % of the pictures are seen." in said  # the verdicts stay
    elsewhere = replace(shards, cases=(Case("my.config:9", "another place"),))
    checks(data=Part("data", "Much.", (elsewhere,)), recipe=recipe_part())
    assert doctor.main(["data", "recipe", str(CONFIG)]) == 2
    assert capsys.readouterr().out.count("1 of 100 shards is read") == 2


def test_an_interruption_does_not_lose_what_was_found(
    checks: Checks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checks(recipe=recipe_part(), machine=KeyboardInterrupt())
    assert doctor.main([str(CONFIG), f"--output={tmp_path}"]) == 130
    said = capsys.readouterr()
    assert "ERROR    recipe   1 of 100 shards is read" in said.out
    assert said.err.startswith("interrupted")
    assert (tmp_path / "report.html").exists()
    checks(data=KeyboardInterrupt())
    assert doctor.main([str(CONFIG)]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_a_missing_file_is_named(checks: Checks, capsys: pytest.CaptureFixture[str]) -> None:
    checks(data=FileNotFoundError(2, "No such file or directory", "a.record"))
    assert doctor.main(["data", str(CONFIG)]) == 2
    assert "could not be made: a.record: No such file or directory" in capsys.readouterr().out


def test_what_is_asked_for_is_written(checks: Checks, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checks(data=data_part())
    folder, alone = tmp_path / "out", tmp_path / "alone" / "found.json"
    assert doctor.main(["data", str(CONFIG), f"--output={folder}", f"--json={alone}"]) == 1
    written = [folder / "report.html", folder / "report.json", folder / "fixes.diff", alone]
    said = capsys.readouterr().out.splitlines()
    assert said[-4:] == [str(path) for path in written]
    assert any(f"and 17 more ({folder / 'report.json'} lists all)" in line for line in said)
    assert all(path.stat().st_size for path in written)
    assert json.loads(alone.read_text()) == json.loads((folder / "report.json").read_text())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no.config"], "error: no.config: cannot be read: No such file or directory\n"),
        (["data"], "error: name the CONFIG that is to be checked: doctor data CONFIG\n"),
    ],
)
def test_a_users_mistake_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(words) == 2
    assert capsys.readouterr().err == message


@pytest.mark.parametrize("words", [[], ["dta", "x"], ["x", "--budget=4"], ["x", "--budget=0h"], ["x", "--processes=0"]])
def test_wrong_words_show_the_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        doctor.main(words)
    assert end.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "hours"), [("4d", 96.0), ("36h", 36.0), ("1.5h", 1.5), ("90m", 1.5)])
def test_budgets_are_read(text: str, hours: float) -> None:
    assert doctor._hours(text) == pytest.approx(hours)


def test_the_recipe_is_checked_and_reported_without_tensorflow(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from efficientdet.cli.doctor import main\n"
        "main(sys.argv[1:])\n"
        "sys.exit('tensorflow' in sys.modules)\n"
    )
    words = ["recipe", str(CONFIG), f"--output={tmp_path}"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.html").exists()
