# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The cluster of a process, from TF_CONFIG and from SLURM's variables."""

from __future__ import annotations

import json

import pytest

from efficientdet.errors import UsageError
from efficientdet.training.clusters import TF_CONFIG, Cluster, cluster_of, slurm_cluster, tf_config


def _environment(cluster: dict[str, list[str]], job: str = "worker", index: int = 0) -> dict[str, str]:
    return {TF_CONFIG: json.dumps({"cluster": cluster, "task": {"type": job, "index": index}})}


def test_workers_are_numbered_in_their_order() -> None:
    assert cluster_of(_environment({"worker": ["a:1", "b:2"]}, index=1)) == Cluster(("a:1", "b:2"), 1)


def test_a_chief_comes_first() -> None:
    jobs = {"worker": ["b:2", "c:3"], "chief": ["a:1"]}
    assert cluster_of(_environment(jobs, "chief")) == Cluster(("a:1", "b:2", "c:3"), 0)
    assert cluster_of(_environment(jobs, index=1)) == Cluster(("a:1", "b:2", "c:3"), 2)


@pytest.mark.parametrize(
    "environment", [{}, {TF_CONFIG: ""}, {TF_CONFIG: "{}"}, _environment({"worker": ["a:1"]}), _environment({})]
)
def test_a_process_of_its_own_has_no_cluster(environment: dict[str, str]) -> None:
    assert cluster_of(environment) is None


def test_a_cluster_is_what_its_own_text_says() -> None:
    cluster = Cluster(("a:1", "b:2", "c:3"), 2)
    assert cluster_of({TF_CONFIG: tf_config(cluster)}) == cluster


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({TF_CONFIG: "{"}, "cannot be read"),
        ({TF_CONFIG: "[]"}, "cannot be read"),
        ({TF_CONFIG: '{"task": {"index": "x"}}'}, "cannot be read"),
        (_environment({"worker": ["a:1", "b:2"]}, index=2), "no address for its own task, worker 2"),
        (_environment({"worker": ["a:1", "b:2"]}, "chief"), "no address for its own task, chief 0"),
        (_environment({"worker": ["a:1", "b:2"], "ps": ["c:3"]}), "names the job 'ps'"),
        (_environment({"worker": ["a:1", "b:2"]}, "evaluator"), "start with --checkpoint_dir and without TF_CONFIG"),
    ],
)
def test_what_is_refused(environment: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match="TF_CONFIG.*" + reason):
        cluster_of(environment)


def _slurm(hosts: str, tasks: str, rank: int, node: int, local: int) -> dict[str, str]:
    names = ("STEP_NODELIST", "STEP_TASKS_PER_NODE", "PROCID", "NODEID", "LOCALID", "JOB_ID")
    return dict(
        zip((f"SLURM_{name}" for name in names), map(str, (hosts, tasks, rank, node, local, 1007)), strict=True)
    )


def test_tasks_of_srun_in_the_order_of_their_ranks() -> None:
    # Not in the order of letters, in which node10 precedes node9.
    cluster = slurm_cluster(_slurm("node[9-10],gpu-03", "2(x2),1", 3, 1, 1))
    assert cluster == Cluster(("node9:11007", "node9:11008", "node10:11007", "node10:11008", "gpu-03:11007"), 3)


def test_lists_of_hosts_with_several_brackets() -> None:
    cluster = slurm_cluster(_slurm("r[1-2]n[08,10]-ib,x", "1(x5)", 0, 0, 0))
    assert [address.split(":")[0] for address in cluster.addresses] == [
        "r1n08-ib",
        "r1n10-ib",
        "r2n08-ib",
        "r2n10-ib",
        "x",
    ]


def test_ranks_that_go_round_the_nodes_are_refused() -> None:
    with pytest.raises(UsageError, match="--distribution=block"):
        slurm_cluster(_slurm("node[1-2]", "2(x2)", 1, 1, 0))


def test_outside_of_srun() -> None:
    with pytest.raises(UsageError, match=r"SLURM_STEP_NODELIST is not set"):
        slurm_cluster({})
