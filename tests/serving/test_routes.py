"""Every route, asked by KServe's own clients and by plain HTTP."""

import asyncio
import base64
import contextlib
import io
import json
import re
import socket
import struct
import warnings
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from perennial.backbones.engines import Backbone
from perennial.learning.head import Head
from tests.serving.conftest import Served
from tests.small_world import picture

RED = picture("red", 1)


def post(served: Served, path: str, **request: Any) -> httpx.Response:
    return httpx.post(f"{served.url}{path}", timeout=30, **request)


def predict(served: Served, data: bytes, **headers: str) -> dict[str, Any]:
    response = post(served, "/v1/models/colours:predict", content=data, headers={"content-type": "image/jpeg", **headers})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()["predictions"][0]
    return answer


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def v2(*inputs: dict[str, Any]) -> dict[str, Any]:
    return {"inputs": list(inputs)}


def tensor(*data: Any, datatype: str = "BYTES") -> dict[str, Any]:
    return {"name": "image", "shape": [len(data)], "datatype": datatype, "data": list(data)}


def test_a_jpeg_body_is_answered_as_offline(served: Served) -> None:
    folder = served.world.objects.folder(f"releases/colours/{served.stable}") / "heads" / "colours"
    head = Head.load(folder)
    backbone = Backbone.load(served.world.objects, head.backbone, 1)
    vectors = backbone.embed(backbone.preprocess(RED)[None])
    answer = predict(served, RED)
    assert {entry["class"]: entry["probability"] for entry in answer["top"]} == pytest.approx(
        dict(zip(head.classes, head.probabilities(vectors)[0], strict=True)), abs=1e-6
    )
    assert answer["class"] == answer["top"][0]["class"] == "red"
    assert answer["probability"] == answer["top"][0]["probability"]
    assert (answer["model_version"], answer["release"], answer["backbone"]) == (1, served.stable, backbone.digest)
    assert answer["unfamiliar"] == bool(head.unfamiliar(vectors)[0])
    assert answer["prediction_id"] != predict(served, RED)["prediction_id"]


def test_json_holds_several_images(served: Served) -> None:
    images = [picture(cls, 7) for cls in ("green", "blue", "red")]
    instances = [{"image": {"b64": text(image)}} for image in images]
    response = post(served, "/v1/models/colours:predict", json={"instances": instances})
    answers = response.json()["predictions"]
    assert [answer["class"] for answer in answers] == ["green", "blue", "red"]
    assert response.headers["x-perennial-release"] == served.stable


def test_kserves_rest_client_gets_the_same_answer(served: Served) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

    async def ask() -> Any:
        client = InferenceRESTClient(RESTConfig(protocol="v2"))
        request = InferRequest("colours", [InferInput("image", [1], "BYTES", [text(RED)])])
        assert await client.is_model_ready(served.url, "colours")
        response = await client.infer(served.url, request, model_name="colours")
        await client.close()
        return response

    outputs = {output.name: output.data for output in asyncio.run(ask()).outputs}
    expected = predict(served, RED)
    assert outputs["class"] == ["red"]
    assert outputs["probability"] == pytest.approx([expected["probability"]], abs=1e-9)
    assert json.loads(outputs["answer"][0])["class"] == expected["class"]


