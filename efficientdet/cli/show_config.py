# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet show-config`: checks a pipeline config and prints it as a run would resolve it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from google.protobuf import text_format

from efficientdet.cli.terminal import add_config_arguments, command
from efficientdet.config import load_config


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Prints the resolved config to stdout and the notes on translated fields to stderr. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="efficientdet show-config", description=__doc__, allow_abbrev=False)
    add_config_arguments(parser)
    flags = parser.parse_args(argv)
    config = load_config(flags.pipeline_config_path, flags.override)
    for note in config.notes:
        print(f"note: {note}", file=sys.stderr)
    print(text_format.MessageToString(config.proto), end="")
    return 0
