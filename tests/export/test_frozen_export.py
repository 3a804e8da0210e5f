# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""SavedModels of a frozen network: one trace, no variable that is read, and a refusal where it predicts otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.cli import export
from efficientdet.detector import Detector
from efficientdet.errors import ExportError
from efficientdet.export.saved_model import export_saved_model
from efficientdet.modeling import layers
from efficientdet.modeling.folding import normalized
from efficientdet.modeling.hyperparams import BatchNormSettings, KernelSettings
from efficientdet.types import Predictions
from tests.toy_detector import ToyModel, toy_detector, toy_image


def _folding_detector() -> Detector:
    """A convolution with a batch norm and a silu, and then the toy's own."""

    class Model(ToyModel):
        def __init__(self) -> None:
            super().__init__()
            self.stem = layers.conv2d(3, 3, 3, kernel=KernelSettings(), name="stem")
            self.norm = layers.normalization(3, settings=BatchNormSettings(), name="norm")
            self.norm.moving_variance.assign([0.1, 0.2, 0.3])
            self.norm.beta.assign([0.1, -0.2, 0.3])
            self.traces = 0

        def call(self, inputs: tf.Tensor, training: bool = False) -> Predictions:
            self.traces += not tf.executing_eagerly()
            return super().call(tf.nn.silu(normalized(self.stem, self.norm, inputs, training=training)))

    detector = toy_detector()
    detector.model = Model()
    return detector


@pytest.mark.parametrize("fold", [True, False])
def test_a_network_is_traced_once_and_frozen_unless_told_otherwise(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fold: bool
) -> None:
    detector = _folding_detector()
    images = tf.constant(toy_image(40, 56)[np.newaxis])
    expected = detector(images)
    with caplog.at_level("INFO"):
        model_dir = export_saved_model(detector, tmp_path, fold_batch_norms=fold)
    assert detector.model.traces == 1
    assert ("folded 1 batch norms into convolutions; 0.0 M weights frozen" in caplog.text) == fold
    loaded = tf.saved_model.load(str(model_dir))
    for signature in loaded.signatures.values():
        assert bool(signature.captured_inputs) != fold  # the variables that it reads
    found = loaded.signatures["detect"](images=images)
    np.testing.assert_allclose(found["detection_scores"], expected.scores, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found["detection_boxes"], expected.boxes, rtol=0, atol=1e-5)
    for weights in ("checkpoint/ckpt-0", "saved_model/variables/variables"):  # as they were trained
        shapes = dict(tf.train.list_variables(str(tmp_path / weights))).values()
        assert sum(shape == [3] for shape in shapes) == 4  # gamma, beta and the moving statistics


def test_a_network_that_changes_when_it_is_frozen_is_not_exported(tmp_path: Path) -> None:
    class Model(ToyModel):
        def call(self, inputs: tf.Tensor, training: bool = False) -> Predictions:
            return super().call(inputs if tf.executing_eagerly() else -inputs)

    detector = toy_detector()
    detector.model = Model()
    with pytest.raises(ExportError, match="differ from the network's own"):
        export_saved_model(detector, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_flag_of_the_command() -> None:
    flags = ["--trained_checkpoint_dir=a", "--output_directory=b", "--pipeline_config_path=c"]
    parse = export.build_parser().parse_args
    assert parse(flags).fold_batch_norms
    assert not parse([*flags, "--fold_batch_norms=false"]).fold_batch_norms
