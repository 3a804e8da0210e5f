# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Published configs with something laid over them, checked."""

from __future__ import annotations

from pathlib import Path

from efficientdet.config import load_config
from efficientdet.doctor.findings import Finding, Part
from efficientdet.doctor.recipe import check_recipe

PIPELINES = Path(__file__).resolve().parents[3] / "pipelines"
D0, AUTOML, BCCD = "tfod_d0_coco", "automl_d0_coco", "efficientdet_lite0_bccd"
JITTER = "random_scale_crop_and_pad_to_square"


def check(base: str, *overlays: str, num_images: int | None = None) -> Part:
    return check_recipe(load_config(PIPELINES / f"{base}.config", overlays), num_images=num_images)


def found(part: Part, code: str) -> Finding:
    return next(finding for finding in part.findings if finding.code == code)


def train(text: str) -> str:
    return f"train_config {{ {text} }}"


def ssd(text: str) -> str:
    return f"model {{ ssd {{ {text} }} }}"


def cosine(text: str) -> str:
    schedule = f"cosine_decay_learning_rate {{ {text} }}"
    return train(f"optimizer {{ momentum_optimizer {{ learning_rate {{ {schedule} }} }} }}")


def reader(text: str) -> str:
    return f"train_input_reader {{ tf_record_input_reader {{ {text} }} }}"
