# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What every command has in common: its log, its errors, the flags that each of them takes."""

from __future__ import annotations

import argparse
import functools
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from efficientdet.config import PipelineConfig, load_config, validate
from efficientdet.config_checks import Purpose
from efficientdet.errors import EfficientDetError

_logger = logging.getLogger(__name__)

USER_ERROR = 2  # the exit code of a mistake that the user can mend, as argparse's own
INTERRUPTED = 130  # 128 + SIGINT
_SIGNALS = 128
BROKEN_PIPE = 141  # 128 + SIGPIPE
_SECONDS_BETWEEN_LINES = 10.0  # of progress, where it cannot be drawn over itself


class Command(Protocol):
    """A command's `main`."""

    def __call__(self, argv: Sequence[str] | None = None) -> int:
        """Runs the command with the words after its name (`sys.argv`'s when None) and returns its exit code."""


def command(function: Callable[[Sequence[str] | None], int]) -> Command:
    """Wraps a `main`: sets the log up, and shows a user's mistake as one line instead of a traceback."""

    @functools.wraps(function)
    def run(argv: Sequence[str] | None = None) -> int:
        set_up_logging()
        try:
            return function(argv)
        except EfficientDetError as error:
            print(f"error: {error}", file=sys.stderr)
            return USER_ERROR
        except BrokenPipeError:  # whoever read what is printed has seen enough, such as `head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again at its end
            return BROKEN_PIPE
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            print(f"error: {place}{error.strerror or error}", file=sys.stderr)
            return USER_ERROR
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return INTERRUPTED
        except Exception as error:
            # TensorFlow's name for it; importing TensorFlow to compare classes would slow every other command down.
            if type(error).__name__ not in ("ResourceExhaustedError", "MemoryError"):
                raise
            if "No space left on device" in str(error):
                print(f"error: no space left on the disk: {str(error).splitlines()[0]}", file=sys.stderr)
                return USER_ERROR
            rule = "a smaller train_config.batch_size, a smaller input, or fewer classes or filters need less"
            print(f"error: the memory of the machine does not suffice: {rule}", file=sys.stderr)
            return USER_ERROR

    return run


def leave_if_stopped(code: int, argv: Sequence[str] | None) -> None:
    """Ends a process that a signal has stopped, at once; does nothing to any other, or where a caller goes on.

    Whoever sent the signal waits, and may send the one that nobody hears: all is saved, and TensorFlow's own end, which
    takes graphs apart piece by piece, can take half a minute.

    Args:
      code: the exit code.
      argv: what the command was called with; None by the shell.
    """
    if argv is None and code > _SIGNALS:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def set_up_logging() -> None:
    """One line per event of ours on stderr; TensorFlow's and absl's notes below a warning are silenced."""
    root = logging.getLogger()
    if not any(isinstance(handler, logging.StreamHandler) for handler in root.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
        root.addHandler(handler)
    logging.getLogger("efficientdet").setLevel(os.environ.get("EFFICIENTDET_LOG_LEVEL", "INFO").upper())
    # A package that TensorFlow's datasets pull in announces when it will drop the Python that runs it.
    warnings.filterwarnings("ignore", category=FutureWarning, module="google.api_core")
    for chatty in ("tensorflow", "absl", "h5py"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


def boolean(text: str) -> bool:
    """Reads a flag's value as absl does: true / false, yes / no, t / f, 1 / 0."""
    lowered = text.lower()
    if lowered in ("true", "t", "yes", "y", "1"):
        return True
    if lowered in ("false", "f", "no", "n", "0"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, got {text!r}")


def read_config(
    flags: argparse.Namespace, *purposes: Purpose, overrides: Sequence[str] = (), log_notes: bool = True
) -> PipelineConfig:
    """Loads the config that the flags name, checks that it serves its purposes, and logs what is done differently.

    Args:
      flags: with the arguments of `add_config_arguments`.
      purposes: "train", "eval", "export"; a config without evaluation data need not serve "eval" beside "train".
      overrides: laid over the file after the user's own.
      log_notes: whether to log what is done differently from what the config says.

    Raises:
      ConfigError: see `config.load_config` and `config.validate`.
    """
    config = load_config(flags.pipeline_config_path, [*flags.override, *overrides])
    for purpose in purposes:
        if purpose != "eval" or "train" not in purposes or config.proto.eval_input_reader:
            validate(config, for_=purpose)
    for note in config.notes if log_notes else ():
        _logger.info("%s", note)
    return config


def reader_override(reader: str, *, label_map: Path, record: Path) -> str:
    """The override text that points a reader ("train_input_reader", "eval_input_reader") at its files."""
    names, path = json.dumps(str(label_map)), json.dumps(str(record))
    return f"{reader} {{ label_map_path: {names} tf_record_input_reader {{ input_path: {path} }} }}"


def positive_int(text: str) -> int:
    """Reads a whole number above 0, as a flag's type."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text}")
    return value


def add_config_arguments(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Adds `--pipeline_config_path` and `--override`."""
    parser.add_argument(
        "--pipeline_config_path", required=required, metavar="FILE", help="pipeline config, protobuf text format"
    )
    add_override_argument(parser)


def add_override_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--override`."""
    parser.add_argument(
        "--override",
        action="append",
        default=[],
        metavar="TEXT",
        help="config text merged over the file, for instance 'train_config { batch_size: 8 }'; may be repeated",
    )


def image_progress(is_terminal: bool) -> Callable[[int, int], None]:
    """A function (done, total) that shows progress on stderr: one live line on a terminal, else a line now and then."""
    started = last = time.monotonic()

    is_over = False

    def show(done: int, total: int) -> None:
        nonlocal last, is_over
        if is_over:  # several workers may report the end
            return
        is_over = done == total
        now = time.monotonic()
        if done < total and now - last < (0.1 if is_terminal else _SECONDS_BETWEEN_LINES):
            return
        last = now
        line = f"{done}/{total} images, {done / max(now - started, 1e-3):.0f} per second"
        end = "\n" if done == total or not is_terminal else ""
        print(f"\r{line}" if is_terminal else line, end=end, file=sys.stderr, flush=True)

    return show
