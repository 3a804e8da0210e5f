# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import io

from efficientdet.doctor.live_line import LiveLine


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_now_and_then_and_one_for_each_piece_of_work() -> None:
    times = iter([0.0, 1.0, 10.0, 11.0])
    stream = io.StringIO()
    with LiveLine(stream=stream, clock=lambda: next(times)) as line:
        line.show("measuring", "step 1", 30.4)
        line.show("measuring", "step 2", 29.0)
        line.show("measuring", "step 3", -1.0)
        line.show("writing")
    assert stream.getvalue() == "measuring, step 1, about 30 s left\nmeasuring, step 3, about 0 s left\nwriting\n"


def test_a_terminal_gets_one_line_that_goes_away() -> None:
    stream = _Terminal()
    with LiveLine(stream=stream) as line:
        line.show("measuring", "step 1")
        line.show("measuring", "step 2")
    assert stream.getvalue() == "\rmeasuring, step 1\x1b[K\rmeasuring, step 2\x1b[K\r\x1b[K"


def test_nothing_shown_leaves_nothing_behind() -> None:
    stream = _Terminal()
    with LiveLine(stream=stream):
        pass
    assert stream.getvalue() == ""
