"""Starting and ending a server."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from perennial.errors import BackboneError, EndpointError, ModelError, NothingReleased, PortInUse
from perennial.serving.address import read_address
from perennial.serving.client import predict, report
from perennial.serving.server import serve
from tests.small_world import World, picture, server, settings_in, template, waited

LIGHT = """
import json, os, signal, sys
from perennial.serving.server import serve
from perennial.settings import Settings

def ready(address):
    print(json.dumps(sorted({"torch", "lance", "mlflow", "sklearn", "kserve"} & set(sys.modules))), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

sys.argv = ["perennial", "serve", "colours", "--http_port", "no number"]
serve("colours", Settings.load(), ready=ready)
print("ended", flush=True)
"""


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    return template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


@pytest.mark.parametrize("setting", ["http_port", "grpc_port"])
def test_a_port_in_use_is_told_before_anything_else(setting: str, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        settings = settings_in(tmp_path).model_copy(update={setting: listener.getsockname()[1]})
        with pytest.raises(PortInUse, match=f"in use.*PERENNIAL_{setting.upper()}"):
            serve("colours", settings)
    assert not (tmp_path / "store").exists()


def test_nothing_released_is_told(tmp_path: Path) -> None:
    with pytest.raises(NothingReleased, match=r"'colours' has no release yet\. Run 'perennial run TASK'"):
        serve("colours", settings_in(tmp_path))


def test_an_endpoint_without_a_release_waits_for_its_first(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = settings_in(tmp_path / "home")
    environment = {f"PERENNIAL_{key}": str(getattr(settings, key.lower())) for key in ("HOME", "HTTP_PORT", "GRPC_PORT")}
    command = [sys.executable, "-m", "perennial", "serve", "--endpoint", "colours"]
    url = f"http://127.0.0.1:{settings.http_port}"
    with subprocess.Popen(command, env={**os.environ, **environment}) as process:
        try:
            facts = waited(lambda: report(url), lambda facts: facts is not None, 60)
            assert facts is not None
            assert (facts["stable"], facts["tasks"]) == (None, [])
            with pytest.raises(EndpointError, match="'colours' has no release yet; it answers once a run has promoted a model"):
                predict(url, "colours", picture("red", 1))
            world = template(tmp_path_factory.getbasetemp())
            shutil.copytree(world.settings.home / "store", tmp_path / "home" / "store", dirs_exist_ok=True)
            World(settings, world.task, world.models).write_record(stable=world.release(0))
            shutil.copytree(world.settings.home / "store", tmp_path / "home" / "store", dirs_exist_ok=True)
            waited(lambda: report(url), lambda facts: bool(facts and facts["stable"]))
            assert predict(url, "colours", picture("red", 1))["class"] == "red"
        finally:
            process.terminate()


@pytest.mark.parametrize("damage", ["truncated", "missing", "newer", "changed"])
def test_a_damaged_release_is_told(world: World, damage: str) -> None:
    release = world.release(1)
    world.write_record(stable=release)
    head, file = (
        world.settings.home / "store/releases/colours" / release / name
        for name in ("heads/colours/head.safetensors", "release.json")
    )
    if damage == "truncated":
        head.write_bytes(head.read_bytes()[:100])
    elif damage == "missing":
        head.unlink()
    elif damage == "newer":
        file.write_text('{"format": 9}')
    else:
        file.write_text(file.read_text().replace('"version":1', '"version":2'))
    expected = "Update Perennial" if damage == "newer" else "Delete that folder in the store and deploy again"
    with pytest.raises(ModelError, match=f"The release releases/colours/{release} .*{expected}"):
        serve("colours", world.settings)


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_release_without_its_backbone_is_told(world: World, damage: str) -> None:
    world.write_record(stable=world.release(1))
    (network,) = (world.settings.home / "store/backbones").glob("*/network.bin")
    if damage == "missing":
        shutil.rmtree(network.parent)
    else:
        network.write_bytes(network.read_bytes()[:1000])
    with pytest.raises(BackboneError, match=rf"The backbone {network.parent.name[:12]} .*[Rr]un again"):
        serve("colours", world.settings)


def test_a_server_imports_little_and_ends_at_sigterm(world: World) -> None:
    world.write_record(stable=world.release(1))
    settings = world.settings
    environment = {
        "PERENNIAL_HOME": str(settings.home),
        "PERENNIAL_HTTP_PORT": str(settings.http_port),
        "PERENNIAL_GRPC_PORT": str(settings.grpc_port),
        "PATH": "",
    }
    done = subprocess.run([sys.executable, "-c", LIGHT], env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.splitlines() == ['["kserve"]', "ended"]
    assert done.stderr == ""
    assert read_address(settings, "colours") is None


def test_requests_in_flight_are_finished_at_ctrl_c(world: World) -> None:
    world.write_record(stable=world.release(1))
    with server(world) as address:
        jpeg = picture("red", 1)
        with socket.create_connection((world.settings.host, world.settings.http_port)) as connection:
            head = (
                f"POST /v1/models/colours:predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(jpeg)}\r\n\r\n"
            )
            connection.sendall(head.encode() + jpeg[:100])
            httpx.get(f"{address.url}/v1/endpoint")
            os.kill(address.pid, signal.SIGINT)
            time.sleep(0.3)
            connection.sendall(jpeg[100:])
            assert connection.recv(20).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        while read_address(world.settings, "colours") is not None:
            assert time.monotonic() - began < 10
            time.sleep(0.05)
