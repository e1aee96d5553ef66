"""Perennial's own server, at one engine and precision: the picture is the body."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perennial.processes import free_port
from tests.benchmarks.serving.contestant import Contestant, Request
from tests.benchmarks.serving.places import ROOT


class Perennial(Contestant):
    """``perennial serve`` on an endpoint of the benchmark's world."""

    needs = ""
    title = "Perennial"

    def __init__(self, home: Path, endpoint: str, task: str, threads: int, precision: str = "fp32") -> None:
        """Take the world's home folder, and which of its endpoints and tasks is asked."""
        super().__init__(home, threads)
        self.name = f"{self.title} {endpoint}"
        self.endpoint = endpoint
        self.task = task
        self.precision = precision

    @property
    def home(self) -> Path:
        """The checkout, whose code serves."""
        return ROOT

    @property
    def server(self) -> str:
        """The endpoint, which may be asked in several ways."""
        return self.endpoint

    def install(self) -> Path:
        """Return this interpreter."""
        return Path(sys.executable)

    def command(self, python: Path, port: int) -> Sequence[str]:
        """Serve the endpoint."""
        ports = [f"PERENNIAL_HTTP_PORT={port}", f"PERENNIAL_GRPC_PORT={free_port()}"]
        return ["env", *ports, str(python), "-m", "perennial", "serve", "--endpoint", self.endpoint]

    def environment(self, python: Path) -> dict[str, str]:
        """Name the home folder and the threads; no other setting differs from its default."""
        return {"PERENNIAL_HOME": str(self.network), "PERENNIAL_THREADS": str(self.threads)}

    def request(self, jpeg: bytes) -> Request:
        """Send the picture."""
        return Request(f"/v1/models/{self.task}:predict", jpeg, {"content-type": "image/jpeg"})

    def answer(self, body: Any) -> tuple[str, float]:
        """Read the first prediction."""
        first = body["predictions"][0]
        return first["class"], first["probability"]


class AllTasks(Perennial):
    """The route that answers for all tasks of an endpoint at once."""

    title = "all tasks of"

    def request(self, jpeg: bytes) -> Request:
        """Send the picture."""
        return Request("/v1/endpoint:predict", jpeg, {"content-type": "image/jpeg"})

    def answer(self, body: Any) -> tuple[str, float]:
        """Read the first picture's answer for the task that all endpoints have."""
        first = body["predictions"][0][self.task]
        return first["class"], first["probability"]


class Explained(Perennial):
    """A prediction with its explanation."""

    title = "explained"

    def request(self, jpeg: bytes) -> Request:
        """Send the picture."""
        return Request(f"/v1/models/{self.task}:explain", jpeg, {"content-type": "image/jpeg"})