def test_kserves_grpc_client_gets_the_same_answer(served: Served) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import grpc
        from kserve import InferenceGRPCClient, InferInput, InferRequest

    images = np.array([RED, picture("blue", 3)], dtype=np.object_)

    async def ask(model: str) -> Any:
        tensor = InferInput("image", [2], "BYTES")
        tensor.set_data_from_numpy(images)
        async with InferenceGRPCClient(served.address.grpc, retries=2) as client:
            return await client.infer(InferRequest(model, [tensor]), headers=[("x-perennial-release", served.stable)])

    outputs = {output.name: output.as_numpy().tolist() for output in asyncio.run(ask("colours")).outputs}
    assert [name.decode() if isinstance(name, bytes) else name for name in outputs["class"]] == ["red", "blue"]
    assert outputs["probability"][0] == pytest.approx(predict(served, RED)["probability"], abs=1e-9)
    with pytest.raises(grpc.aio.AioRpcError, match="no model 'shapes'") as error:
        asyncio.run(ask("shapes"))
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_a_binary_tensor_over_rest_is_an_image(served: Served) -> None:
    head = json.dumps(
        v2({"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(RED) + 4}})
    ).encode()
    response = post(
        served,
        "/v2/models/colours/infer",
        content=head + struct.pack("<I", len(RED)) + RED,
        headers={"inference-header-content-length": str(len(head)), "content-type": "application/octet-stream"},
    )
    assert response.status_code == 200, response.text
    assert {output["name"]: output["data"] for output in response.json()["outputs"]}["class"] == ["red"]


def test_readiness_and_metadata(served: Served) -> None:
    assert httpx.get(f"{served.url}/v1/models").json() == {"models": ["colours"]}
    assert httpx.get(f"{served.url}/v1/models/colours").json() == {"name": "colours", "ready": True}
    assert httpx.get(f"{served.url}/v2/models/colours/ready").json()["ready"] is True
    metadata = httpx.get(f"{served.url}/v2/models/colours").json()
    assert [(tensor["name"], tensor["datatype"]) for tensor in metadata["inputs"]] == [("image", "BYTES")]
    assert httpx.get(f"{served.url}/v2/health/ready").json() == {"ready": True}


def test_a_large_transparent_png_is_taken_as_the_catalog_takes_it(served: Served) -> None:
    with Image.open(io.BytesIO(picture("green", 5))) as small:
        large = small.resize((1500, 1200)).convert("RGBA")
    buffer = io.BytesIO()
    large.save(buffer, "PNG")
    assert predict(served, buffer.getvalue())["class"] == "green"


BAD_BODIES = {
    "empty": (b"", "is empty"),
    "text": (b"no image", "not a JPEG, PNG or WebP"),
    "cut off": (RED[: len(RED) // 2], "cut"),
    "gif": (b"GIF89a" + bytes(100), "a GIF"),
    "bomb": (b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII5B", 13, b"IHDR", 50000, 50000, 8, 2, 0, 0, 0) + bytes(4), "."),
    "no JSON": (b'{"instances": ', "isn't JSON"),
    "no instances": (b"{}", "no list 'instances'"),
    "no list": (b'{"instances": 3}', "no list 'instances'"),
    "no instance": (b'{"instances": []}', "1 to 64"),
    "too many": (json.dumps({"instances": [1] * 65}).encode(), "1 to 64"),
    "a number": (b'{"instances": [3]}', r"instances\[0\] holds no image"),
    "no base64": (b'{"instances": [{"image": {"b64": "?"}}]}', "isn't base64"),
    "base64 of text": (json.dumps({"instances": [text(b"no image")]}).encode(), "not a JPEG"),
    "deep": (b'{"instances": ' + b"[" * 100_000, "isn't JSON"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_wrong_body_is_a_400_with_a_sentence(served: Served, name: str) -> None:
    body, sentence = BAD_BODIES[name]
    response = post(served, "/v1/models/colours:predict", content=body)
    assert response.status_code == 400, response.text
    assert re.search(sentence, response.json()["error"]), response.text


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (v2(), "exactly one input"),
        (v2(tensor(text(RED)), tensor(text(RED))), "exactly one input"),
        (v2(tensor(1.0, datatype="FP32")), r"got image \(FP32\)"),
        (v2(tensor("?")), "isn't base64"),
        (v2(tensor(text(b"no image"))), "not a JPEG"),
        ({"inputs": 3}, "as this route takes it"),
        ([], "as this route takes it"),
    ],
)
def test_a_wrong_v2_request_is_a_400_with_a_sentence(served: Served, body: Any, sentence: str) -> None:
    response = post(served, "/v2/models/colours/infer", json=body)
    assert response.status_code == 400, response.text
    assert re.search(sentence, response.json()["error"]), response.text


@pytest.mark.parametrize(
    ("method", "path", "sentence"),
    [
        ("POST", "/v1/models/shapes:predict", "has no model 'shapes'. Its models: colours"),
        ("POST", "/v2/models/shapes/infer", "has no model 'shapes'"),
        ("GET", "/v1/models/shapes", "has no model 'shapes'"),
        ("GET", "/v1/nowhere", "no route /v1/nowhere"),
    ],
)
def test_what_is_not_there_is_a_404_with_a_sentence(served: Served, method: str, path: str, sentence: str) -> None:
    body = {"json": v2(tensor(text(RED)))} if "infer" in path else {"content": RED} if method == "POST" else {}
    response = httpx.request(method, f"{served.url}{path}", **body)
    assert response.status_code == 404
    assert sentence in response.json()["error"]


def test_nobody_loads_or_unloads_by_request(served: Served) -> None:
    for verb in ("load", "unload"):
        response = post(served, f"/v2/repository/models/colours/{verb}")
        assert response.status_code in (400, 503)
        assert "by request" in response.json()["error"]
    assert predict(served, RED)["class"] == "red"


def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    head = f"POST /v1/models/colours:predict HTTP/1.1\r\nhost: {host}\r\ncontent-length: {65 * 2**20}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    assert " 413 " in answer
    assert "64 MiB" in answer


def test_a_body_that_hides_its_size_is_refused(served: Served) -> None:
    pieces = (bytes(2**20) for _ in range(66))
    with contextlib.suppress(httpx.WriteError, httpx.ReadError):
        assert post(served, "/v1/models/colours:predict", content=pieces).status_code == 413
    assert predict(served, RED)["class"] == "red"


def test_rejected_images_are_no_errors_of_the_release(served: Served) -> None:
    before = served.facts()["releases"][served.stable]
    post(served, "/v1/models/colours:predict", content=b"no image")
    predict(served, RED)
    after = served.facts()["releases"][served.stable]
    assert [after[key] - before[key] for key in ("requests", "rejected", "errors")] == [2, 1, 0]


def test_an_answer_does_not_wait_for_an_acknowledgement(served: Served) -> None:
    with httpx.Client() as client:
        times = [client.get(f"{served.url}/v1/models/colours").elapsed.total_seconds() for _ in range(20)]
    assert min(times) < 0.03
