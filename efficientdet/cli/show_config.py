# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet show-config`: checks a pipeline config and prints it as a run would resolve it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from efficientdet.cli.terminal import add_config_arguments, command, read_config
from efficientdet.config import format_config


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Prints the resolved config to stdout and the notes on translated fields to stderr. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add_config_arguments(parser)
    flags = parser.parse_args(argv)
    print(format_config(read_config(flags)), end="")
    return 0
