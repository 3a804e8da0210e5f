# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The whole way of real pictures: imported, written as records, read, and assigned to anchors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from efficientdet.cli.create_tfrecord import main
from efficientdet.data.label_map import Label, LabelMap
from efficientdet.data.pipeline import InputPipeline, ReaderSettings
from efficientdet.data.preprocessing import KeepAspectRatio, Preprocessor
from efficientdet.data.records import RecordParser
from efficientdet.ops.box_coder import BoxScales
from efficientdet.ops.iou_matching import IouMatcher
from efficientdet.ops.targets import TargetAssigner


def test_the_truth_of_bccd_reaches_the_anchors_of_d0(shared: Path, tmp_path: Path) -> None:
    arguments = f"--format voc --split test --output_path {tmp_path}/x --label_map_path {tmp_path}/map.pbtxt --input"
    assert main([*arguments.split(), str(shared / "data" / "bccd")]) == 0
    with np.load(shared / "fixtures" / "tfod_d0_parity.npz") as recorded:
        anchors = recorded["anchors"]
    pipeline = InputPipeline(
        [str(tmp_path / "x")],
        parse=RecordParser(LabelMap((Label(1, "Platelets"), Label(2, "RBC"), Label(3, "WBC"))), num_classes=3),
        preprocessor=Preprocessor(KeepAspectRatio(512, 512), mean=(127,) * 3, stddev=(128,) * 3),
        assign_targets=TargetAssigner(
            anchors,
            coder=BoxScales(10, 10, 5, 5),
            match=IouMatcher(
                anchors,
                matched_threshold=0.5,
                unmatched_threshold=0.5,
                force_match=True,
                negatives_lower_than_unmatched=True,
            ),
        ),
        batch_size=8,
        settings=ReaderSettings(
            shuffle=False,
            shuffle_buffer_size=1,
            num_readers=1,
            read_block_length=1,
            num_epochs=1,
            sample_1_of_n_examples=1,
            drop_remainder=False,
            num_prefetch_batches=2,
            max_number_of_boxes=100,
        ),
    )
    counts, matched = 0, 0
    for batch in pipeline.eval_dataset():
        counts += int(tf.reduce_sum(batch.ground_truth.count))
        matched += int(tf.math.count_nonzero(batch.targets.classes >= 0))
        assert np.isfinite(batch.targets.box_codes).all()
    assert (pipeline.num_records, counts) == (72, 945)
    assert matched > 945
