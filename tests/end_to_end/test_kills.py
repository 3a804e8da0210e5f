# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A run that is killed again and again, at any moment, ends with the bits of a run that nobody disturbed.

On BCCD where the reference data are there, else on drawn shapes. `EFFICIENTDET_KILLS` says how often (6 without it).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.cli import import_dataset
from tests.end_to_end.tiny import CONFIG, data_override, draw_records

_BCCD = Path(__file__).resolve().parents[3] / "shared" / "data" / "bccd"
_KILLS = int(os.environ.get("EFFICIENTDET_KILLS", "6"))
_STEPS_PER_KILL = 12
_SECONDS_AFTER_START = 1.5  # within which a process is killed, from its first checkpoint or evaluation
_SIZE = """
model { ssd {
  image_resizer { keep_aspect_ratio_resizer { min_dimension: 96 max_dimension: 96 } }
  feature_extractor { bifpn { num_iterations: 1 num_filters: 16 } }
  box_predictor { weight_shared_convolutional_box_predictor { depth: 16 num_layers_before_predictor: 1 } }
} }
train_config {
  seed: 7
  batch_size: 2
  fine_tune_checkpoint: ""
  max_checkpoints_to_keep: 2
  checkpoint_interval_steps: 5
  data_augmentation_options { random_horizontal_flip {} }
  data_augmentation_options { random_scale_crop_and_pad_to_square { output_size: 96 scale_min: 0.5 scale_max: 1.5 } }
  optimizer { use_moving_average: true }
}
eval_config { batch_size: 2 num_visualizations: 1 interval_steps: 20 use_moving_averages: true }
"""


def _command(records: Path, model_dir: Path, num_steps: int) -> list[str]:
    flags = [
        f"--pipeline_config_path={CONFIG}", f"--model_dir={model_dir}", f"--override={_SIZE}",
        f"--override={data_override(records)}", "--override=eval_input_reader { sample_1_of_n_examples: 20 }",
        f"--num_train_steps={num_steps}",
    ]  # fmt: skip
    return [sys.executable, "-m", "efficientdet.cli.main", "train", *flags]


def _records(folder: Path) -> Path:
    if not _BCCD.is_dir():
        return draw_records(folder, num_train=12, num_val=4)
    assert import_dataset.main([str(_BCCD), f"--output={folder}", "--format=voc"]) == 0
    return folder


def _weights(model_dir: Path, step: int) -> dict[str, bytes]:
    reader = tf.train.load_checkpoint(str(model_dir / f"ckpt-{step}"))
    names = sorted(reader.get_variable_to_shape_map())
    return {
        name: np.asarray(reader.get_tensor(name)).tobytes()
        for name in names
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH" and "save_counter" not in name
    }


def _metrics(model_dir: Path) -> list[dict[str, float]]:
    lines = map(json.loads, (model_dir / "eval" / "metrics.jsonl").read_text().splitlines())
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def _wait_for_work(process: subprocess.Popen[bytes], model_dir: Path) -> None:
    """Until something new is in the folder of checkpoints: the process has done its first steps."""
    before = {path.name for path in model_dir.glob("ckpt-*.index")}
    while process.poll() is None and {path.name for path in model_dir.glob("ckpt-*.index")} <= before:
        time.sleep(0.02)


@pytest.mark.slow
def test_kills_leave_no_trace(tmp_path: Path) -> None:
    draws = random.Random(0)
    records = _records(tmp_path / "records")
    num_steps = _STEPS_PER_KILL * _KILLS + 10
    undisturbed, model_dir = tmp_path / "undisturbed", tmp_path / "killed"
    subprocess.run(_command(records, undisturbed, num_steps), check=True, capture_output=True)
    model_dir.mkdir()
    kills: list[tuple[int, int]] = []  # newest checkpoint, files of one that is being written
    log = tmp_path / "log.txt"
    while True:
        with log.open("ab") as output:
            process = subprocess.Popen(_command(records, model_dir, num_steps), stdout=output, stderr=output)
        if len(kills) < _KILLS:
            early = draws.random() < 0.1  # while it starts
            if early:
                time.sleep(draws.uniform(2.0, 15.0))
            else:
                _wait_for_work(process, model_dir)
                time.sleep(draws.uniform(0.0, _SECONDS_AFTER_START))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
                newest = max((int(path.stem[5:]) for path in model_dir.glob("ckpt-*.index")), default=0)
                incomplete = model_dir / ".incomplete"
                partial = len(list(incomplete.iterdir())) if incomplete.is_dir() else 0
                kills.append((newest, partial))
                continue
        assert process.wait() == 0, log.read_text()[-3000:]
        break
    print(f"{len(kills)} kills, {sum(bool(partial) for _, partial in kills)} within a save; steps {kills}")
    assert _weights(model_dir, num_steps) == _weights(undisturbed, num_steps)
    assert _metrics(model_dir) == _metrics(undisturbed)
