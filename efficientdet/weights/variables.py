# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The variables of a model by the paths of attributes that lead to them."""

from __future__ import annotations

import collections
from typing import Any

import tensorflow as tf

from efficientdet.weights.object_graph import escaped


def variables_by_path(root: Any) -> dict[str, tf.Variable]:
    """Returns every variable below an object, named as a TensorFlow checkpoint names it.

    Args:
      root: anything that TensorFlow tracks: a model, a layer, an optimizer.

    Returns:
      Path -> variable, such as "backbone/blocks/3/expand/kernel"; the shortest path of attributes that leads to it, as
      found breadth first.
    """
    view = tf.train.TrackableView(root)
    paths: dict[str, tf.Variable] = {}
    seen = {id(root)}
    queue = collections.deque([("", root)])
    while queue:
        path, node = queue.popleft()
        if isinstance(node, tf.Variable):
            paths[path] = node
            continue
        for name, child in view.children(node).items():
            if id(child) not in seen:
                seen.add(id(child))
                queue.append((f"{path}/{escaped(name)}" if path else escaped(name), child))
    return paths
