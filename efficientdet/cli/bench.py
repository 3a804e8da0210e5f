# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`make bench`: what a training step, a start, an inference, the input and an export cost on this machine.

Each measurement runs in a process of its own, so that neither warm caches nor another's memory help or hurt it. The
data are drawn pictures of 640 x 480, the model is D0 at 512 unless another config is given. Steps in other forms than
the plain one are measured by name only: `--only step --only step-recompute --batch_size 8`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from efficientdet import process_memory
from efficientdet.child_environment import child_environment
from efficientdet.cli.terminal import add_override_argument, command, positive_int, reader_override
from efficientdet.config import PipelineConfig, load_config
from efficientdet.errors import UsageError

_CONFIG = Path(__file__).resolve().parents[2] / "pipelines" / "tfod_d0_coco.config"
_NUM_IMAGES = 64
_CLASSES = 90
_LOGIT_STDDEV = 1.5  # of class logits around their bias of -4.6: a few of a thousand anchors score above .5

Result = dict[str, Any]


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--pipeline_config_path", default=str(_CONFIG), metavar="FILE", help="default: D0 at 512")
    add_override_argument(parser)
    choices = [*_MEASUREMENTS, *_STEPS]
    parser.add_argument("--only", choices=choices, action="append", help="one measurement; may be repeated")
    parser.add_argument(
        "--batch_size", type=positive_int, default=2, metavar="N", help="of a step (default: %(default)s)"
    )
    parser.add_argument(
        "--repeats", type=positive_int, default=15, metavar="N", help="of each timing (default: %(default)s)"
    )
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the measurements and prints a table. Returns the exit code."""
    flags = build_parser().parse_args(argv)
    if not Path(flags.pipeline_config_path).is_file():
        raise UsageError(f"{flags.pipeline_config_path} does not exist: name one with --pipeline_config_path")
    if flags.worker:
        folder = Path(flags.folder)
        step = f"train_config {{ batch_size: {flags.batch_size} {_STEPS.get(flags.worker, '')} }}"
        config = load_config(flags.pipeline_config_path, [*_overrides(folder), step, *flags.override])
        print(json.dumps(_MEASUREMENTS.get(flags.worker, _step)(config, flags.repeats, folder)))
        return 0
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory(prefix="efficientdet-bench-") as temporary:
        _write_records(Path(temporary))
        print(f"{'measurement':<18} {'median':>10} {'minimum':>10}   unit")
        for name in flags.only or _MEASUREMENTS:
            results[name] = _in_own_process(name, flags, temporary)
            print(_row(name, results[name]), flush=True)
    if flags.json:
        Path(flags.json).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0


def _row(name: str, result: Result) -> str:
    more = ", ".join(f"{key} {value}" for key, value in result.items() if key not in ("median", "min", "unit"))
    return (
        f"{name:<18} {result['median']:>10.3f} {result['min']:>10.3f}   {result['unit']}{'; ' + more if more else ''}"
    )


def _in_own_process(name: str, flags: argparse.Namespace, folder: str) -> Result:
    words = [sys.executable, "-m", "efficientdet.cli.bench", "--worker", name, "--folder", folder]
    words += ["--pipeline_config_path", flags.pipeline_config_path, "--repeats", str(flags.repeats)]
    words += ["--batch_size", str(flags.batch_size)]
    words += [f"--override={text}" for text in flags.override]
    environment = child_environment() | {"EFFICIENTDET_LOG_LEVEL": "ERROR"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise UsageError(f"the measurement {name!r} failed:\n{done.stderr.strip()}")
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def _overrides(folder: Path) -> list[str]:
    files = {"label_map": folder / "label_map.pbtxt", "record": folder / "images.record"}
    return [
        'train_config { seed: 1 fine_tune_checkpoint: "" }',
        reader_override("train_input_reader", **files),
        reader_override("eval_input_reader", **files),
    ]


def _write_records(folder: Path) -> None:
    """Draws pictures of 640 x 480 with eight boxes each."""
    import io

    import numpy as np
    import tensorflow as tf
    from PIL import Image

    from efficientdet.data.label_map import Label, write_label_map
    from efficientdet.data.record_encoding import RecordBox, encode_example

    draws = np.random.default_rng(0)
    names = [f"class_{number}" for number in range(1, _CLASSES + 1)]
    write_label_map([Label(number, name, "") for number, name in enumerate(names, start=1)], folder / "label_map.pbtxt")
    with tf.io.TFRecordWriter(str(folder / "images.record")) as writer:
        for number in range(_NUM_IMAGES):
            # Smooth noise compresses to about 180 kB, the size of COCO's pictures.
            small = draws.integers(0, 256, (120, 160, 3), np.uint8)
            pixels = np.asarray(Image.fromarray(small).resize((640, 480), Image.Resampling.BICUBIC), np.int16)
            pixels = np.clip(pixels + draws.integers(-6, 7, pixels.shape), 0, 255).astype(np.uint8)
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "JPEG", quality=90)
            corners = np.sort(draws.uniform(0.0, 1.0, (8, 2, 2)), axis=1)
            rows = draws.integers(_CLASSES, size=8)
            boxes = [
                RecordBox(
                    names[row], int(row) + 1,
                    ymin=float(low[0]), xmin=float(low[1]), ymax=float(high[0]), xmax=float(high[1]), area=0.0,
                )
                for (low, high), row in zip(corners, rows, strict=True)
            ]  # fmt: skip
            writer.write(
                encode_example(
                    encoded=file.getvalue(), image_format="jpeg", size=(480, 640),
                    filename=f"{number}.jpg", source_id=str(number), boxes=boxes,
                )
            )  # fmt: skip


def _timed(function: Callable[[], Any], repeats: int, *, warm_up: int = 3) -> list[float]:
    for _ in range(warm_up):
        function()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - started)
    return seconds


def _seconds(values: Sequence[float], **more: Any) -> Result:
    return {"median": statistics.median(values), "min": min(values), "unit": "s", **more}


def _peak_memory() -> str:
    """The process's peak resident memory; VmHWM where the system has it."""
    peak = process_memory.of_this_process("VmHWM")
    return f"{peak / 1e9:.2f} GB" if peak else "unknown"


