# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A checkpoint of which any byte has changed is told from one that is whole."""

from __future__ import annotations

import errno
import logging
import zlib
from pathlib import Path

import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.training.checkpoint_damage import damage_of, unreadable_part, write_checksums

_DATA = ".data-00000-of-00001"


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    values = tf.Module()
    values.some = [tf.Variable(tf.random.stateless_normal([9, size], [0, size])) for size in range(1, 12)]
    path = tf.train.Checkpoint(values=values).write(str(tmp_path / "ckpt-7"))
    write_checksums(path)
    return str(path)


def test_the_list_names_size_and_checksum_of_each_file(prefix: str) -> None:
    data, index = Path(prefix + _DATA).read_bytes(), Path(prefix + ".index").read_bytes()
    lines = f"{_DATA} {len(data)} {zlib.crc32(data):08x}\n.index {len(index)} {zlib.crc32(index):08x}\n"
    assert Path(prefix + ".crc").read_text() == f"{lines}{zlib.crc32(lines.encode()):08x}\n"
    write_checksums(prefix)  # does not list itself
    assert Path(prefix + ".crc").read_text().startswith(lines)
    assert damage_of(prefix) is None
    assert unreadable_part(prefix) is None


@pytest.mark.parametrize("end", [_DATA, ".index"])
def test_every_flipped_byte_is_found(prefix: str, end: str) -> None:
    file = Path(prefix + end)
    whole = file.read_bytes()
    for place in range(0, len(whole), 97):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(whole)
            damaged[place] ^= flip
            file.write_bytes(damaged)
            assert damage_of(prefix) == f"the bytes of ckpt-7{end} are not those that were written"
    file.write_bytes(whole)
    assert damage_of(prefix) is None


@pytest.mark.parametrize("end", [_DATA, ".index"])
def test_lost_and_added_bytes_are_counted(prefix: str, end: str) -> None:
    file = Path(prefix + end)
    whole = file.read_bytes()
    for content in (b"", whole[:-1], whole + b"\0"):
        file.write_bytes(content)
        assert damage_of(prefix) == f"ckpt-7{end} has {len(content):,} bytes, {len(whole):,} were written"
    file.unlink()
    assert damage_of(prefix) == f"ckpt-7{end} is missing"


@pytest.mark.parametrize("place", [0, 10, -2])
def test_a_damaged_list_is_not_a_damaged_checkpoint(prefix: str, place: int, caplog: pytest.LogCaptureFixture) -> None:
    text = bytearray(Path(prefix + ".crc").read_bytes())
    text[place] ^= 0x01
    for content in (bytes(text), bytes(text[:30]), b"", b"\xff\n"):
        Path(prefix + ".crc").write_bytes(content)
        with caplog.at_level(logging.WARNING):
            assert damage_of(prefix) is None
        assert "ckpt-7.crc, a list of checksums, is damaged itself" in caplog.text
        caplog.clear()


def test_without_a_list_tensorflows_checksums_count(prefix: str) -> None:
    Path(prefix + ".crc").unlink()
    assert damage_of(prefix) is None
    data = bytearray(Path(prefix + _DATA).read_bytes())
    data[len(data) // 2] ^= 0x10
    Path(prefix + _DATA).write_bytes(data)
    assert "hecksum" in str(damage_of(prefix))
    Path(prefix + _DATA).unlink()
    assert "is incomplete" in str(damage_of(prefix))


@pytest.mark.parametrize("has_list", [True, False])
def test_a_file_that_may_not_be_read_is_not_called_damaged(
    prefix: str, has_list: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_list:
        Path(prefix + ".crc").unlink()
    number = errno.EACCES

    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(number, "no luck", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CheckpointError, match=r"cannot read checkpoint .*ckpt-7: .*no luck"):
        damage_of(prefix)
    number = errno.EIO
    assert "no luck" in str(damage_of(prefix))
