# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The command that prepares batches for others, as a process."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "data_service.py"


@pytest.mark.slow
def test_it_prints_what_a_config_has_to_say_and_serves_until_it_is_stopped() -> None:
    words = [sys.executable, str(_SCRIPT), "--port", "0", "--workers", "2"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name, value = process.stdout.readline().split(": ")
        addresses = value.strip().strip('"').split(",")
        assert (name, len(addresses)) == ("data_service_address", 2)
        for address in addresses:
            socket.create_connection(("localhost", int(address.rsplit(":", 1)[1])), 5).close()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
