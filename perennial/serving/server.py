"""Serving an endpoint: one process with KServe's REST and gRPC servers, until it is told to end."""

import asyncio
import logging
import math
import os
import resource
import signal
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import FrameType, ModuleType
from typing import Any

import uvloop
from threadpoolctl import threadpool_limits

from perennial.catalog.objects import Objects
from perennial.errors import PortInUse
from perennial.serving.address import Address, clear_address, write_address
from perennial.serving.endpoint import Endpoint
from perennial.serving.fetching import Fetched, release_name
from perennial.serving.logs import set_up
from perennial.settings import Settings

POLL_S = 0.25
TICK_S = 0.05
LAST_S = 1
"""How much longer than a request's time ending takes at most, so that late ones get their answer too."""

MOST_FILES = 65_536
Ready = Callable[[Address], None]


def serve(
    endpoint: str,
    settings: Settings,
    *,
    canary_alone: bool = False,
    empty: bool = False,
    announce: bool = True,
    release: str | None = None,
    ready: Ready = lambda _: None,
) -> None:
    """Answer inference calls until SIGTERM or Ctrl-C; requests in flight are finished, and then what is noted is written.

    Args:
        endpoint: name of the endpoint.
        settings: addresses, store, threads and limits.
        canary_alone: serve where nothing but a canary is released, as the deployer does to prove a first release.
        empty: start where nothing is released yet, and serve the first release when it comes.
        announce: write the address down for the deployer on this machine.
        release: serve this one alone, by digest, whatever the endpoint record says; nothing is announced then. Where it was
            fetched before, the store isn't asked for it.
        ready: called once the server answers.

    Raises:
        PortInUse: another process listens on one of the ports.
        EndpointError: ``release`` can't be a release's digest.
        NothingReleased: there is no release yet.
        ModelError, BackboneError: the release or its backbone is damaged.
        StoreError: the store can't be read.
    """
    opened = Fetched if release and release_name(release) else Objects
    with _bound(settings.host, settings.http_port, "http_port") as listener:
        with _bound(settings.host, settings.grpc_port, "grpc_port"):
            pass  # gRPC binds by itself, later
        set_up(log_requests=settings.log_requests)
        _allow_connections()
        with _handled(_leave, signal.SIGTERM):
            objects = opened.open(settings.store_url)
            served = Endpoint(objects, endpoint, settings.inference_threads, release)
            served.check(canary_alone=canary_alone, empty=empty)
            with ThreadPoolExecutor(1, "import") as importing:  # beside reading and compiling, which wait for disk and engine
                imported = importing.submit(_kserve)
                served.start(canary_alone=canary_alone)
                parts = imported.result()
        told: list[int] = []
        address = Address(
            url=f"http://{settings.host}:{settings.http_port}", grpc=f"{settings.host}:{settings.grpc_port}", pid=os.getpid()
        )

        def started() -> None:
            if announce and not release:
                write_address(settings, endpoint, address)
            ready(address)

        def note(number: int, frame: FrameType | None) -> None:
            """Remember a signal: uvicorn handles them while it runs, and raises them again when it is done."""
            del frame
            told.append(number)

        # BLAS threads spin for tens of milliseconds after a product, on the cores that the engine needs for the next picture.
        handled = _handled(note, signal.SIGINT, signal.SIGTERM)
        with handled, threadpool_limits(1, "blas"), ExitStack() as ending:
            ending.callback(clear_address, settings, endpoint)
            assembled = parts.assemble(served, objects, settings, proving=not announce)
            ending.callback(assembled.close)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve(assembled, served, settings, listener, started, told))


async def _serve(
    assembled: Any,
    served: Endpoint,
    settings: Settings,
    listener: socket.socket,
    ready: Callable[[], None],
    told: list[int],
) -> None:
    grace_s = math.ceil(settings.deadline_s) + LAST_S
    grpc = await assembled.start_grpc(settings.host, settings.grpc_port)
    uvicorn = assembled.rest(settings.host, settings.http_port, grace_s).uvicorn
    serving = asyncio.create_task(uvicorn.serve(sockets=[listener]))
    polling = None if served.pinned else asyncio.create_task(_poll(served, assembled.answers.metrics))
    while not (uvicorn.started or serving.done()):
        await asyncio.sleep(0.01)
    ready()
    while not (uvicorn.should_exit or serving.done()):
        if told:
            uvicorn.should_exit = True
        await asyncio.sleep(TICK_S)
    await asyncio.gather(serving, grpc.stop(grace=grace_s))
    if polling is not None:
        polling.cancel()


async def _poll(served: Endpoint, metrics: Any) -> None:
    with ThreadPoolExecutor(1, "reconcile") as pool:  # one thread, since an engine keeps buffers for each that computes
        while True:
            await asyncio.sleep(POLL_S)
            await asyncio.get_running_loop().run_in_executor(pool, served.reconcile)
            metrics.keep(served.ready)


@contextmanager
def _bound(host: str, port: int, setting: str) -> Iterator[socket.socket]:
    """Hold a port, so that nothing is loaded for a server that can't listen."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise PortInUse(
                f"Can't listen on {host}:{port}: {(error.strerror or str(error)).lower()}. "
                f"End what listens there, or set PERENNIAL_{setting.upper()} to a free port."
            ) from None
        yield listener


def _allow_connections() -> None:
    """Let this process have as many connections open as its hard limit allows, up to MOST_FILES."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals) -> Iterator[None]:
    """Have signals handled by this within the block."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _leave(number: int, frame: FrameType | None) -> None:
    """End at once: the first process of a container has no other way to end at SIGTERM."""
    del frame
    sys.exit(128 + number)


def _kserve() -> ModuleType:
    """Import KServe without letting it read our command line, and without a line of log for each request."""
    warnings.filterwarnings("ignore", "ORJSONResponse is deprecated")  # KServe's own choice
    arguments, sys.argv = sys.argv, sys.argv[:1]
    try:
        from perennial.serving import assembled
    finally:
        sys.argv = arguments
    for name in ("kserve", "kserve.trace", "uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return assembled
