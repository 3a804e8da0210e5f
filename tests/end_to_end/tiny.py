# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The quickstart's config on a network and pictures so small that a test can train it."""

from __future__ import annotations

import json
from pathlib import Path

from efficientdet.cli import create_tfrecord
from efficientdet.data import shapes

CONFIG = Path(__file__).resolve().parents[2] / "pipelines" / "efficientdet_lite0_shapes.config"

SIZE = """
model { ssd {
  image_resizer { keep_aspect_ratio_resizer { min_dimension: 160 max_dimension: 160 } }
  feature_extractor { bifpn { num_iterations: 1 num_filters: 16 } }
  box_predictor { weight_shared_convolutional_box_predictor { depth: 16 num_layers_before_predictor: 1 } }
} }
train_config {
  batch_size: 2
  fine_tune_checkpoint: ""
  data_augmentation_options { random_horizontal_flip {} }
  data_augmentation_options { random_scale_crop_and_pad_to_square { output_size: 160 scale_min: 0.7 scale_max: 1.4 } }
}
eval_config { batch_size: 2 num_visualizations: 1 }
"""


def draw_records(folder: Path, *, num_train: int = 6, num_val: int = 3) -> Path:
    """Draws pictures and writes them as `train.record` and `val.record` with a label map."""
    shapes.write_data_set(folder, num_train=num_train, num_val=num_val)
    for split in ("train", "val"):
        code = create_tfrecord.main(
            [
                "--format=coco",
                f"--input={folder / f'{split}.json'}",
                f"--image_dir={folder / 'images' / split}",
                f"--output_path={folder / f'{split}.record'}",
                f"--label_map_path={folder / 'label_map.pbtxt'}",
            ]
        )
        assert code == 0
    return folder


def data_override(folder: Path) -> str:
    """The override that points both readers at the records of `draw_records`."""
    label_map = json.dumps(str(folder / "label_map.pbtxt"))
    train, val = (json.dumps(str(folder / name)) for name in ("train.record", "val.record"))
    return (
        f"train_input_reader {{ label_map_path: {label_map} tf_record_input_reader {{ input_path: {train} }} }} "
        f"eval_input_reader {{ label_map_path: {label_map} tf_record_input_reader {{ input_path: {val} }} }}"
    )


def train_flags(folder: Path, model_dir: Path, *more: str) -> list[str]:
    """Flags of a training of the tiny model."""
    return [
        f"--pipeline_config_path={CONFIG}",
        f"--model_dir={model_dir}",
        f"--override={SIZE}",
        f"--override={data_override(folder)}",
        *more,
    ]
