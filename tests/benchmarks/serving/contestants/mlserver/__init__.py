"""MLServer: a custom runtime behind the V2 protocol, with its default of one parallel worker."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perennial.processes import free_port
from tests.benchmarks.serving.contestant import TORCH, Contestant, Request, base64_of


class MLServer(Contestant):
    """A BYTES tensor with base64 content."""

    name = "MLServer"
    needs = f"mlserver uvloop<0.22 {TORCH}"  # 1.7.1's workers end with a newer uvloop: no current event loop

    def command(self, python: Path, port: int) -> Sequence[str]:
        """Start the server on its folder; it wants three ports."""
        ports = {"HTTP": port, "GRPC": free_port(), "METRICS": free_port()}
        variables = [f"MLSERVER_{name}_PORT={number}" for name, number in ports.items()]
        return ["env", "MLSERVER_HOST=127.0.0.1", *variables, str(python.parent / "mlserver"), "start", "."]

    def request(self, jpeg: bytes) -> Request:
        """Send a V2 inference request."""
        tensor = {"name": "picture", "shape": [1], "datatype": "BYTES", "data": [base64_of(jpeg)]}
        return Request.of_json("/v2/models/pictures/infer", {"inputs": [{**tensor, "parameters": {"content_type": "base64"}}]})

    def answer(self, body: Any) -> tuple[str, float]:
        """Read the two output tensors."""
        outputs = {output["name"]: output["data"][0] for output in body["outputs"]}
        return outputs["class"], float(outputs["probability"])
