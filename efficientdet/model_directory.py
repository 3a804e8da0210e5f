# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The folder of a run: one model, one resolved config, checkpoints that belong to both, one process that writes."""

from __future__ import annotations

import contextlib
import datetime
import errno
import fcntl
import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import Message

from efficientdet.config import PipelineConfig, load_config, with_seed, write_config
from efficientdet.config_differences import differences
from efficientdet.errors import ConfigError, UsageError

_CONFIG_NAME = "pipeline.config"
# Where the resolved config goes when the user's own lies in the folder under the first name.
_BESIDE_THE_USERS = "pipeline.resolved.config"

# What the weights depend on, in shape or in meaning, but for what only says how they start or are trained. The rest
# (losses, post-processing, data, recipe) may change.
_FIXED = tuple(
    f"model.ssd.{name}"
    for name in ("num_classes", "feature_extractor", "box_predictor", "anchor_generator", "box_coder")
)
_FREE = (
    "regularizer",
    "initializer",
    "class_prediction_bias_init",
    "survival_probability",
    "batch_norm.decay",
    "backbone_regularization",
)
# What decides which records a step sees.
_ORDER = ("train_config.seed", "train_config.batch_size", "train_input_reader")
# What a resumed run takes over from its earlier starts where its config does not say, fields of train_config.
_KEPT = ("seed", "schedule_start_step")
_LISTED = 5

_LOCK = ".lock"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)  # of file systems that know none

_logger = logging.getLogger(__name__)


@contextlib.contextmanager
def locked(directory: str | Path) -> Iterator[None]:
    """Keeps a folder for this process, which trains there, as long as the context lasts.

    The system lets go of the lock of a process that ends, whatever ends it. Those that only read (evaluation, export)
    do not ask for it.

    Args:
      directory: of the run; made when missing.

    Raises:
      UsageError: another process trains there, or the folder cannot be written to.
    """
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(Path(directory) / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _not_writable(directory, error) from error
    try:
        _lock(Path(directory), descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(directory: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"{directory} is in use: {_holder(os.pread(descriptor, 4096, 0))} trains there. Wait until it ends, or "
            "choose another --model_dir"
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise _not_writable(directory, error) from error
        _logger.warning("%s cannot be locked (%s): see to it that nothing else trains there", directory, error.strerror)
    started = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "started": started}
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode() + b"\n", 0)
    except OSError as error:
        raise _not_writable(directory, error) from error


def _holder(content: bytes) -> str:
    """Who wrote a lock; the file may hold half of it, or what an earlier process wrote."""
    try:
        holder = json.loads(content)
        return f"process {holder['pid']} on {holder['host']}, started {holder['started']},"
    except (ValueError, TypeError, KeyError):
        return "another process"


def _not_writable(directory: str | Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write to {directory}: {error.strerror}. Choose another --model_dir, or mend that")


def reconcile(directory: str | Path, config: PipelineConfig, *, resuming: bool) -> PipelineConfig:
    """Compares a config with the one that an earlier start left in a folder. Nothing is written.

    Args:
      directory: of the run; need not exist yet.
      config: resolved.
      resuming: whether there are checkpoints. Without, an earlier start left nothing that a change could harm.

    Returns:
      The config with its seed: its own, or else that of the run that is resumed, or else one that is drawn now. The
      start of the schedule is the config's own as well, or else that of the run.

    Raises:
      ConfigError: the folder holds a run of another model, or no run but an export.
    """
    if (Path(directory) / "checkpoint").is_dir():
        raise ConfigError(
            f"{directory} holds an export or a conversion: its folder checkpoint is in the place of the list that "
            "training keeps of its checkpoints. Choose another --model_dir"
        )
    recorded = recorded_config(directory)
    if resuming and recorded is not None:
        earlier = recorded.proto
        train = config.proto.train_config
        for name in _KEPT:
            if earlier.train_config.HasField(name) and not train.HasField(name):
                setattr(train, name, getattr(earlier.train_config, name))
        _compare(Path(directory), earlier, config.proto)
    return with_seed(config)


def recorded_config(directory: str | Path) -> PipelineConfig | None:
    """The resolved config that the latest start of a run left in its folder; None where there is none."""
    paths = [Path(directory) / name for name in (_BESIDE_THE_USERS, _CONFIG_NAME)]
    recorded = next((path for path in paths if path.is_file()), None)
    return None if recorded is None else load_config(recorded)


def restarted_at(directory: str | Path, latest_step: int) -> int | None:
    """The step at which an earlier start began the schedule anew, if that schedule is under way.

    Args:
      directory: of the run.
      latest_step: that is saved.

    Returns:
      The step; None where none was begun anew, where no step was done since, or where it has come to its end.
    """
    recorded = recorded_config(directory)
    if recorded is None or not recorded.proto.train_config.HasField("schedule_start_step"):
        return None
    train = recorded.proto.train_config
    start = train.schedule_start_step
    return start if start < latest_step < start + train.num_steps else None


def record(directory: str | Path, config: PipelineConfig) -> None:
    """Writes the resolved config into the folder of a run, beside the user's own if that is what lies there.

    Args:
      directory: of the run; made when missing.
      config: as `reconcile` returned it.
    """
    path, beside = (Path(directory) / name for name in (_CONFIG_NAME, _BESIDE_THE_USERS))
    if path.exists() and path.samefile(config.path):
        write_config(config, beside)
    else:
        write_config(config, path)
        beside.unlink(missing_ok=True)


def _compare(directory: Path, earlier: Message, config: Message) -> None:
    changed = list(differences(earlier, config))
    forbidden = [line for line in changed if line.startswith(_FIXED) and not any(free in line for free in _FREE)]
    if forbidden:
        raise ConfigError(
            f"{directory} holds a run of another model: {_listing(forbidden)}. Choose another --model_dir, or the "
            "config that this run was started with"
        )
    if changed:
        _logger.info("the config differs from the one that this run was started with: %s", _listing(changed))
    if any(line.startswith(_ORDER) for line in changed):
        _logger.warning("the resumed run will not see the records in the order in which it would have gone on")


def _listing(changes: list[str]) -> str:
    more = f" and {len(changes) - _LISTED} more" if len(changes) > _LISTED else ""
    return "; ".join(changes[:_LISTED]) + more
