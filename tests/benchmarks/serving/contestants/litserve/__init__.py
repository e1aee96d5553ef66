"""LitServe: a LitAPI with batches of up to 8."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.serving.contestant import TORCH, Contestant, Request


class LitServe(Contestant):
    """A picture as an uploaded file."""

    name = "LitServe"
    needs = f"litserve python-multipart {TORCH}"

    def command(self, python: Path, port: int) -> Sequence[str]:
        """Run the script that makes the server."""
        return [str(python), "service.py", str(port)]

    def request(self, jpeg: bytes) -> Request:
        """Upload the picture."""
        return Request.of_file("/predict", "request", jpeg)

    def answer(self, body: Any) -> tuple[str, float]:
        """Read the encoded response."""
        return body["class"], body["probability"]
