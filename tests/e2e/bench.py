"""A folder to work in as a user would, with pictures to learn and the command line."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw

from perennial.processes import free_port

COLOURS = {"brick": (170, 60, 40), "glass": (90, 150, 190), "stone": (150, 145, 130)}
TILES = {"brick": (20, 10), "glass": (30, 30), "stone": (18, 18)}


def draw(folder: Path, material: str, numbers: range) -> None:
    """Draw walls of one material, each a little different, into its subfolder."""
    (folder / material).mkdir(parents=True, exist_ok=True)
    for number in numbers:
        rng = random.Random(f"{material}/{number}")
        base = tuple(channel + rng.randint(-25, 25) for channel in COLOURS[material])
        joint = tuple(channel - 40 for channel in base)
        picture = Image.new("RGB", (120, 96), base)
        pen = ImageDraw.Draw(picture)
        wide, high = (size + rng.randint(0, 3) for size in TILES[material])
        for row, y in enumerate(range(-rng.randint(0, high), 96, high)):
            pen.line([(0, y), (120, y)], fill=joint, width=2)
            for x in range(row % 2 * wide // 2 - rng.randint(0, wide), 120, wide):
                pen.line([(x, y), (x, y + high)], fill=joint, width=2)
        picture.save(folder / material / f"{number:03}.png")


class Bench:
    """The command line in a folder, with ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: str(free_port()) for name in ("http_port", "grpc_port", "dashboard_port")}
        bin_folder = str(Path(sys.executable).parent)
        variables = {f"PERENNIAL_{name.upper()}": port for name, port in self.ports.items()}
        self.environment = {**os.environ, **variables, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
        self.url = f"http://127.0.0.1:{self.ports['http_port']}"

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run the command; return standard output, or the error where one is expected."""
        command = [sys.executable, "-m", "perennial", *arguments]
        ended = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert ended.returncode == code, ended.stderr[-3000:]
        assert "Traceback" not in ended.stderr
        return ended.stdout if code == 0 else ended.stderr

    def json(self, *arguments: str) -> Any:
        """Run the command and read the facts that it prints."""
        return json.loads(self(*arguments, "--json"))

    def promotes(self, task: str) -> None:
        """Run a task; its model has to be promoted."""
        ended = self.json("run", task)
        assert ended["outcome"] == "promoted", ended

    def small_backbone(self, task: str) -> None:
        """Exchange the task's pretrained network for a small random one: there is nothing to download it from."""
        path = self.folder / "tasks" / f"{task}.yaml"
        small = "backbone: {network: resnet18, weights: 'random:0', resize: 64, crop: 64}\n"
        kept = path.read_text().split("backbone:")[0]
        path.write_text(kept + small)

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        """Start a command that goes on."""
        with (self.folder / "background.log").open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)

    def ready(self, url: str, seconds: float = 240) -> None:
        """Wait until an address answers."""
        until(lambda: httpx.get(url).is_success, seconds)


def until(happens: Callable[[], bool], seconds: float) -> None:
    """Wait until something happens; refused connections don't count."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if happens():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"it didn't happen within {seconds} s")
