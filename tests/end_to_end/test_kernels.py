# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Fast kernels and plain ones give the same gradients of a whole network, on real pictures.

As far as float32 can tell: gradients of deep networks with random weights move more when all inputs are changed in
their last bit, which is what sums in another order amount to.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.cli import import_dataset
from efficientdet.cli.terminal import reader_override
from efficientdet.config import load_config
from efficientdet.experiment import Experiment
from efficientdet.weights.variables import variables_by_path

_BCCD = Path(__file__).resolve().parents[3] / "shared" / "data" / "bccd"
_PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"
_PLAIN_PRODUCTS = "kernels { pointwise: PLAIN }"
_PLAIN = "kernels { silu: PLAIN pointwise: PLAIN depthwise: PLAIN focal: PLAIN }"
_BATCHES = 3


def _gradients(config_path: Path, records: Path, kernels: str, nudge: float = 0.0) -> list[dict[str, np.ndarray]]:
    """The gradients of some batches at the initial weights, by variable; inputs move by a share of up to `nudge`."""
    reader = reader_override(
        "train_input_reader", label_map=records / "label_map.pbtxt", record=records / "train.record"
    )
    text = f'train_config {{ seed: 1 batch_size: 2 fine_tune_checkpoint: "" {kernels} }}'
    experiment = Experiment(load_config(config_path, [reader, text, "model { ssd { num_classes: 3 } }"]))
    data = experiment.build_train_input()
    trainer = experiment.build_trainer(tf.distribute.get_strategy(), data)
    paths = {id(variable): path for path, variable in variables_by_path(trainer.model).items()}
    names = [paths[id(variable)] for variable in trainer.rules.trained]
    compute = tf.function(trainer.replica_gradients, autograph=False)
    found = []
    for batch in data.train_dataset(0).take(_BATCHES):
        inputs = batch.inputs * (1 + nudge * tf.random.stateless_uniform(tf.shape(batch.inputs), [1, 2], -1.0, 1.0))
        _, gradients = compute(inputs, batch.targets)
        found.append(dict(zip(names, (np.asarray(gradient, np.float64) for gradient in gradients), strict=True)))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not _BCCD.is_dir(), reason="the reference data are not beside the project")
@pytest.mark.parametrize("name", ["tfod_d0_coco", "efficientdet_lite0_bccd"])
def test_gradients_on_real_pictures(name: str, tmp_path: Path) -> None:
    assert import_dataset.main([str(_BCCD), f"--output={tmp_path}", "--format=voc"]) == 0
    config = _PIPELINES / f"{name}.config"
    plain = _gradients(config, tmp_path, _PLAIN)
    fast, all_but_products = _gradients(config, tmp_path, ""), _gradients(config, tmp_path, _PLAIN_PRODUCTS)
    nudged = _gradients(config, tmp_path, _PLAIN, nudge=float(np.finfo(np.float32).eps))
    for number, expected in enumerate(plain):
        apart, rounding = _apart(fast[number], expected), _apart(nudged[number], expected)
        print(f"{name}, batch {number}: {apart:.1e} apart; {rounding:.1e} with other last bits of the inputs")
        for path, gradient in expected.items():
            norm = np.linalg.norm(gradient)
            print(f"  {np.linalg.norm(fast[number][path] - gradient):.1e} of {norm:.1e} {path}")
        # Products alone add in another order: what the rest does is far closer, and nothing hides behind rounding.
        assert _apart(all_but_products[number], expected) <= 2e-5
        assert apart <= max(1e-4, rounding)


def _apart(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """The norm of the difference of all gradients, in shares of theirs."""
    differences = [np.linalg.norm(found[path] - gradient) for path, gradient in expected.items()]
    return float(np.linalg.norm(differences) / np.linalg.norm([np.linalg.norm(g) for g in expected.values()]))
