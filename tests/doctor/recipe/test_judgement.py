# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The recipe check: errors and notes, what a config is after, and how that is judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from efficientdet.config import parse_config
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.data.record_encoding import frame_record
from efficientdet.doctor.findings import Severity, exit_code
from efficientdet.doctor.recipe import check_recipe
from tests.doctor.recipe.overlays import BCCD, D0, JITTER, PIPELINES, check, found, reader, ssd, train


def test_what_fails() -> None:
    averages = check(BCCD, train("optimizer { use_moving_average: false }"))
    assert found(averages, "averages-missing").severity == Severity.ERROR
    assert averages.verdict.startswith("Will fail")
    overlap = check(BCCD, 'eval_input_reader { tf_record_input_reader { input_path: "runs/bccd/data/train.record" } }')
    assert found(overlap, "files-overlap").severity == Severity.ERROR
    assert exit_code([overlap]) == 2
    nothing = check_recipe(parse_config("", "empty.config"))
    assert (nothing.findings[0].code, exit_code([nothing])) == ("no-model", 2)


def test_a_second_look_at_training_data_is_no_fault_beside_one_at_other_data() -> None:
    named = '{ name: "%s" label_map_path: "m" tf_record_input_reader { input_path: "runs/bccd/data/%s.record" } }'
    readers = f"eval_input_reader {named % ('val', 'val')} eval_input_reader {named % ('train', 'train')}"
    assert found(check(BCCD, readers), "files-overlap").severity == Severity.NOTE


def test_what_is_worth_a_word_only() -> None:
    notes = {
        "never-evaluated": check(BCCD, "eval_input_reader: []"),
        "evaluated-once": check(BCCD, "eval_config { interval_steps: 2000 }"),
        "epochs-many": check(BCCD, num_images=10),
        "backbone-only": check(BCCD, num_images=205),
        "jitter-wide": check(BCCD, train(f"data_augmentation_options {{ {JITTER} {{ scale_min: 0.1 }} }}")),
        "done-differently": check(BCCD, train("use_bfloat16: true")),
        "short-run-average": check(BCCD, train("optimizer { moving_average_decay: 0.9998 }")),
    }
    for code, part in notes.items():
        assert found(part, code).severity == Severity.NOTE, code


def test_own_data_is_judged_in_epochs() -> None:
    """1,500 steps of 8 are 12,000 images."""
    assert "epochs" not in {finding.code for finding in check(BCCD, num_images=2_400).findings}  # 5
    few = found(check(BCCD, num_images=6_000), "epochs")
    assert few.title == "2 epochs of 6,000 images"
    assert "num_steps: 37500" in few.remedy  # 50 epochs
    assert found(check(BCCD, train("num_steps: 240")), "epochs").title == "1,920 images are processed"


def test_what_a_config_is_after() -> None:
    def aim(*overlays: str, num_images: int | None = None, base: str = D0) -> str:
        note = check(base, *overlays, num_images=num_images).tables[0].note
        return "fine_tune" if "for other data" in note else "reproduce"

    assert aim() == "reproduce"
    assert aim(ssd("num_classes: 3")) == "fine_tune"
    assert aim(train("fine_tune_checkpoint: 'efficientdet_d0/ckpt-0' fine_tune_checkpoint_type: 'full'")) == "fine_tune"
    assert aim(num_images=500) == "fine_tune"
    assert aim(reader("input_path: 'a-00000-of-00100'"), num_images=1_183) == "reproduce"  # of one shard of a hundred
    assert aim(ssd("num_classes: 80")) == "fine_tune"
    assert aim(ssd("num_classes: 80"), reader("input_path: '/data/COCO/train.record'")) == "reproduce"
    assert aim(base="ssd300_vgg16_voc") == "reproduce"


def test_a_model_of_the_other_lineage_keeps_its_own_conventions() -> None:
    part = check(BCCD)
    assert part.tables[0].title == "Recipe beside google/automl Lite0"
    rows = {row[0]: row[1:] for row in part.tables[0].rows}
    assert rows["box coder"] == ("10 / 10 / 5 / 5", "10 / 10 / 5 / 5", "")
    assert rows["rate per image of a batch"] == (0.00125, 0.00625, 5.0)


