"""One's own pictures: from a folder to an endpoint, then more pictures, then a class more."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw

COLOURS = {"brick": (170, 60, 40), "glass": (90, 150, 190), "stone": (150, 145, 130)}


def draw(folder: Path, material: str, numbers: range) -> None:
    """Draw walls of one material, each a little different."""
    target = folder / material
    target.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        rng = random.Random(f"{material}/{number}")
        base = tuple(channel + rng.randint(-25, 25) for channel in COLOURS[material])
        picture = Image.new("RGB", (120, 96), base)
        pen = ImageDraw.Draw(picture)
        step = {"brick": 10, "glass": 30, "stone": 18}[material] + rng.randint(0, 3)
        for y in range(0, 96, step):
            pen.line([(0, y), (120, y)], fill=tuple(channel - 40 for channel in base), width=2)
            for x in range((y // step % 2) * step // 2, 120, step * (1 if material != "brick" else 2)):
                pen.line([(x, y), (x, y + step)], fill=tuple(channel - 40 for channel in base), width=2)
        picture.save(target / f"{number:03}.png")


class Bench:
    """A folder to work in, and the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ports = [_free_port() for _ in range(2)]
        self.environment = {**os.environ, "PERENNIAL_HTTP_PORT": str(ports[0]), "PERENNIAL_GRPC_PORT": str(ports[1])}
        self.url = f"http://127.0.0.1:{ports[0]}"

    def __call__(self, *arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "perennial", *arguments]
        ended = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert ended.returncode == code, ended.stderr[-3000:]
        assert "Traceback" not in ended.stderr
        return ended.stdout if code == 0 else ended.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("own")
    for material in ("brick", "glass"):
        draw(folder / "walls", material, range(120))
    bench = Bench(folder)
    bench("init", "walls", "--from-folder", "walls", "--network", "resnet18", "--weights", "random:0")
    task = folder / "tasks" / "walls.yaml"
    task.write_text(task.read_text().replace("weights: random:0", "weights: random:0\n  resize: 64\n  crop: 64"))
    return bench


@pytest.mark.timeout(600)
def test_from_a_folder_to_an_endpoint_and_on(bench: Bench) -> None:
    assert bench.json("run", "walls")["outcome"] == "promoted"

    (bench.folder / "walls" / "brick" / "broken.jpg").write_bytes(b"\xff\xd8\xff" + b"no picture")
    draw(bench.folder / "walls", "brick", range(120, 180))
    draw(bench.folder / "walls", "glass", range(120, 180))
    second = bench.json("run", "walls")
    assert second["outcome"] in ("promoted", "refused"), second

    draw(bench.folder / "walls", "stone", range(120))
    bench("init", "walls", "--from-folder", "walls")
    assert bench.json("run", "walls")["outcome"] == "promoted"
    assert bench.json("run", "walls")["outcome"] == "nothing new"

    facts = bench.json("report", "walls")
    assert facts["rejected_files"] == 1
    assert [version["aliases"] for version in bench.json("models", "walls")][-1] == ["champion"]
    counted = bench.json("catalog", "sql", "select cls, count(*) as n from labels group by cls order by cls")
    assert counted == [{"cls": "brick", "n": 180}, {"cls": "glass", "n": 180}, {"cls": "stone", "n": 120}]
    _answers(bench)


def _answers(bench: Bench) -> None:
    server = subprocess.Popen([sys.executable, "-m", "perennial", "serve", "walls"], cwd=bench.folder, env=bench.environment)
    try:
        _until(lambda: httpx.get(f"{bench.url}/v2/models/walls/ready").is_success)
        draw(bench.folder / "new", "stone", range(500, 501))
        answer = bench.json("predict", "walls", "new/stone/500.png")["new/stone/500.png"]
        assert answer["class"] == "stone"
        assert {entry["class"] for entry in answer["top"]} == set(COLOURS)
        picture = (bench.folder / "new/stone/500.png").read_bytes()
        raw = httpx.post(f"{bench.url}/v1/models/walls:predict", content=picture, headers={"content-type": "image/jpeg"})
        assert raw.is_success
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    assert "perennial serve walls" in bench("predict", "walls", "new/stone/500.png", code=2)


def _until(ready: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError("the endpoint didn't become ready")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
