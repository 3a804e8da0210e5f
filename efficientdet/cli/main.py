# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The console command `efficientdet`: one sub-command per script."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

import efficientdet


class _Command(NamedTuple):
    module: str
    summary: str


_COMMANDS = {
    "train": _Command("train", "train and evaluate from a pipeline config, or evaluate a run's checkpoints"),
    "doctor": _Command("doctor", "look for what will ruin a run: in its data, its recipe, on the machine"),
    "export": _Command("export", "write a checkpoint as a SavedModel"),
    "infer": _Command("infer", "run a SavedModel or a checkpoint on pictures"),
    "convert-checkpoint": _Command("convert_checkpoint", "turn published weights into a checkpoint and its config"),
    "import": _Command("import_dataset", "turn a data set of any common format into records, a config and a report"),
    "create-tfrecord": _Command("create_tfrecord", "convert Pascal VOC or COCO annotations into TFRecords"),
    "config": _Command("config", "explain what becomes of each field of a config, or of every field there is"),
    "show-config": _Command("show_config", "check a pipeline config and print it resolved"),
    "show-augmentation": _Command("show_augmentation", "draw training pictures before and after augmentation"),
    "data-stats": _Command("data_stats", "measure mean and standard deviation of the training pictures"),
    "lr-find": _Command("lr_find", "find the learning rate that a config can take"),
    "tune": _Command("tune", "compare settings of a config in short runs"),
    "fit": _Command("fit", "find the largest batch that fits into memory"),
    "record": _Command("record", "check the record that a run keeps of itself, or compare two"),
    "data-service": _Command("data_service", "prepare batches for trainings that run elsewhere"),
    "quickstart": _Command("quickstart", "draw a small data set and do the whole job on it"),
    "bench": _Command("bench", "measure steps, start, inference, input, memory; take an input apart"),
}


def _usage() -> str:
    width = max(map(len, _COMMANDS)) + 2
    rows = "\n".join(f"  {name:<{width}}{entry.summary}" for name, entry in _COMMANDS.items())
    return (
        f"usage: efficientdet COMMAND [FLAG ...]\n\ncommands:\n{rows}\n\nefficientdet COMMAND --help lists its flags."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one sub-command.

    Args:
      argv: the words after the program's name; `sys.argv` when None.

    Returns:
      The exit code: 0, or 2 for a mistake of the user's.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        print(_usage())
        return 0 if words else 2
    if words[0] == "--version":
        print(f"efficientdet {efficientdet.__version__}")
        return 0
    entry = _COMMANDS.get(words[0])
    if entry is None:
        print(f"error: unknown command {words[0]!r}\n\n{_usage()}", file=sys.stderr)
        return 2
    sys.argv[0] = f"efficientdet {words[0]}"  # what argparse calls the program in its usage line
    module = importlib.import_module(f"efficientdet.cli.{entry.module}")
    from efficientdet.cli.terminal import leave_if_stopped  # with it comes the config, which --help does without

    try:
        code = int(module.main(words[1:]))
    except SystemExit as end:  # a signal, or a mistake on the command line
        if isinstance(end.code, int):
            leave_if_stopped(end.code, argv)
        raise
    leave_if_stopped(code, argv)
    return code


if __name__ == "__main__":
    sys.exit(main())
