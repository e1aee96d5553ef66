"""At SIGTERM: nothing new is taken, what is in flight is answered over REST and gRPC, and all of it is in the journal."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from grpc.aio import AioRpcError  # type: ignore[import-untyped]

from perennial.serving.client import report
from tests.small_world import World, picture, template, waited

SLOW_S = 1.5
SERVER = f"""
import os, time
from perennial.backbones.engines import OpenVinoEngine
from perennial.serving.server import serve
from perennial.settings import Settings

run = OpenVinoEngine.run

def slow(engine, images):
    time.sleep({SLOW_S} if ready else 0)
    return run(engine, images)

ready = []
OpenVinoEngine.run = slow
serve("colours", Settings.load(), release=os.environ["RELEASE"] or None, ready=ready.append)
"""
RED = picture("red", 1)


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    return template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


def over_rest(world: World) -> str:
    url = f"http://127.0.0.1:{world.settings.http_port}/v1/models/colours:predict"
    response = httpx.post(url, content=RED, headers={"content-type": "image/jpeg"}, timeout=30)
    return str(response.json()["predictions"][0]["class"])


def over_grpc(world: World) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kserve import InferenceGRPCClient, InferInput, InferRequest

    async def ask() -> Any:
        tensor = InferInput("image", [1], "BYTES")
        tensor.set_data_from_numpy(np.array([RED], dtype=np.object_))
        async with InferenceGRPCClient(f"127.0.0.1:{world.settings.grpc_port}", retries=0, timeout=30) as client:
            return await client.infer(InferRequest("colours", [tensor]))

    (answer,) = (output for output in asyncio.run(ask()).outputs if output.name == "answer")
    return str(json.loads(answer.as_numpy()[0])["class"])


@pytest.mark.parametrize("pinned", [True, False])
def test_what_is_in_flight_is_answered_and_noted_and_nothing_new_is_taken(world: World, pinned: bool) -> None:
    settings, release = world.settings, world.release(1)
    world.write_record(stable=release)
    url = f"http://127.0.0.1:{settings.http_port}"
    environment = {f"PERENNIAL_{key}": str(getattr(settings, key.lower())) for key in ("HOME", "HTTP_PORT", "GRPC_PORT")}
    environment["RELEASE"] = release if pinned else ""
    with subprocess.Popen([sys.executable, "-c", SERVER], env={**os.environ, **environment}) as process:
        try:
            waited(lambda: report(url), lambda facts: facts is not None, 90)
            with ThreadPoolExecutor(2) as clients:
                asked = [clients.submit(over_rest, world), clients.submit(over_grpc, world)]
                waited(lambda: report(url), lambda facts: bool(facts and facts["waiting"] == 2))
                process.send_signal(signal.SIGTERM)
                waited(lambda: refused(url), lambda gone: gone)
                taken = answered_until_refused(world)
                assert [each.result() for each in asked] == ["red", "red"]
            assert process.wait(20) == 0
        finally:
            process.kill()
    segments = [
        line for path in (settings.home / "store/segments/colours").rglob("*.jsonl*") for line in path.read_bytes().splitlines()
    ]
    assert sum(b'"prediction_id"' in line for line in segments) == 2 + taken


def answered_until_refused(world: World) -> int:
    """Ask over gRPC until that is refused too, and return how many were answered before."""
    answered = 0
    while True:
        try:
            over_grpc(world)
        except AioRpcError as error:
            assert error.code().name == "UNAVAILABLE"
            return answered
        answered += 1


def refused(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2/health/ready").status_code == 503
    except httpx.TransportError:
        return True


def test_a_server_that_loads_ends_at_once(world: World) -> None:
    source = """
import time
from perennial.serving import server
from perennial.serving.endpoint import Endpoint
from perennial.settings import Settings

def start(*_, **__):
    print("loading", flush=True)
    time.sleep(60)

Endpoint.start = start
server.serve("colours", Settings.load(), empty=True)
"""
    settings = world.settings
    environment = {f"PERENNIAL_{key}": str(getattr(settings, key.lower())) for key in ("HOME", "HTTP_PORT", "GRPC_PORT")}
    with subprocess.Popen(
        [sys.executable, "-c", source], env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"loading\n"
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
        assert process.stderr is not None
        assert process.stderr.read() == b""
