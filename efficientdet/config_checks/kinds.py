# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a rule over several fields says, and the forms of such rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import Message

from efficientdet import field_paths

Breach = tuple[str, str]
"""(path of the field below the message, rule), as they follow each other in an error."""

OrderedFields = dict[type[Message], list[tuple[str, str]]]
"""Message -> pairs of its fields of which the first must be at most the second."""

RuleTable = tuple[tuple[type[Message], Callable[[Any], Iterator[Breach]]], ...]
"""(message, what is to be said of one) in the order in which it is said."""


def apply_rules(root: Message, table: RuleTable) -> Iterator[Breach]:
    """Yields what `table` says of `root` and of every message in it; the paths start at `root`."""
    for path, message in field_paths.messages(root):
        for kind, rule in table:
            if isinstance(message, kind):
                yield from ((field_paths.join(path, name), text) for name, text in rule(message))
