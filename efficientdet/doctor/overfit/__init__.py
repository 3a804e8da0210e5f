# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Whether a few pictures can be learnt by heart, with the config's network, weights, targets, losses and detector.

A network that cannot do that will not learn the data either. What keeps it from it shows in the pictures: truth beside
what was found. Importing this needs no TensorFlow; the check itself does.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from efficientdet.config import PipelineConfig
from efficientdet.doctor.findings import Finding, Part, Sheet, Table, worst_first
from efficientdet.doctor.live_line import LiveLine
from efficientdet.doctor.overfit import verdicts
from efficientdet.doctor.overfit.outcomes import FOUND, count_outcomes, outcomes_of
from efficientdet.doctor.overfit.sample import Sample, memorising, take_sample, write_records
from efficientdet.doctor.overfit.verdicts import Course
from efficientdet.errors import DataError

if TYPE_CHECKING:
    from efficientdet.doctor.overfit.learner import Learner, Learnt, Score

NUM_IMAGES = 8
MAX_STEPS = 300
TARGET_AP50 = 0.9

# Adam's own rate, which learns a few pictures within some hundred steps; and one for networks that it is too much for.
_RATES = (1e-3, 1e-4)
_STEPS_BETWEEN_SCORES = 20
_PATIENCE = 60  # steps without a better score or a lower loss, after which learning is given up ...
_LEAST_STEPS = 150  # ... but not before these: a network that starts at random takes its time
_SHOWN_SCORE = 0.2
_SHEET_COLUMNS = 2  # pictures in a row, each twice


class _Trial(NamedTuple):
    """A learner after its course."""

    learner: Learner
    course: Course
    ceiling: Score
    target: float  # AP50, of what is possible
    lost: Finding | None  # where not all is possible


def check_overfit(
    config: PipelineConfig,
    *,
    num_images: int = NUM_IMAGES,
    max_steps: int = MAX_STEPS,
    target_ap50: float = TARGET_AP50,
) -> Part:
    """Trains on a few pictures until they are known by heart, or it is clear that they cannot be.

    Args:
      config: resolved and validated for training. See `sample.memorising` for what of it does not count here.
      num_images: to learn.
      max_steps: to take.
      target_ap50: on the same pictures, at which they count as learnt.

    Returns:
      The finding, the figures, and the pictures with truth and detections where they were not learnt.

    Raises:
      EfficientDetError: what is wrong with config, data or weights, as a training would say it.
    """
    with LiveLine() as line, tempfile.TemporaryDirectory(prefix="efficientdet-doctor-") as folder:
        line.show("choosing images")
        sample = take_sample(config, num_images)
        record = Path(folder) / "chosen.record"
        write_records(sample.records, record)
        others = Path(folder) / "others.record"
        write_records(sample.others, others)
        line.show("building the network")
        try:
            trial = _try_rates(config, record, sample, (max_steps, target_ap50), line)
            return _part(trial, sample, trial.learner.score_others(others) if sample.others else None)
        except DataError as error:
            raise _at_its_place(error, sample, record) from None


def _try_rates(
    config: PipelineConfig, record: Path, sample: Sample, limits: tuple[int, float], line: LiveLine
) -> _Trial:
    """Learns at the usual rate, and anew at a lower one where the loss does not fall.

    Args:
      config: of the run.
      record: the file of the pictures.
      sample: what is in it.
      limits: (most steps, AP50 to be reached).
      line: shows how far it is.
    """
    from efficientdet.doctor.overfit.learner import Learner

    count, (max_steps, wanted) = len(sample.records), limits
    for rate in _RATES:
        learner = Learner(memorising(config, record, count, rate=rate), count)
        ceiling = learner.ceiling()
        target = wanted if ceiling.mean >= wanted else wanted * ceiling.mean
        course = _learn(learner, rate, target, max_steps, line)
        if verdicts.outcome_of(course, target, Counter()) not in ("diverged", "stuck"):
            break
    return _Trial(learner, course, ceiling, target, verdicts.ceiling_finding(ceiling.mean, wanted))


def _learn(learner: Learner, rate: float, target: float, max_steps: int, line: LiveLine) -> Course:
    """Trains until the target is reached, nothing gets better any more, or the steps are used up."""
    started = time.monotonic()
    losses: list[float] = []
    scores: list[tuple[int, float]] = []
    while len(losses) < max_steps:
        done, seconds = len(losses), time.monotonic() - started
        left = (max_steps - done) * seconds / done if done > 1 else None
        so_far = f", AP50 {scores[-1][1]:.2f}" if scores else ""
        line.show("learning by heart", f"step {done + 1} of at most {max_steps}{so_far}", left)
        losses.append(learner.step())
        if losses[-1] == float("inf"):
            break
        if len(losses) % _STEPS_BETWEEN_SCORES == 0 or len(losses) == max_steps:
            scores.append((len(losses), learner.score().mean))
            if scores[-1][1] >= target or has_settled(losses, scores):
                break
    return Course(rate, tuple(losses), tuple(scores), time.monotonic() - started, max_steps)


