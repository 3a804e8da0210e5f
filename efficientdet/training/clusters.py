# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The cluster that this process belongs to, as its environment tells it; no TensorFlow here.

TensorFlow's own resolvers do not serve. That of SLURM sorts hosts by their letters (node10 before node9), which gives
ranks the addresses of others, and fails where there is no GPU. That of Kubernetes takes the addresses of nodes for
those of pods, and knows no index (`docs/distributed.md` has a manifest that needs no resolver).
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Iterator, Mapping

from efficientdet.errors import UsageError

TF_CONFIG = "TF_CONFIG"
_JOBS = ("chief", "worker")  # that train, in the order of their numbers
_FIRST_PORT, _PORTS = 10_000, 20_000  # below those that Linux hands out by itself


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train one model together."""

    addresses: tuple[str, ...]  # "host:port" of each, by its number
    index: int  # of this process


def cluster_of(environment: Mapping[str, str]) -> Cluster | None:
    """Reads TF_CONFIG, as TensorFlow understands it.

    Args:
      environment: of the process.

    Returns:
      The cluster; None where there is none, or nobody else in it.

    Raises:
      UsageError: TF_CONFIG says something that cannot be done.
    """
    text = environment.get(TF_CONFIG, "")
    try:
        config = json.loads(text or "{}")
        jobs = {name: tuple(map(str, addresses)) for name, addresses in config.get("cluster", {}).items()}
        task = config.get("task", {})
        job, index = str(task.get("type", "worker")), int(task.get("index", 0))
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{TF_CONFIG} cannot be read ({error}): {text}") from None
    if unknown := sorted({*jobs, job} - {*_JOBS}):
        raise UsageError(
            f"{TF_CONFIG} names the job {unknown[0]!r}: all workers train in step, and the only jobs are "
            "chief and worker. To evaluate beside a training, start with --checkpoint_dir and without TF_CONFIG"
        )
    addresses = tuple(itertools.chain.from_iterable(jobs.get(name, ()) for name in _JOBS))
    if len(addresses) < 2:
        return None
    if not 0 <= index < len(jobs.get(job, ())):
        raise UsageError(f"{TF_CONFIG} has no address for its own task, {job} {index}: {text}")
    return Cluster(addresses, index + (len(jobs.get("chief", ())) if job == "worker" else 0))


def tf_config(cluster: Cluster) -> str:
    """The TF_CONFIG of a process of a cluster."""
    return json.dumps({"cluster": {"worker": cluster.addresses}, "task": {"type": "worker", "index": cluster.index}})


def slurm_cluster(environment: Mapping[str, str]) -> Cluster:
    """Reads the variables that SLURM's srun gives to each task of a job step.

    Args:
      environment: of the process.

    Returns:
      The cluster, each task a worker.

    Raises:
      UsageError: this is no task of srun, or its ranks are not dealt out node by node.
    """
    try:
        hosts = list(_expand_hosts(environment["SLURM_STEP_NODELIST"]))
        tasks = list(_expand_counts(environment["SLURM_STEP_TASKS_PER_NODE"]))
        rank, node, local = (int(environment[f"SLURM_{name}"]) for name in ("PROCID", "NODEID", "LOCALID"))
        first_port = _FIRST_PORT + int(environment["SLURM_JOB_ID"]) % _PORTS  # jobs on one node get ports of their own
    except KeyError as error:
        raise UsageError(f"--cluster=slurm: {error.args[0]} is not set, this is no task that srun started") from None
    places = [(number, task) for number, count in enumerate(tasks) for task in range(count)]
    if rank >= len(places) or places[rank] != (node, local):
        raise UsageError(
            f"--cluster=slurm: task {rank} is number {local} on node {node}, tasks have to be dealt out node by node: "
            "give srun --distribution=block"
        )
    return Cluster(tuple(f"{hosts[number]}:{first_port + task}" for number, task in places), rank)


def _expand_hosts(text: str) -> Iterator[str]:
    """`a[1-2,07]b,c` -> a1b, a2b, a07b, c."""
    for entry in re.findall(r"(?:[^,\[]|\[[^\]]*\])+", text):
        pieces = re.split(r"\[([^\]]*)\]", entry)  # every second one is what stood in brackets
        choices = [list(_expand_range(piece)) if odd % 2 else [piece] for odd, piece in enumerate(pieces)]
        yield from map("".join, itertools.product(*choices))


def _expand_range(text: str) -> Iterator[str]:
    """`1-3,07` -> 1, 2, 3, 07; numbers keep their width."""
    for part in text.split(","):
        first, _, last = part.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield str(number).zfill(len(first))


def _expand_counts(text: str) -> Iterator[int]:
    """`2(x3),1` -> 2, 2, 2, 1."""
    for part in text.split(","):
        count, _, times = part.rstrip(")").partition("(x")
        yield from [int(count)] * int(times or 1)
