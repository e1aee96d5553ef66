"""Containers of this checkout's images, as narrow as compose.yaml and the manifests make them, and without a network."""

import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.images import NAMES, ON_REQUEST, tag

BUILT = [name for name in NAMES if name not in ON_REQUEST]
HOME = "/home/perennial"
NARROW = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp")  # noqa: S108


def docker(*arguments: str) -> str:
    """Run docker and return what it prints."""
    ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"docker {' '.join(arguments)}: {ended.stdout[-2000:]}{ended.stderr[-3000:]}"
    return ended.stdout


def image(name: str) -> str:
    """Return the image of this checkout's content, as ``make images`` names it."""
    return f"{os.environ.get('IMAGES', '')}perennial-{name}:{tag(name)}"


def missing(names: Sequence[str]) -> str:
    """Return why these images can't be tested here; "" where they can."""
    if not shutil.which("docker"):
        return "There is no docker command here. Install it, or put it on PATH."
    for name in names:
        if subprocess.run(["docker", "image", "inspect", image(name)], capture_output=True, check=False).returncode:
            return f"docker here has no {image(name)}. Run 'make images' first, with the same IMAGES."
    return ""


def described(name: str) -> dict[str, Any]:
    """Return an image's configuration."""
    content: dict[str, Any] = json.loads(docker("image", "inspect", image(name)))[0]["Config"]
    return content


class Containers:
    """Containers that share a volume, and go when the test ends."""

    def __init__(self) -> None:
        self.volume = f"perennial-test-{uuid.uuid4().hex[:12]}"
        docker("volume", "create", self.volume)
        self._started: list[str] = []

    def once(self, name: str, *command: str, given: Path | None = None, beside: str = "") -> str:
        """Run a command to its end, which may read the folder ``given``, and return what it prints."""
        return docker("run", "--rm", *self._options(given, beside), image(name), *command)

    def start(self, name: str, *command: str, keeps: str = HOME, beside: str = "", **variables: str) -> str:
        """Start what goes on and keeps the shared volume in a folder; return its id once its healthcheck says that it is well."""
        given = [part for key, value in variables.items() for part in ("--env", f"{key}={value}")]
        options = self._options(None, beside, keeps)
        id = docker("run", "--detach", *options, *given, image(name), *command).strip()
        self._started.append(id)
        deadline = time.monotonic() + 300
        while (health := self._health(id)) != "healthy":
            assert health == "starting", f"{name} is {health}: {self.logs(id)[-3000:]}"
            assert time.monotonic() < deadline, f"{name} isn't healthy after five minutes: {self.logs(id)[-3000:]}"
            time.sleep(1)
        return id

    def logs(self, id: str) -> str:
        """Return what a container has printed."""
        ended = subprocess.run(["docker", "logs", id], capture_output=True, text=True, check=False)
        return ended.stdout + ended.stderr

    def close(self) -> None:
        """Remove all that was made."""
        for id in reversed(self._started):
            docker("rm", "--force", "--volumes", id)
        docker("volume", "rm", self.volume)

    def _options(self, given: Path | None, beside: str, keeps: str = HOME) -> list[str]:
        options = [*NARROW, "--network", f"container:{beside}" if beside else "none"]
        options += ["--volume", f"{self.volume}:{keeps}"] if keeps else []
        options += ["--tmpfs", f"{HOME}:uid=10001,gid=10001,mode=700"] if keeps != HOME else []
        return [*options, *(["--volume", f"{given}:/given:ro", "--env", "PERENNIAL_TASKS=/given/tasks"] if given else [])]

    def _health(self, id: str) -> str:
        state = json.loads(docker("inspect", id))[0]["State"]
        return str(state["Health"]["Status"]) if state["Running"] else "gone"
