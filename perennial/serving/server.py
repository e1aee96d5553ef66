"""Serving an endpoint: one process with KServe's REST and gRPC servers, until it is told to end."""

import asyncio
import logging
import os
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any

from perennial.catalog.objects import Objects
from perennial.errors import PortInUse
from perennial.serving.address import Address, clear_address, write_address
from perennial.serving.endpoint import Endpoint
from perennial.settings import Settings

POLL_S = 0.25
GRACE_S = 5
Ready = Callable[[Address], None]


def serve(
    endpoint: str,
    settings: Settings,
    *,
    canary_alone: bool = False,
    empty: bool = False,
    announce: bool = True,
    ready: Ready = lambda _: None,
) -> None:
    """Answer inference calls until SIGTERM or Ctrl-C; requests in flight are finished.

    Args:
        endpoint: name of the endpoint.
        settings: addresses, store and threads.
        canary_alone: serve where nothing but a canary is released, as the deployer does to prove a first release.
        empty: start where nothing is released yet, and serve the first release when it comes.
        announce: write the address down for the deployer on this machine.
        ready: called once the server answers.

    Raises:
        PortInUse: another process listens on one of the ports.
        NothingReleased: there is no release yet.
        ModelError, BackboneError: the release or its backbone is damaged.
        StoreError: the store can't be read.
    """
    with _bound(settings.host, settings.http_port, "http_port") as listener:
        with _bound(settings.host, settings.grpc_port, "grpc_port"):
            pass  # gRPC binds by itself, later
        served = Endpoint(Objects.open(settings.store_url), endpoint, settings.inference_threads)
        served.start(canary_alone=canary_alone, empty=empty)
        protocol, rpc = _kserve()
        address = Address(
            url=f"http://{settings.host}:{settings.http_port}", grpc=f"{settings.host}:{settings.grpc_port}", pid=os.getpid()
        )

        def started() -> None:
            if announce:
                write_address(settings, endpoint, address)
            ready(address)

        with _own_signals(), ThreadPoolExecutor(settings.inference_threads, "inference") as executor:
            try:
                asyncio.run(_serve(protocol, rpc, served, settings, listener, executor, started))
            finally:
                clear_address(settings, endpoint)


async def _serve(
    protocol: Any,
    rpc: Any,
    served: Endpoint,
    settings: Settings,
    listener: socket.socket,
    executor: ThreadPoolExecutor,
    ready: Callable[[], None],
) -> None:
    models = protocol.Models(served, executor)
    rest = protocol.Rest(served, models, settings.host, settings.http_port, GRACE_S)
    rest.create_application()
    grpc = await rpc.start_grpc(models, settings.host, settings.grpc_port)
    serving = asyncio.create_task(rest.uvicorn.serve(sockets=[listener]))
    polling = asyncio.create_task(_poll(served))
    while not (rest.uvicorn.started or serving.done()):
        await asyncio.sleep(0.01)
    ready()
    await serving
    polling.cancel()
    await grpc.stop(grace=GRACE_S)


async def _poll(served: Endpoint) -> None:
    while True:
        await asyncio.sleep(POLL_S)
        await asyncio.to_thread(served.reconcile)


@contextmanager
def _bound(host: str, port: int, setting: str) -> Iterator[socket.socket]:
    """Hold a port, so that nothing is loaded for a server that can't listen."""
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts; without, each answer waits 40 ms for an ACK.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise PortInUse(
                f"Can't listen on {host}:{port}: {(error.strerror or str(error)).lower()}. "
                f"End what listens there, or set PERENNIAL_{setting.upper()} to a free port."
            ) from None
        yield listener


@contextmanager
def _own_signals() -> Iterator[None]:
    """Let uvicorn alone react to SIGTERM and Ctrl-C: it raises them again when it is done, which would end us too early."""

    def ignore(signum: int, frame: FrameType | None) -> None:
        del signum, frame

    before = {number: signal.signal(number, ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _kserve() -> tuple[ModuleType, ModuleType]:
    """Import KServe without letting it read our command line, and without a line of log for each request."""
    warnings.filterwarnings("ignore", "ORJSONResponse is deprecated")  # KServe's own choice
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        from perennial.serving import protocol, rpc
    finally:
        sys.argv = arguments
    for name in ("kserve", "kserve.trace", "uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return protocol, rpc
