# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet data-service`: prepares the batches of trainings that run elsewhere, on this machine's cores."""

from __future__ import annotations

import argparse
import logging
import socket
import threading
from collections.abc import Sequence

from efficientdet.cli.terminal import command, positive_int
from efficientdet.errors import UsageError

_logger = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--port", type=int, default=5050, metavar="P", help="of the first service (default: 5050)")
    parser.add_argument(
        "--workers",
        type=positive_int,
        default=1,
        metavar="N",
        help="services, on neighbouring ports, that take turns; one uses all cores, more hand batches out side by side "
        "(default: 1)",
    )
    parser.add_argument(
        "--host", default="localhost", metavar="NAME", help="of this machine, as trainers reach it (default: localhost)"
    )
    return parser


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Serves until it is stopped. Returns the exit code."""
    flags = build_parser().parse_args(argv)
    from efficientdet.training.distribution import settle_for_cpu

    settle_for_cpu()  # as a training on a CPU does
    services = [Service(flags.host, flags.port + number if flags.port else 0) for number in range(flags.workers)]
    addresses = ",".join(service.address for service in services)
    _logger.info("preparing batches for trainings whose train_input_reader says")
    print(f'data_service_address: "{addresses}"', flush=True)
    threading.Event().wait()  # until a signal ends the process
    return 0


class Service:
    """A tf.data service with one worker, in threads of this process.

    Args:
      host: name under which trainers reach this machine.
      port: to listen at; 0 takes a free one.

    Raises:
      UsageError: the port is taken.
    """

    def __init__(self, host: str, port: int) -> None:
        from tensorflow.data.experimental import service

        _require_free(port)
        self._dispatcher = service.DispatchServer(service.DispatcherConfig(port=port))
        self.port = int(self._dispatcher.target.rsplit(":", 1)[1])
        place = f"localhost:{self.port}"
        self._worker = service.WorkerServer(
            service.WorkerConfig(dispatcher_address=place, worker_address=f"{host}:%port%")
        )
        self.address = f"grpc://{host}:{self.port}"

    def stop(self) -> None:
        """Ends it; trainers wait until there is one at the address again."""
        self._worker._stop()
        self._dispatcher._stop()


def _require_free(port: int) -> None:
    """Raises a UsageError where a port is taken: TensorFlow would share it with whoever has it."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else one that was just left counts as taken
            probe.bind(("", port))
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen at port {port}: {getattr(error, 'strerror', None) or error}") from None
