# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import pytest

from efficientdet.cli import record as command
from efficientdet.config import load_config
from efficientdet.config_differences import differences
from efficientdet.data.record_encoding import frame_record
from efficientdet.errors import DataError
from efficientdet.evaluation.evaluation import Evaluation
from efficientdet.run_record import collect
from efficientdet.run_record.comparison import compare
from efficientdet.run_record.record import DataFile, ReaderData, RunRecord, Start, read_record, write_record
from efficientdet.run_record.recorder import Recorder
from efficientdet.run_record.verification import verify
from efficientdet.training.outcome import StepOutcome
from efficientdet.types import Losses

_CONFIG = Path(__file__).resolve().parents[2] / "pipelines" / "efficientdet_lite0_shapes.config"
_HARDWARE = {"cores": "2", "devices": "the CPU"}
_RECORD = RunRecord(
    config=_CONFIG.read_text(encoding="utf-8"),
    seed=3,
    data=(ReaderData("train_input_reader", (DataFile("/data/a.record", 7, "ab"),), "cd"),),
    restored=("restored 5 of 5 parameters",),
    starts=(Start("2026-01-02T03:04:05+00:00", 0, {"tensorflow": "2.20.0"}, _HARDWARE),),
    curve={10: 2.5, 20: 1.25},
    evaluations=({"step": 20, "AP": 0.25},),
    weights={20: "ef"},
)


