# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The plan of a BiFPN: its nodes and their inputs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efficientdet.modeling.topology import Node, topology


def test_topology_of_one_iteration() -> None:
    plan = topology((3, 4, 5), max_level=7, num_iterations=1)
    assert plan.extra == (Node("P6", 6, ("C5",)), Node("P7", 7, ("P6",)))
    assert plan.nodes == (
        Node("down1_P6", 6, ("P6", "P7")),
        Node("down1_P5", 5, ("C5", "down1_P6")),
        Node("down1_P4", 4, ("C4", "down1_P5")),
        Node("down1_P3", 3, ("C3", "down1_P4")),
        Node("up1_P4", 4, ("C4", "down1_P4", "down1_P3")),
        Node("up1_P5", 5, ("C5", "down1_P5", "up1_P4")),
        Node("up1_P6", 6, ("P6", "down1_P6", "up1_P5")),
        Node("up1_P7", 7, ("P7", "up1_P6")),
    )
    assert plan.outputs == ("down1_P3", "up1_P4", "up1_P5", "up1_P6", "up1_P7")


def test_later_iterations_continue_from_the_one_before() -> None:
    nodes = topology((3, 4, 5), max_level=7, num_iterations=2).nodes[8:]
    assert nodes[0] == Node("down2_P6", 6, ("up1_P6", "up1_P7"))
    assert nodes[3] == Node("down2_P3", 3, ("down1_P3", "down2_P4"))
    assert nodes[4] == Node("up2_P4", 4, ("up1_P4", "down2_P4", "down2_P3"))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 3), st.integers(1, 4))
def test_every_plan_can_be_executed(lowest: int, count: int, extra: int, iterations: int) -> None:
    levels = tuple(range(lowest, lowest + count))
    if count + extra < 2:
        return
    plan = topology(levels, max_level=levels[-1] + extra, num_iterations=iterations)
    known = {f"C{level}": level for level in levels}
    for node in (*plan.extra, *plan.nodes):
        assert all(abs(known[source] - node.level) <= 1 for source in node.inputs)
        known[node.name] = node.level
    assert [known[output] for output in plan.outputs] == list(range(lowest, levels[-1] + extra + 1))
    used = {source for node in (*plan.extra, *plan.nodes) for source in node.inputs} | set(plan.outputs)
    assert used == set(known)  # nothing is computed in vain


@pytest.mark.parametrize("arguments", [((3, 5), 7, 1), ((3,), 3, 1), ((3, 4, 5), 4, 1), ((3, 4, 5), 7, 0)])
def test_impossible_pyramids(arguments: tuple[tuple[int, ...], int, int]) -> None:
    levels, max_level, iterations = arguments
    with pytest.raises(ValueError, match="no pyramid from levels"):
        topology(levels, max_level=max_level, num_iterations=iterations)
