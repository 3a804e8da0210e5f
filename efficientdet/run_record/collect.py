# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds out what a run depends on: versions, hardware, data, weights."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

import efficientdet
from efficientdet.config import PipelineConfig
from efficientdet.data.files import FOOTER_BYTES, HEADER_BYTES, resolve_files, walk_records
from efficientdet.errors import DataError
from efficientdet.protos.input_reader_pb2 import InputReader
from efficientdet.run_record.record import DataFile, ReaderData
from efficientdet.weights.files import open_contents

_LIBRARIES = ("tensorflow", "tf_keras", "tf-models-official", "numpy", "protobuf", "faster-coco-eval")
_NO_WEIGHTS = ("save_counter", "_CHECKPOINTABLE_OBJECT_GRAPH")
_PIECE = 1 << 20


def versions() -> dict[str, str]:
    """Of Python, this library and what it computes with."""
    found = {"python": platform.python_version(), "efficientdet": efficientdet.__version__}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def hardware(*, replicas: int, workers: int, devices: str, kernels: str) -> dict[str, str]:
    """What a run computes on.

    Args:
      replicas: of all workers together.
      workers: processes.
      devices: of one of them, for people.
      kernels: which of them are fast, for people.
    """
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "devices": devices,
        "replicas": str(replicas),
        "workers": str(workers),
        "computes with": kernels,
    }


def data_of(config: PipelineConfig, known: Iterable[ReaderData] = ()) -> tuple[ReaderData, ...]:
    """What the readers of a config read.

    Args:
      config: resolved.
      known: taken earlier. A file whose size and time are still those of then is not read again.

    Raises:
      DataError: a file is missing or damaged.
    """
    proto = config.proto
    readers = {"train_input_reader": proto.train_input_reader}
    readers |= {f"eval_input_reader[{index}]": reader for index, reader in enumerate(proto.eval_input_reader)}
    before = {file.path: file for data in known for file in data.files}
    return tuple(_reader_data(name, reader, before) for name, reader in readers.items())


def _reader_data(name: str, reader: InputReader, before: Mapping[str, DataFile]) -> ReaderData:
    files = resolve_files(list(reader.tf_record_input_reader.input_path))
    digests = (_unchanged(before.get(os.path.abspath(file))) or digest_of_records(file) for file in files)
    return ReaderData(name, tuple(digests), digest_of_file(Path(reader.label_map_path)))


def _unchanged(file: DataFile | None) -> DataFile | None:
    """A file, if it still is as large and as old as it was."""
    try:
        now = None if file is None else os.stat(file.path)
    except OSError:
        return None
    return file if file and now and (file.size, file.mtime_ns) == (now.st_size, now.st_mtime_ns) else None


def digest_of_records(file: str) -> DataFile:
    """Takes the digest of a TFRecord file: of the length and the checksum of each record, which it carries itself.

    That takes a few microseconds a record, whatever its size. Whether a record still has its checksum is not looked at
    here: a training that reads it does.

    Raises:
      DataError: see `data.files.walk_records`.
    """
    digest, records = hashlib.sha256(), 0
    try:
        with open(file, "rb", buffering=0) as opened:
            stat = os.fstat(opened.fileno())
            for offset, length in walk_records(file):
                digest.update(length.to_bytes(8, "little"))
                digest.update(os.pread(opened.fileno(), FOOTER_BYTES, offset + HEADER_BYTES + length))
                records += 1
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}") from error
    return DataFile(os.path.abspath(file), records, digest.hexdigest(), stat.st_size, stat.st_mtime_ns)


def digest_of_file(path: Path) -> str:
    """sha256 of all bytes of a file.

    Raises:
      DataError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    return digest.hexdigest()


def digest_of_weights(prefix: str | os.PathLike[str]) -> str:
    """sha256 of all numbers in a checkpoint, by their names: the same for the same state, whenever it was written.

    Raises:
      CheckpointError: it cannot be read.
    """
    contents, digest = open_contents(prefix), hashlib.sha256()
    for name in sorted(contents.shapes):
        if not name.startswith(_NO_WEIGHTS):
            value = contents.read(name)
            digest.update(f"{name} {value.dtype} {value.shape}\n".encode())
            digest.update(value.tobytes())
    return digest.hexdigest()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
