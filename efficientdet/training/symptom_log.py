# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Where symptoms are told, and when one is worth another word."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import tensorflow as tf

from efficientdet.training.event_file import EventFile
from efficientdet.training.symptoms import Symptom

_logger = logging.getLogger(__name__)

_WORSE = 2.0  # times the figure that was told last
# Judgements without the symptom, and steps since it was seen, after which it has gone: one that is near its threshold
# would come and go all the time.
_JUDGEMENTS, _STEPS = 3, 50


class _Course:
    """Of one symptom."""

    def __init__(self, symptom: Symptom, step: int) -> None:
        self.told = symptom.figure
        self.seen_at = step
        self.judged_well = 0


class SymptomLog:
    """Tells each symptom once, and again when it has doubled or comes back.

    A line goes to the log, to a file of JSON lines, and to TensorBoard as a text.

    Args:
      path: of the file, which is made with the first symptom.
      events: for TensorBoard; None writes nothing there.
    """

    def __init__(self, path: Path, events: EventFile | None) -> None:
        self._path = path
        self._events = events
        self._courses: dict[str, _Course] = {}

    def judge(self, step: int, name: str, symptom: Symptom | None) -> None:
        """Takes a judgement.

        Args:
          step: after which it was made.
          name: of the symptom that was looked for.
          symptom: what was found; None if all is well.
        """
        course = self._courses.get(name)
        if symptom is None:
            if course is not None:
                course.judged_well += 1
                if course.judged_well >= _JUDGEMENTS and step - course.seen_at >= _STEPS:
                    del self._courses[name]
            return
        if course is None:
            self._courses[name] = _Course(symptom, step)
            self._tell(step, symptom)
            return
        course.seen_at, course.judged_well = step, 0
        if symptom.figure >= _WORSE * course.told:
            course.told = symptom.figure
            self._tell(step, symptom)

    def _tell(self, step: int, symptom: Symptom) -> None:
        _logger.warning("health: step %d: %s", step, symptom.text)
        figure = symptom.figure if math.isfinite(symptom.figure) else None
        record = {"step": step, "symptom": symptom.name, "figure": figure, "text": symptom.text}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # A process that was killed while it wrote leaves half a line, which must not spoil this one too.
            whole = not self._path.exists() or self._path.read_bytes()[-1:] in (b"", b"\n")
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{'' if whole else chr(10)}{json.dumps(record)}\n")
        except OSError as error:  # no reason to end a training
            _logger.warning("%s: not written: %s", self._path, error.strerror)
        if self._events is not None:
            with self._events.at(step):
                tf.summary.text(f"health/{symptom.name}", symptom.text)
