# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""On which devices a run computes, and what several of them have to keep in step."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import tensorflow as tf
from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.eager import context as eager_context

from efficientdet.data.input_share import InputShare
from efficientdet.errors import UsageError
from efficientdet.training.clusters import Cluster, cluster_of
from efficientdet.training.workers import workers_of
from efficientdet.types import Batch

SECONDS_TO_MEET = 600
"""How long workers wait for each other at the start."""
SECONDS_TO_MISS = 20
"""How long a worker may be silent before the others take it for lost."""
_SECONDS_TO_PART = 1.0  # for what others still fetch from this process
_GRAPH_OPTIMIZERS = ("remap",)  # by TensorFlow's names

_logger = logging.getLogger(__name__)


def choose_strategy(tpu: str | None = None) -> tf.distribute.Strategy:
    """Returns the strategy of a run: all workers that TF_CONFIG names, or a TPU, or this machine.

    A machine trains on all visible GPUs in step with each other, or else on its one device, which needs no strategy of
    its own: TensorFlow's default places everything on it, and costs nothing.

    Args:
      tpu: the name of a TPU, "" for the one that the environment names; None: no TPU.

    Returns:
      The strategy. To be called before TensorFlow does anything else: its runtime is set up here.

    Raises:
      UsageError: TF_CONFIG cannot be used, a worker does not answer, or there is no such TPU.
    """
    if tpu is not None:
        return _tpu_strategy(tpu)
    cluster = cluster_of(os.environ)
    return local_strategy() if cluster is None else _workers_strategy(cluster)


def local_strategy() -> tf.distribute.Strategy:
    """Chooses this process's devices, whatever TF_CONFIG says; likewise to be called before anything else."""
    gpus = tf.config.list_logical_devices("GPU")
    if len(gpus) > 1:
        _logger.info("training on %d GPUs (MirroredStrategy)", len(gpus))
        return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus])
    _logger.info("training on %s", gpus[0].name if gpus else "the CPU")
    return tf.distribute.get_strategy()


def _workers_strategy(cluster: Cluster) -> tf.distribute.Strategy:
    """Meets the other workers."""
    count = len(cluster.addresses)
    _logger.info(
        "worker %d of %d, at %s: waiting for the others", cluster.index, count, cluster.addresses[cluster.index]
    )
    # TensorFlow would wait for an hour for those that never come. It has no public name for this.
    eager_context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        cluster_register_timeout_in_ms=1000 * SECONDS_TO_MEET,
        heartbeat_timeout_in_ms=1000 * SECONDS_TO_MISS,
        coordinated_jobs=[coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=count)],
    )
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": cluster.addresses}),
        task_type="worker",
        task_id=cluster.index,
        num_accelerators={"GPU": len(tf.config.list_physical_devices("GPU"))},
        rpc_layer="grpc",
    )
    with _sigterm_kept():
        strategy = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    _logger.info("training on %d workers, %d replicas in all", count, strategy.num_replicas_in_sync)
    return strategy


def leave_workers(code: int) -> None:
    """Ends a process that has met other workers, whose work is done; does nothing to any other.

    The end that TensorFlow would come to by itself takes ten seconds and more, and waits for workers that are lost.

    Args:
      code: the exit code.
    """
    if eager_context.context().coordination_service is None:
        return
    time.sleep(_SECONDS_TO_PART)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@contextlib.contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Sets the handler of SIGTERM again: TensorFlow's coordination of workers takes the signal for itself."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def _tpu_strategy(name: str) -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect(tpu=name)
    except (ValueError, OSError, RuntimeError, ImportError, tf.errors.OpError) as error:
        text = str(error).splitlines()[0]
        raise UsageError(f"no TPU {name or 'is named by the environment'}: {text}") from error
    strategy = tf.distribute.TPUStrategy(resolver)
    _logger.info("training on %d cores of a TPU", strategy.num_replicas_in_sync)
    return strategy


def distributed(
    strategy: tf.distribute.Strategy, dataset_fn: Callable[[InputShare], tf.data.Dataset]
) -> Iterable[Batch]:
    """The batches of this process's replicas: what `strategy.run` takes, one for each of them at a time.

    Args:
      strategy: of the run.
      dataset_fn: gives the batches of one worker's replicas in turn.

    Returns:
      With one replica, what `dataset_fn` gives; with several, batches whose tensors have a value per replica.
    """
    workers = workers_of(strategy)
    share = InputShare(workers.index, workers.count, strategy.num_replicas_in_sync)
    if strategy.num_replicas_in_sync == 1:
        return dataset_fn(share)
    return strategy.distribute_datasets_from_function(lambda context: dataset_fn(share))


def settle_computation() -> None:
    """Settles how TensorFlow computes in this process, as a training does: see `settle_for_cpu`, without a GPU."""
    if not tf.config.get_visible_devices("GPU"):
        settle_for_cpu()


def settle_for_cpu() -> None:
    """Settles how TensorFlow computes on CPUs: a seed repeats a run, which costs nothing measurable, and starts sooner.

    Of TensorFlow's optimizers of graphs only the one that joins operations is left on. The others are a sixth of the
    time to the first step and more, and a step is as quick without them. One of them, the arithmetic optimizer, would
    cost the determinism too: it turns sums of three and more tensors into one `AddN`, which starts with whichever input
    it may overwrite, so that the order, and with it the last bit, depends on the threads' timing.
    """
    tf.config.experimental.enable_op_determinism()
    context = eager_context.context()
    config = config_pb2.ConfigProto() if context._config is None else context._config
    # The list has no public name. It takes effect with the next change of an option that has one.
    config.graph_options.rewrite_options.optimizers[:] = _GRAPH_OPTIMIZERS
    context._config = config
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})


def devices_in_words() -> str:
    """What this process computes on: "the CPU", "2 x NVIDIA A100"."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "the CPU"
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return f"{len(gpus)} x {name}"