def _step(config: PipelineConfig, repeats: int, folder: Path) -> Result:
    """A training step, input included."""
    trainer = _trainer(config)
    _timed(trainer.train_step, 0)
    busy = time.process_time()  # of all cores together; other work on the machine hardly changes it
    seconds = _timed(trainer.train_step, repeats, warm_up=0)
    busy = (time.process_time() - busy) / repeats
    return _seconds(seconds, processor_time=f"{busy:.2f} s", peak_memory=_peak_memory())


def _start(config: PipelineConfig, repeats: int, folder: Path) -> Result:
    """Process start to the end of the first step: this process has just started."""
    _trainer(config).train_step()
    started = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return _seconds([uptime - started])


def _trainer(config: PipelineConfig) -> Any:
    import tensorflow as tf

    from efficientdet.experiment import Experiment
    from efficientdet.training import distribution

    distribution.make_deterministic()  # as a training on a CPU does
    experiment = Experiment(config)
    return experiment.build_trainer(tf.distribute.get_strategy(), experiment.build_train_input())


def _export(config: PipelineConfig, repeats: int, folder: Path) -> Result:
    """An export from a fresh model."""
    from efficientdet.experiment import Experiment
    from efficientdet.export.saved_model import export_saved_model

    started = time.perf_counter()
    export_saved_model(_trained_like(Experiment(config)), folder / "export")
    return _seconds([time.perf_counter() - started])


def _inference(config: PipelineConfig, repeats: int, folder: Path) -> Result:
    """A 480 x 640 picture to boxes, scores and classes, from the SavedModel at batch 1."""
    import numpy as np
    import tensorflow as tf

    from efficientdet.experiment import Experiment
    from efficientdet.export.saved_model import export_saved_model

    if not (folder / "export").exists():
        export_saved_model(_trained_like(Experiment(config)), folder / "export")
    detect = tf.saved_model.load(str(folder / "export" / "saved_model")).signatures["detect"]
    picture = tf.constant(np.random.default_rng(0).integers(0, 256, (1, 480, 640, 3), np.uint8))
    outputs = ("detection_boxes", "detection_scores", "detection_classes")

    def run() -> None:
        found = detect(images=picture)
        for name in outputs:
            found[name].numpy()

    return _seconds(_timed(run, repeats))


def _trained_like(experiment: Any) -> Any:
    """A detector with random weights whose scores spread as a trained one's do.

    As initialised, all scores are .01 and tie, and suppression has to look at every one of them.
    """
    import tensorflow as tf
    import tf_keras as keras

    from efficientdet.builders.model import build_model
    from efficientdet.weights.predictors import class_kernels
    from efficientdet.weights.variables import variables_by_path

    model = build_model(experiment.config)
    kernels = class_kernels(variables_by_path(model))
    for number, kernel in enumerate(kernels):
        kernel.assign(tf.random.stateless_normal(kernel.shape, [1, 2 + number]))
    norms = [layer for layer in model.submodules if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # takes the statistics of one batch over, as if it had seen many
    height, width = experiment.preprocessor.input_size
    images = tf.random.stateless_normal([2, height, width, 3], [3, 4])
    logits = model(images, training=True, seed=tf.constant([5, 6])).class_logits
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    for kernel in kernels:
        kernel.assign(kernel * _LOGIT_STDDEV / tf.math.reduce_std(logits))
    return experiment.detector(model)


def _input(config: PipelineConfig, repeats: int, folder: Path) -> Result:
    """The training input alone: JPEG to augmented batches of 8 with targets."""
    from efficientdet.experiment import Experiment
    from efficientdet.training import distribution

    distribution.make_deterministic()  # as a training on a CPU does

    config.proto.train_config.batch_size = 8
    batches = iter(Experiment(config).build_train_input().train_dataset(0))
    seconds = _timed(lambda: next(batches), 4 * repeats, warm_up=10)
    rates = [8 / (sum(seconds[i : i + 4]) / 4) for i in range(0, len(seconds), 4)]
    return {"median": statistics.median(rates), "min": min(rates), "unit": "images/s"}


_MEASUREMENTS: dict[str, Callable[[PipelineConfig, int, Path], Result]] = {
    "step": _step,
    "start": _start,
    "input": _input,
    "export": _export,
    "inference": _inference,
}
# Steps in other forms -> what they ask of `train_config`.
_STEPS = {
    "step-first-stages": "recompute: FIRST_STAGES",
    "step-recompute": "recompute: [BACKBONE, PYRAMID, HEADS]",
    "step-bfloat16": "precision: BFLOAT16",
    "step-float16": "precision: FLOAT16",
    "step-accumulated": "gradient_accumulation_steps: 2",
}


if __name__ == "__main__":
    sys.exit(main())
