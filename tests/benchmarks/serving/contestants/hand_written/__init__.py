"""The usual hand-written path: PIL, torchvision's transforms, eager torch and FastAPI."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.serving.contestant import TORCH, Contestant, Request


class HandWritten(Contestant):
    """A picture as an uploaded file."""

    name = "hand-written"
    needs = f"fastapi uvicorn[standard] python-multipart {TORCH}"

    def command(self, python: Path, port: int) -> Sequence[str]:
        """Start uvicorn as FastAPI's documentation does."""
        return [str(python), "-m", "uvicorn", "service:app", "--host", "127.0.0.1", "--port", str(port)]

    def request(self, jpeg: bytes) -> Request:
        """Upload the picture."""
        return Request.of_file("/predict", "file", jpeg)

    def answer(self, body: Any) -> tuple[str, float]:
        """Read the endpoint's dictionary."""
        return body["class"], body["probability"]
