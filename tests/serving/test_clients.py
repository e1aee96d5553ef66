"""Triton's clients, which know nothing of this server, get right answers over V2; KServe's are in test_routes."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
import tritonclient.http as over_http

from tests.serving.conftest import Served
from tests.small_world import picture

IMAGES = [picture("red", 1), picture("blue", 3)]


def expected(served: Served) -> list[float]:
    found = []
    for image in IMAGES:
        response = httpx.post(f"{served.url}/v1/models/colours:predict", content=image, timeout=30)
        found.append(response.json()["predictions"][0]["probability"])
    return found


def text(values: "np.ndarray[tuple[int, ...], np.dtype[np.object_]]") -> list[str]:
    return [value.decode() if isinstance(value, bytes) else value for value in values.tolist()]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("wanted", ["all", "class as bytes", "class as JSON"])
def test_tritons_http_client(served: Served, binary_in: bool, wanted: str) -> None:
    client = over_http.InferenceServerClient(served.url.removeprefix("http://"))
    try:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("colours")
        assert client.is_model_ready("colours", "1")
        assert client.get_model_metadata("colours")["versions"] == ["1"]
        image = over_http.InferInput("image", [2], "BYTES")
        if binary_in:
            image.set_data_from_numpy(np.array(IMAGES, dtype=np.object_))
        else:
            encoded = [base64.b64encode(data).decode() for data in IMAGES]
            image.set_data_from_numpy(np.array(encoded, dtype=np.object_), binary_data=False)
        outputs = {
            "all": None,
            "class as bytes": [over_http.InferRequestedOutput("class", binary_data=True)],
            "class as JSON": [over_http.InferRequestedOutput("class", binary_data=False)],
        }[wanted]
        result = client.infer("colours", [image], model_version="1", outputs=outputs)
        assert text(result.as_numpy("class")) == ["red", "blue"]
        if wanted == "all":
            assert result.as_numpy("probability").tolist() == pytest.approx(expected(served), abs=1e-9)
            assert json.loads(text(result.as_numpy("answer"))[1])["class"] == "blue"
        else:
            assert result.as_numpy("answer") is None
    finally:
        client.close()


GRPC = """
import json, sys
import numpy as np
import tritonclient.grpc as over_grpc

address, *files = sys.argv[1:]
client = over_grpc.InferenceServerClient(address)
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("colours")
images = [open(file, "rb").read() for file in files]
image = over_grpc.InferInput("image", [len(images)], "BYTES")
image.set_data_from_numpy(np.array(images, dtype=np.object_))
result = client.infer("colours", [image])
refused = []
for options in ({"model_version": "9"}, {"headers": {"x-perennial-timeout": "0.000001"}}):
    try:
        client.infer("colours", [image], **options)
    except over_grpc.InferenceServerException as error:
        refused.append(f"{error.status()} {error.message()}")
classes = [value.decode() for value in result.as_numpy("class").tolist()]
print(json.dumps([classes, result.as_numpy("probability").tolist(), refused]))
client.close()
"""


def test_tritons_grpc_client(served: Served, tmp_path: Path) -> None:
    """It runs in a process of its own: one that has loaded KServe's messages can't load Triton's, which have the same names."""
    files = [tmp_path / f"{number}.jpg" for number in range(len(IMAGES))]
    for file, image in zip(files, IMAGES, strict=True):
        file.write_bytes(image)
    command = [sys.executable, "-c", GRPC, served.address.grpc, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    classes, probabilities, (unknown, late) = json.loads(done.stdout)
    assert classes == ["red", "blue"]
    assert probabilities == pytest.approx(expected(served), abs=1e-9)
    assert "NOT_FOUND" in unknown
    assert "no version '9'" in unknown
    assert "DEADLINE_EXCEEDED" in late
