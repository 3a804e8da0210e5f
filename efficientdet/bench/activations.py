# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a step keeps from its way forward for its way back, by stage of the network: bytes of the graph's tensors.

The graph is looked at as it is traced. What TensorFlow needs while it computes - gradients, buffers of kernels, the
activations that are computed again - comes on top, and is in the peak memory of a step.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import tensorflow as tf

from efficientdet.bench.figures import Sample
from efficientdet.bench.settings import Work
from efficientdet.bench.steps import built_trainer
from efficientdet.experiment import Experiment
from efficientdet.training.trainer import Trainer
from efficientdet.types import Batch, Targets

Progress = Callable[[str], None]

_BACKWARD = "gradient_tape/"  # TensorFlow names what a tape adds after the way forward so
_SAME_BUFFER = ("Reshape", "Identity", "IdentityN", "Squeeze", "ExpandDims")  # outputs are their inputs, named anew
_NO_ACTIVATIONS = ("Const", "ReadVariableOp")
_INPUTS = ("Placeholder",)
_STAGE = re.compile(r"detector/(backbone|fpn|heads)(?:/(stem|block_\d+))?")


def measure_activations(work: Work, progress: Progress) -> Sample:
    """Bytes, by stage."""
    progress("tracing a step")
    batch = next(iter(Experiment(work.config).build_train_input().train_dataset(0)))
    kept = kept_bytes(traced_gradients(built_trainer(work.config), batch))
    more = {f"{stage}, MB": size / 1e6 for stage, size in kept.items()}
    return Sample((float(sum(kept.values())),), more=more)


def traced_gradients(trainer: Trainer, batch: Batch) -> tf.Graph:
    """The graph of losses and gradients of a batch."""

    def gradients(inputs: tf.Tensor, targets: Targets) -> object:
        return trainer.strategy.run(trainer.replica_gradients, args=(inputs, targets))

    function = tf.function(tf.autograph.experimental.do_not_convert(gradients), autograph=False)
    return function.get_concrete_function(batch.inputs, batch.targets).graph


def kept_bytes(graph: tf.Graph) -> dict[str, int]:
    """Bytes by stage, in the order of the way forward.

    Args:
      graph: of a way forward and back, with known shapes.
    """
    ops = graph.get_operations()
    first = next((number for number, op in enumerate(ops) if op.name.startswith(_BACKWARD)), len(ops))
    forward, backward = ops[:first], set(ops[first:])
    buffers = {}
    for op in forward:
        for tensor in op.outputs:
            if any(consumer in backward for consumer in tensor.consumers()):
                source = _buffer(tensor)
                buffers[source.ref()] = source
    sizes: dict[str, int] = {}
    for source in buffers.values():
        count = source.shape.num_elements()
        if count is not None and source.op.type not in _NO_ACTIVATIONS:
            stage = stage_of(source.op)
            sizes[stage] = sizes.get(stage, 0) + count * source.dtype.size
    return sizes


def stage_of(op: tf.Operation) -> str:
    """The part of the network that an operation belongs to: "backbone block 1", "fpn", "losses"."""
    if op.type in _INPUTS:
        return "inputs and targets"
    match = _STAGE.match(op.name)
    if match is None:
        return "losses"
    return " ".join(part.replace("_", " ") for part in match.groups() if part)


def _buffer(tensor: tf.Tensor) -> tf.Tensor:
    """The tensor whose memory another one shares."""
    while tensor.op.type in _SAME_BUFFER:
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type == "IdentityN" else 0]
    return tensor