def _write_records(path: Path, *contents: bytes) -> None:
    path.write_bytes(b"".join(part for content in contents for part in frame_record(content)))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run of two evaluations, without checkpoints."""
    _write_records(tmp_path / "a.record", b"one", b"two")
    (tmp_path / "labels.pbtxt").write_text("item { id: 1 name: 'a' }")
    reader = f'label_map_path: "{tmp_path}/labels.pbtxt" tf_record_input_reader {{ input_path: "{tmp_path}/a.record" }}'
    config = load_config(
        _CONFIG, [f"train_input_reader {{ {reader} }} eval_input_reader {{ {reader} }} train_config {{ seed: 5 }}"]
    )
    folder = tmp_path / "run"
    (folder / "eval").mkdir(parents=True)
    from efficientdet import model_directory

    model_directory.record(folder, config)
    recorder = Recorder(folder, config, step=0, num_steps=200, hardware=_HARDWARE, restored=["all of it"])
    _train(recorder, folder, 0, 200)
    recorder.close()
    return folder


def _train(recorder: Recorder, folder: Path, start: int, end: int) -> None:
    for step in range(start + 1, end + 1):
        losses = Losses(0.0, 0.0, 0.0, 1 / step)
        recorder.on_step(None, StepOutcome(step, losses, 0.1, 0.0, None, step == end))  # type: ignore[arg-type]
        if step % 100 == 0:
            evaluation = Evaluation(step, {"AP": step / 1000}, None, 2, 0.5)
            with (folder / "eval" / "metrics.jsonl").open("a") as file:
                file.write(json.dumps(evaluation.as_record()) + "\n")
            recorder.on_evaluation(evaluation)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_record(_RECORD, tmp_path / "record.json")
    assert read_record(tmp_path) == read_record(tmp_path / "record.json") == _RECORD


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 9}', '{"format": 1, "config": ""}', "\x00", "[" * 99999])
def test_what_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(DataError, match=r"record\.json"):
        read_record(tmp_path)


def test_a_folder_without_a_record(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no record of a run"):
        read_record(tmp_path)


def test_the_digest_of_records_is_that_of_lengths_and_checksums(tmp_path: Path) -> None:
    path = tmp_path / "a.record"
    _write_records(path, b"one", b"three")
    content = path.read_bytes()
    # Of each record: 8 bytes of length, 4 of its checksum, the content, 4 of its checksum.
    framing = content[:8] + content[15:19] + content[19:27] + content[36:40]
    assert collect.digest_of_records(str(path)) == DataFile(str(path), 2, hashlib.sha256(framing).hexdigest())


def test_a_recorder_keeps_a_hundred_points_and_the_results(run: Path) -> None:
    record = read_record(run)
    assert sorted(record.curve) == list(range(2, 201, 2))
    assert record.curve[50] == 1 / 50
    assert record.seed == 5
    assert record.restored == ("all of it",)
    assert [line["step"] for line in record.evaluations] == [100, 200]
    assert "seconds" not in record.evaluations[0]
    assert record.data[0].num_records == 2


def test_a_resumed_run_has_the_record_of_an_uninterrupted_one(run: Path) -> None:
    whole = read_record(run)
    config = load_config(run / "pipeline.config")
    recorder = Recorder(run, config, step=100, num_steps=200, hardware=_HARDWARE)
    assert max(read_record(run).curve) == 100
    _train(recorder, run, 100, 200)
    recorder.close()
    resumed = read_record(run)
    assert [start.step for start in resumed.starts] == [0, 100]
    assert dataclasses.replace(resumed, starts=whole.starts, config=whole.config) == whole
    assert resumed.curve_digest == whole.curve_digest


def test_a_record_that_cannot_be_written_is_a_warning(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = load_config(run / "pipeline.config")
    (run / "record.json").unlink()
    (run / "record.json").mkdir()
    recorder = Recorder(run, config, step=0, num_steps=10, hardware=_HARDWARE)
    recorder.close()
    assert caplog.text.count("cannot be written") == 1


def test_a_run_as_it_was_verifies(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [check for check in verify(run) if check.problem] == []
    assert command.main(["verify", str(run)]) == 0
    assert "CHANGED" not in capsys.readouterr().out


def test_what_changed_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write_records(run.parent / "a.record", b"one", b"TWO")
    text = (run / "pipeline.config").read_text()
    (run / "pipeline.config").write_text(text.replace("seed: 5", "seed: 6"))
    (run / "eval" / "metrics.jsonl").write_text("{}\n")
    assert command.main(["verify", str(run)]) == 1
    out = capsys.readouterr().out
    assert "CHANGED  config: train_config.seed: 5 -> 6" in out
    assert f"{run.parent}/a.record holds other records" in out
    assert "metrics.jsonl does not hold the results" in out


def test_records_that_are_gone_are_named(run: Path) -> None:
    (run.parent / "a.record").unlink()
    assert "No such file" in next(check.problem for check in verify(run) if check.what == "data of train_input_reader")


def test_a_run_does_not_differ_from_itself(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["compare", str(run), str(run / "record.json")]) == 0
    assert capsys.readouterr().out == "no difference\n"


def test_causes_come_before_consequences() -> None:
    other = dataclasses.replace(
        _RECORD,
        config=_RECORD.config.replace("batch_size: 8", "batch_size: 4", 1),
        data=(ReaderData("train_input_reader", (DataFile("/data/a.record", 6, "xx"),), "cd"),),
        starts=(dataclasses.replace(_RECORD.starts[0], versions={"tensorflow": "2.20.1"}),),
        curve={10: 2.5, 20: 1.5},
        evaluations=({"step": 20, "AP": 0.5},),
    )
    found = compare(_RECORD, other)
    assert [difference.part for difference in found] == ["config", "data", "versions", "course", "results"]
    assert found[0].text.endswith("batch_size: 8 -> 4")
    assert found[1].text == "train_input_reader: 7 records in 1 files -> 6 in 1; 0 files are the same"
    assert found[2].text == "tensorflow: 2.20.0 -> 2.20.1"
    assert found[3].text == "the same bits up to step 10; loss of step 20: 1.25 -> 1.5"
    assert found[4].text == "AP: 0.25 -> 0.5 (+0.25)"


def test_differences_of_configs() -> None:
    one = load_config(_CONFIG).proto
    other = load_config(_CONFIG, ["train_config { batch_size: 3 }"]).proto
    assert list(differences(one, one)) == []
    assert [text.rpartition(" -> ")[2] for text in differences(one, other)] == ["3"]


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": float("inf")},
        {"seed": "5"},
        {"evaluations": [{"step": float("inf")}]},
        {"evaluations": [{"step": 20, "AP": "good"}]},
        {"evaluations": [{"step": 20, "AP": True}]},
        {"evaluations": [[1]]},
        {"curve": {"1": 10**400}},
        {"starts": [{"time": "", "step": 1e300, "versions": {}, "hardware": {}}]},
        {"data": [{"reader": "", "label_map": "", "files": [{"path": "", "records": "7", "digest": ""}]}]},
    ],
)
def test_values_of_another_kind_are_no_record(tmp_path: Path, changes: dict[str, object]) -> None:
    write_record(_RECORD, tmp_path / "record.json")
    content = json.loads((tmp_path / "record.json").read_text()) | changes
    (tmp_path / "record.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"record\.json: not a record of a run"):
        read_record(tmp_path)


def test_a_kill_costs_no_point_of_the_curve(run: Path) -> None:
    config = load_config(run / "pipeline.config")
    recorder = Recorder(run, config, step=100, num_steps=200, hardware=_HARDWARE)
    losses = Losses(0.0, 0.0, 0.0, 0.5)
    for step in (101, 102, 103):  # and then nothing more comes
        recorder.on_step(None, StepOutcome(step, losses, 0.1, 0.0, None, False))  # type: ignore[arg-type]
    assert max(read_record(run).curve) == 102


def test_what_a_start_changes_is_told_beside_what_the_run_began_with(
    run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begun = read_record(run)
    _write_records(run.parent / "a.record", b"one", b"two", b"three")
    config = load_config(run / "pipeline.config", ["train_config { batch_size: 3 }"])
    for step in (100, 150):
        Recorder(run, config, step=step, num_steps=200, hardware=_HARDWARE).close()
    counts = "2 records in 1 files -> 3 in 1; 0 files are the same"
    assert f"the data are not those of the start before: train_input_reader: {counts}" in caplog.text
    record = read_record(run)
    assert (record.config, record.data) == (begun.config, begun.data)
    assert [(start.config is None, start.data is None) for start in record.starts] == [
        (True,) * 2,
        (False,) * 2,
        (True,) * 2,
    ]
    assert record.latest_data[0].num_records == 3
    told = [difference for difference in compare(begun, record) if difference.part in ("config", "data")]
    assert [difference.text for difference in told] == [
        "only the second, from step 100 on: train_config.batch_size: 4 -> 3",
        f"only the second, from step 100 on: train_input_reader: {counts}",
        f"only the second, from step 100 on: eval_input_reader[0]: {counts}",
    ]
    problems = {check.what for check in verify(run) if check.problem}
    assert "data of train_input_reader" in problems  # with which it began
    assert "data of train_input_reader from step 100 on" not in problems


def test_evaluations_that_only_metrics_jsonl_has_are_taken_up(run: Path) -> None:
    lines = [{"step": step, "AP": step / 1000, "images": 2} for step in (150, 50, 100)]
    lines[2]["AP"] = 0.9
    Recorder(run, load_config(run / "pipeline.config"), step=100, num_steps=200, hardware=_HARDWARE, evaluations=lines)
    assert [(line["step"], line["AP"]) for line in read_record(run).evaluations] == [(50, 0.05), (100, 0.1)]


def test_a_lost_record_leaves_the_start_weights_unknown(run: Path) -> None:
    (run / "record.json").write_text("{")
    Recorder(run, load_config(run / "pipeline.config"), step=100, num_steps=200, hardware=_HARDWARE, restored=["all"])
    record = read_record(run)
    assert record.restored is None
    told = compare(_RECORD, dataclasses.replace(_RECORD, restored=record.restored))
    assert [difference.text for difference in told] == ["restored 5 of 5 parameters -> unknown"]


def test_files_as_large_and_as_old_as_before_are_not_read_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, known = load_config(run / "pipeline.config"), read_record(run).data
    read: list[str] = []
    digest = collect.digest_of_records
    monkeypatch.setattr(collect, "digest_of_records", lambda file: read.append(file) or digest(file))
    assert collect.data_of(config, known) == known
    assert read == []
    os.utime(run.parent / "a.record", ns=(1, 1))
    assert collect.data_of(config, known) == known
    assert len(read) == 2  # once for each reader