def has_settled(losses: list[float], scores: list[tuple[int, float]], patience: int = _PATIENCE) -> bool:
    """Whether neither the score nor the loss has got better for a while.

    Args:
      losses: of each step.
      scores: (step, AP50).
      patience: steps.
    """
    if len(losses) < max(_LEAST_STEPS, patience + 20):
        return False
    before = [score for step, score in scores if step <= len(losses) - patience]
    is_better = scores[-1][1] > max(before, default=0.0) + 0.01
    return not is_better and np.mean(losses[-20:]) > 0.7 * np.mean(losses[-patience - 20 : -patience])


def _part(trial: _Trial, sample: Sample, others: Score | None) -> Part:
    learner, course, ceiling, target, lost = trial
    score, pictures = learner.score(), list(learner.look())
    counted = count_outcomes([each.outcome for each in pictures])
    outcome = verdicts.outcome_of(course, target, counted)
    judged = sorted(((outcomes_of(each.outcome), each) for each in pictures), key=lambda pair: -_failures(pair[0]))
    cases = tuple(verdicts.case_of(each.source_id, outcomes) for outcomes, each in judged if _failures(outcomes))
    found = [lost, verdicts.failure_finding(outcome, course, target, counted, cases)]
    if outcome == "learnt" and others is not None:
        found.append(verdicts.transfer_finding(others.any_class, len(sample.others)))
    sheets = () if outcome == "learnt" else (_sheet([each for _, each in judged], learner.names),)
    return Part(
        "overfit",
        verdicts.verdict_of(outcome, course, len(pictures), sample.num_records),
        worst_first(finding for finding in found if finding),
        (_course_table(course, counted), _class_table(score, ceiling, others)),
        sheets=sheets,
    )


def _failures(outcomes: list[str]) -> int:
    return sum(outcome not in ("", FOUND) for outcome in outcomes)


def _course_table(course: Course, counted: Counter[str]) -> Table:
    rows: list[tuple[str | int | float, ...]] = [
        ("steps", len(course.losses)),
        ("seconds", round(course.seconds, 1)),
        ("learning rate (Adam, constant)", course.rate),
        ("loss of the first steps", round(course.first_loss, 4)),
        ("loss of the last steps", round(course.last_loss, 4)),
        *((f"boxes {kind}", count) for kind, count in counted.items()),
        *((f"AP50 after {step} steps", round(score, 3)) for step, score in course.scores),
    ]
    note = "Without augmentation, weight penalties, stochastic depth, dropout, frozen variables and averages."
    return Table("learning by heart", ("what", "figure"), tuple(rows), note)


def _class_table(score: Score, ceiling: Score, others: Score | None) -> Table:
    columns = [score, ceiling, *([others] if others else [])]
    names = [name for name, value in ceiling.of_class.items() if value >= 0]
    rows: list[tuple[str | int | float, ...]] = [
        (name, *(round(column.of_class[name], 3) for column in columns)) for name in names
    ]
    rows.append(("all classes taken for one", *(round(column.any_class, 3) for column in columns)))
    note = (
        "Possible: what a network would reach that says exactly what it is told. Others: as many images that were "
        "not learnt; -1 where they have no such box."
    )
    titles = ("class", "AP50", "possible", "others")[: len(columns) + 1]
    return Table("AP50 by class", titles, tuple(rows), note)


def _sheet(pictures: list[Learnt], names: dict[int, str]) -> Sheet:
    from efficientdet.visualization.sheet import Cell, draw_sheet

    cells = []
    for each in pictures:
        truth, shown = each.outcome, each.outcome.scores >= _SHOWN_SCORE
        cells += [
            Cell(each.pixels, truth.boxes, truth.classes),
            Cell(each.pixels, truth.found_boxes[shown], truth.found_classes[shown]),
        ]
    cells += [Cell(np.full((8, 8, 3), 255, np.uint8), np.zeros((0, 4)), np.zeros(0, int))] * (len(cells) % 4)
    across = 2 * _SHEET_COLUMNS
    rows = [cells[start : start + across] for start in range(0, len(cells), across)]
    title = "images that were to be learnt by heart, worst first"
    image = draw_sheet(rows, heading=title, legends=("annotated", "found") * _SHEET_COLUMNS, names=names)
    return Sheet(title, image, f"Found: with a score of {_SHOWN_SCORE} and more.")


def _at_its_place(error: DataError, sample: Sample, record: Path) -> DataError:
    """The error with the file of the data in the place of the temporary one."""
    match = re.search(re.escape(str(record)) + r": record (\d+)(?P<rest>.*)", str(error), re.DOTALL)
    return DataError(f"{sample.files[int(match[1])]}: a record{match['rest']}") if match else error
