"""What a contestant is: an environment, a command, a request and how its answer is read."""

import base64
import json
import os
import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tests.benchmarks.serving.places import CACHE, HERE, LOCK, python_of
from tests.benchmarks.serving.servers import Server
from tests.benchmarks.serving.world import Asked

TORCH = "torch torchvision pillow safetensors"


@dataclass(frozen=True)
class Request:
    """One POST."""

    path: str
    body: bytes
    headers: dict[str, str]

    @classmethod
    def of_json(cls, path: str, document: Any) -> "Request":
        """Return a request with a body of JSON."""
        return cls(path, json.dumps(document).encode(), {"content-type": "application/json"})

    @classmethod
    def of_file(cls, path: str, field: str, jpeg: bytes) -> "Request":
        """Return a form with one file, as a browser or curl sends it."""
        edge = uuid.uuid5(uuid.NAMESPACE_URL, field).hex
        about = f'content-disposition: form-data; name="{field}"; filename="picture.jpg"\r\ncontent-type: image/jpeg'
        head = f"--{edge}\r\n{about}\r\n\r\n"
        body = head.encode() + jpeg + f"\r\n--{edge}--\r\n".encode()
        return cls(path, body, {"content-type": f"multipart/form-data; boundary={edge}"})


class Contestant(ABC):
    """One way of serving the network."""

    name: str
    precision: str = "fp32"
    needs: ClassVar[str]
    """Packages that its environment gets; ``requirements.txt`` in its folder has their versions."""
    right: Sequence[Asked] = ()
    """What it answers offline, where that differs from the default: a precision is a network of its own."""

    def __init__(self, network: Path, threads: int) -> None:
        """Take the folder of ``network.json`` and ``network.safetensors``, and the threads to compute with."""
        self.network = network
        self.threads = threads

    @property
    def home(self) -> Path:
        """The folder that holds its service."""
        return HERE / "contestants" / self.module

    @property
    def server(self) -> str:
        """The name of the server that it asks."""
        return self.name

    @property
    def module(self) -> str:
        """The name of its folder."""
        return type(self).__module__.rpartition(".")[2]

    def install(self) -> Path:
        """Return the interpreter of its environment, made if it isn't there yet."""
        return python_of(self.module, self.home / LOCK)

    @abstractmethod
    def command(self, python: Path, port: int) -> Sequence[str]:
        """Return what starts it on a port of the loopback address."""

    @abstractmethod
    def request(self, jpeg: bytes) -> Request:
        """Return the request that asks for one picture's class."""

    @abstractmethod
    def answer(self, body: Any) -> tuple[str, float]:
        """Return the class and its probability from an answer's JSON."""

    def environment(self, python: Path) -> dict[str, str]:
        """Return the variables that its processes get."""
        threads = str(self.threads)
        return {
            "FOLDER": str(self.network),
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "PYTHONPATH": str(HERE / "usual"),
            "PATH": f"{python.parent}:{os.environ['PATH']}",
        }

    def start(self, port: int, cores: list[int]) -> Server:
        """Start it; what it writes goes into a folder of its own."""
        python = self.install()
        folder = CACHE / "scratch" / self.module
        folder.mkdir(parents=True, exist_ok=True)
        return Server(self.name, self.command(python, port), self.environment(python), self.home, cores)


def base64_of(jpeg: bytes) -> str:
    """Return a picture as JSON carries it."""
    return base64.b64encode(jpeg).decode()
