"""At SIGTERM: nothing new is taken, what is in flight is answered over REST and gRPC, and all of it is in the journal."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from perennial.serving.client import report
from tests.small_world import World, picture, template, waited

SERVER = """
import os, pathlib, time
from perennial.backbones.engines import OpenVinoEngine
from perennial.serving.server import serve
from perennial.settings import Settings

run = OpenVinoEngine.run

def held(engine, images):
    while ready and not pathlib.Path(os.environ["GO"]).exists():
        time.sleep(0.02)
    return run(engine, images)

ready = []
OpenVinoEngine.run = held
serve("colours", Settings.load(), release=os.environ["RELEASE"] or None, ready=ready.append)
"""
RED = picture("red", 1)


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    return template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


def over_rest(world: World) -> str:
    url = f"http://127.0.0.1:{world.settings.http_port}/v1/models/colours:predict"
    response = httpx.post(url, content=RED, headers={"content-type": "image/jpeg"}, timeout=120)
    return str(response.json()["predictions"][0]["class"])


def over_grpc(world: World) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kserve import InferenceGRPCClient, InferInput, InferRequest

    async def ask() -> Any:
        tensor = InferInput("image", [1], "BYTES")
        tensor.set_data_from_numpy(np.array([RED], dtype=np.object_))
        async with InferenceGRPCClient(f"127.0.0.1:{world.settings.grpc_port}", retries=0, timeout=120) as client:
            return await client.infer(InferRequest("colours", [tensor]))

    (answer,) = (output for output in asyncio.run(ask()).outputs if output.name == "answer")
    return str(json.loads(answer.as_numpy()[0])["class"])


@pytest.mark.parametrize("pinned", [True, False])
def test_what_is_in_flight_is_answered_and_noted_and_nothing_new_is_taken(world: World, pinned: bool, tmp_path: Path) -> None:
    settings, release, go = world.settings, world.release(1), tmp_path / "go"
    world.write_record(stable=release)
    url = f"http://127.0.0.1:{settings.http_port}"
    environment = {**as_environment(world), "GO": str(go), "RELEASE": release if pinned else "", "PERENNIAL_DEADLINE_S": "120"}
    with subprocess.Popen([sys.executable, "-c", SERVER], env={**os.environ, **environment}) as process:
        try:
            waited(lambda: report(url), lambda facts: facts is not None, 120)
            with ThreadPoolExecutor(2) as clients:
                asked = [clients.submit(over_rest, world), clients.submit(over_grpc, world)]
                waited(lambda: report(url), lambda facts: bool(facts and facts["waiting"] == 2), 120)
                process.send_signal(signal.SIGTERM)
                for port in (settings.http_port, settings.grpc_port):
                    waited(lambda port=port: refused(port), bool)  # type: ignore[misc]
                assert not any(each.done() for each in asked)
                go.touch()
                assert [each.result() for each in asked] == ["red", "red"]
            assert process.wait(60) == 0
        finally:
            process.kill()
    segments = [path.read_bytes() for path in (settings.home / "store/segments/colours").rglob("*.jsonl*")]
    assert sum(segment.count(b'"prediction_id"') for segment in segments) == 2


def as_environment(world: World) -> dict[str, str]:
    return {f"PERENNIAL_{key}": str(getattr(world.settings, key.lower())) for key in ("HOME", "HTTP_PORT", "GRPC_PORT")}


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


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
    with subprocess.Popen(
        [sys.executable, "-c", source],
        env={**os.environ, **as_environment(world)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"loading\n"
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
        assert process.stderr is not None
        assert process.stderr.read() == b""
