# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What commands show while they count."""

from __future__ import annotations

import pytest

from efficientdet.cli.terminal import USER_ERROR, command, image_progress


class ResourceExhaustedError(Exception):
    """By the name of TensorFlow's."""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a/part; No space left on device\nmore", "no space left on the disk: a/part"),
        ("OOM", "the memory of the machine"),
    ],
)
def test_a_full_disk_is_not_taken_for_a_full_memory(text: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def fail(_: object) -> int:
        raise ResourceExhaustedError(text)

    assert fail([]) == USER_ERROR
    assert capsys.readouterr().err.startswith(f"error: {told}")


@pytest.mark.parametrize("is_terminal", [False, True])
def test_the_end_of_a_count_is_shown_once(is_terminal: bool, capsys: pytest.CaptureFixture[str]) -> None:
    show = image_progress(is_terminal)
    for _ in range(3):  # as workers do that report at the same time
        show(7, 7)
    assert capsys.readouterr().err.count("7/7 images") == 1
