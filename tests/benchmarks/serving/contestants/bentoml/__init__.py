"""BentoML: a service with a batchable API, which batches as the traffic asks for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.serving.contestant import TORCH, Contestant, Request
from tests.benchmarks.serving.places import CACHE


class BentoML(Contestant):
    """A picture as an uploaded file."""

    name = "BentoML"
    needs = f"bentoml {TORCH}"

    def command(self, python: Path, port: int) -> Sequence[str]:
        """Serve the service."""
        return [str(python.parent / "bentoml"), "serve", "service:Pictures", "--host", "127.0.0.1", "--port", str(port)]

    def environment(self, python: Path) -> dict[str, str]:
        """Keep its store in the benchmark's folder, and its reports of usage at home."""
        own = {"BENTOML_HOME": str(CACHE / "scratch" / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
        return super().environment(python) | own

    def request(self, jpeg: bytes) -> Request:
        """Upload one picture of what may become a batch."""
        return Request.of_file("/predict", "pictures", jpeg)

    def answer(self, body: Any) -> tuple[str, float]:
        """Read the only element of the list."""
        return body[0]["class"], body[0]["probability"]
