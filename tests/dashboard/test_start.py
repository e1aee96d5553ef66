"""Starting the dashboard's server."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from perennial.errors import PortInUse
from perennial.operations.dashboard import address, start
from perennial.processes import alive, free_port
from perennial.settings import Settings

PARENT = """
import sys, time
from perennial.operations.dashboard import start
from perennial.settings import Settings
process = start(Settings.load(), port=int(sys.argv[1]))
print(process.pid, flush=True)
time.sleep(600)
"""


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortInUse, match=r"PERENNIAL_DASHBOARD_PORT"):
            start(Settings(home=tmp_path), port=other.getsockname()[1])


def test_it_answers_on_loopback_and_ends_with_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_HOME", str(tmp_path))
    port = free_port()
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(port)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert "text/html" in httpx.get(address(Settings(), port)).headers["content-type"]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def test_it_starts_while_the_store_is_away(tmp_path: Path) -> None:
    port, nobody = free_port(), f"http://127.0.0.1:{free_port()}"
    place = {"PERENNIAL_HOME": str(tmp_path), "PERENNIAL_DASHBOARD_PORT": str(port)}
    away = {"PERENNIAL_STORE": "s3://perennial/store", "AWS_ENDPOINT_URL": nobody}
    keys = {"AWS_ACCESS_KEY_ID": "pipeline", "AWS_SECRET_ACCESS_KEY": "password"}
    environment = {**os.environ, **place, **away, **keys}
    board = subprocess.Popen([sys.executable, "-m", "perennial", "dashboard"], cwd=tmp_path, env=environment)
    try:
        deadline, answer = time.monotonic() + 60, ""
        while not answer and board.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx.ConnectError):
                answer = httpx.get(f"http://127.0.0.1:{port}/_stcore/health").text
            time.sleep(0.1)
        assert answer == "ok"
    finally:
        board.terminate()
        assert board.wait(20) == 0