def _label_map(path: Path, *names: str) -> str:
    write_label_map([Label(index, name) for index, name in enumerate(names, start=1)], path)
    return str(path)


def test_classes_against_the_label_map(tmp_path: Path) -> None:
    three = _label_map(tmp_path / "three.pbtxt", "a", "b", "c")
    readers = f"train_input_reader {{ label_map_path: '{three}' }} eval_input_reader {{ label_map_path: '{three}' }}"
    codes = [finding.code for finding in check(BCCD, readers).findings]
    assert "num-classes" not in codes
    few = found(check(BCCD, readers, ssd("num_classes: 2")), "num-classes")
    assert (few.severity, few.title) == (Severity.ERROR, "num_classes 2, and the label map has an id 3 ('c')")
    assert found(check(BCCD, readers, ssd("num_classes: 4")), "num-classes").severity == Severity.NOTE
    left = check(D0, readers)  # 90, left in place
    assert found(left, "num-classes").title == "num_classes 90, and the label map has 3"
    assert left.verdict.startswith("Falls short")  # and not measured by COCO's budget


def test_label_maps_that_differ_or_cannot_be_read(tmp_path: Path) -> None:
    one, two = _label_map(tmp_path / "1.pbtxt", "a", "b", "c"), _label_map(tmp_path / "2.pbtxt", "b", "a", "c")
    readers = "train_input_reader {{ label_map_path: '{}' }} eval_input_reader {{ label_map_path: '{}' }}"
    finding = found(check(BCCD, readers.format(one, two)), "label-maps-differ")
    assert (finding.severity, finding.title) == (Severity.ERROR, "'a' has id 1 in training and 2 in evaluation")
    (tmp_path / "bad.pbtxt").write_text("item { id: 0 name: 'a' }")
    bad = found(check(BCCD, readers.format(tmp_path / "bad.pbtxt", one)), "label-map-unreadable")
    assert "ids start at 1" in bad.why


def test_small_evaluation_sets_are_uncertain(tmp_path: Path) -> None:
    record = tmp_path / "val.record"
    record.write_bytes(b"".join(frame_record(b"abcd")) * 25)
    part = check(BCCD, f"eval_input_reader {{ tf_record_input_reader {{ input_path: '{record}' }} }}")
    assert found(part, "eval-size").title == "AP of 25 images is uncertain by 4.8 points at least"
    assert found(part, "eval-size").severity == Severity.NOTE


def test_a_config_that_only_evaluates_is_judged_for_that() -> None:
    text = (PIPELINES / f"{BCCD}.config").read_text(encoding="utf-8")
    start, end = text.index("train_config {"), text.index("eval_config {")
    part = check_recipe(
        parse_config(text[:start] + text[end:].replace("averages: true", "averages: false"), "eval.config")
    )
    assert [finding.code for finding in part.findings if finding.severity > Severity.NOTE] == []
    assert "steps" not in {row[0] for row in part.tables[0].rows}


def test_the_check_does_without_tensorflow() -> None:
    code = (
        "import sys; from efficientdet.config import load_config\n"
        "from efficientdet.doctor.preflight import preflight_lines\n"
        f"preflight_lines(load_config({str(PIPELINES / f'{D0}.config')!r})); sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_more_anchors_than_published_are_no_deviation() -> None:
    ratios = ssd("anchor_generator { multiscale_anchor_generator { aspect_ratios: [%s] } }")
    assert "anchors" not in {finding.code for finding in check(D0, ratios % "1, 2, 0.5, 3").findings}
    assert "anchors" in {finding.code for finding in check(D0, ratios % "1, 2").findings}


def test_empty_files_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "train.record").touch()
    part = check(BCCD, reader(f"input_path: '{tmp_path / 'train.record'}'"))
    assert found(part, "no-images").severity == Severity.ERROR
