"""``mlflow models serve``: a pyfunc model, asked with base64 in JSON."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.serving.contestant import TORCH, Contestant, Request, base64_of
from tests.benchmarks.serving.places import CACHE


class MLflow(Contestant):
    """A saved model, served in the environment that is there."""

    name = "mlflow models serve"
    needs = f"mlflow {TORCH}"

    def command(self, python: Path, port: int) -> Sequence[str]:
        """Save the model and start the scoring server; its own logging of predictions is left off, as it is by default."""
        model = CACHE / "scratch" / "mlflow" / "model"
        shutil.rmtree(model, ignore_errors=True)
        save = [str(python), "save.py", str(model)]
        subprocess.run(save, cwd=self.home, env=self.environment(python), check=True, capture_output=True)
        serve = ["models", "serve", "-m", str(model), "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port)]
        return [str(python.parent / "mlflow"), *serve]

    def request(self, jpeg: bytes) -> Request:
        """Send one input."""
        return Request.of_json("/invocations", {"inputs": [base64_of(jpeg)]})

    def answer(self, body: Any) -> tuple[str, float]:
        """Read the first prediction."""
        first = body["predictions"][0]
        return first["class"], first["probability"]
