"""What people send that is wrong, on every route, and too much of it."""

import asyncio
import base64
import io
import json
import resource
import shutil
import socket
import struct
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import uvicorn
from PIL import Image

from perennial.processes import free_port
from perennial.serving.limits import Limits, PatientProtocol
from tests.serving.conftest import Served
from tests.small_world import picture

RED = picture("red", 1)
MIB = 2**20


def encoded(pixels: Any, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def _cmyk() -> bytes:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(RED)) as opened:
        opened.convert("CMYK").save(buffer, "JPEG")
    return buffer.getvalue()


BOMB = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII5B", 13, b"IHDR", 50_000, 50_000, 8, 2, 0, 0, 0) + bytes(4)
WRONG = {
    "text": b"This is a picture.",
    "truncated": RED[: len(RED) // 2],
    "truncated inside": RED[:200] + b"\xff\xd9",
    "bomb": BOMB,
    "gif": b"GIF89a" + bytes(100),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "one pixel": encoded(np.zeros((1, 1, 3), np.uint8), "PNG"),
    "noise": np.random.default_rng(0).bytes(5000),
}
ODD = {
    "cmyk": _cmyk(),
    "16 bits": encoded(np.full((64, 64), 40_000, np.uint16), "PNG"),
    "grey": encoded(np.full((64, 64), 90, np.uint8), "JPEG"),
    "webp": encoded(np.full((64, 64, 3), 90, np.uint8), "WEBP"),
    "large": encoded(np.full((3000, 4000, 3), 90, np.uint8), "JPEG"),
}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def requests_for(data: bytes) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return a request with this image for each REST route that takes one."""
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES"}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(data) + 4}}]}).encode()
    instances = {"instances": [{"image": {"b64": b64(data)}}]}
    binary = {"inference-header-content-length": str(len(head)), "content-type": "application/octet-stream"}
    return {
        "body": ("/v1/models/colours:predict", {"content": data, "headers": {"content-type": "image/jpeg"}}),
        "json": ("/v1/models/colours:predict", {"json": instances}),
        "all": ("/v1/endpoint:predict", {"content": data, "headers": {"content-type": "image/jpeg"}}),
        "explain": ("/v1/models/colours:explain", {"content": data, "headers": {"content-type": "image/jpeg"}}),
        "v2": ("/v2/models/colours/infer", {"json": {"inputs": [{**tensor, "data": [b64(data)]}]}}),
        "v2 binary": ("/v2/models/colours/infer", {"content": head + struct.pack("<I", len(data)) + data, "headers": binary}),
    }


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_image_is_a_400_with_a_sentence_on_every_route(served: Served, name: str) -> None:
    with httpx.Client(base_url=served.url, timeout=30) as client:
        for route, (path, request) in requests_for(WRONG[name]).items():
            response = client.post(path, **request)
            assert response.status_code == 400, (route, response.text)
            assert response.json()["error"].endswith("."), route


@pytest.mark.parametrize("name", ODD)
def test_an_odd_image_is_answered_alike_on_every_route(served: Served, name: str) -> None:
    with httpx.Client(base_url=served.url, timeout=30) as client:
        answers = {route: client.post(path, **request) for route, (path, request) in requests_for(ODD[name]).items()}
    assert {route: answer.status_code for route, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert answers["json"].json()["predictions"][0]["top"] == answers["body"].json()["predictions"][0]["top"]


def test_wrong_images_over_grpc_are_invalid_arguments(served: Served) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import grpc
        from kserve import InferenceGRPCClient, InferInput, InferRequest

    async def codes() -> dict[str, Any]:
        found = {}
        async with InferenceGRPCClient(served.address.grpc, retries=0) as client:
            for name, data in {**WRONG, "empty": b""}.items():
                tensor = InferInput("image", [1], "BYTES")
                tensor.set_data_from_numpy(np.array([data], dtype=np.object_))
                try:
                    await client.infer(InferRequest("colours", [tensor]))
                except grpc.aio.AioRpcError as error:
                    found[name] = error.code()
        return found

    assert set(asyncio.run(codes()).items()) == {(name, grpc.StatusCode.INVALID_ARGUMENT) for name in (*WRONG, "empty")}


WRONG_JSON = {
    "nan": b'{"instances": [NaN]}',
    "null": b"null",
    "a list": b"[]",
    "deep": b'{"instances": [' + b'{"image": ' * 50_000,
    "deep data": b'{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": ' + b"[" * 900 + b"]" * 900 + b"}]}",
    "nan data": b'{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [NaN]}]}',
    "no data": b'{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES"}]}',
    "text data": b'{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": "x"}]}',
    "odd datatype": b'{"inputs": [{"name": "image", "shape": [1], "datatype": {}, "data": [1]}]}',
    "odd name": b'{"inputs": [{"name": 3, "shape": [1], "datatype": "BYTES", "data": [1]}]}',
    "odd outputs": b'{"inputs": [], "outputs": 3}',
    "surrogate": b'{"instances": ["\\ud800"]}',
    "no unicode": b'{"instances": ["\xff"]}',
    "huge base64": json.dumps({"instances": [{"image": {"b64": b64(bytes(30 * MIB))}}]}).encode(),
}


@pytest.mark.parametrize("name", WRONG_JSON)
def test_wrong_json_is_a_400_with_a_sentence_on_every_route(served: Served, name: str) -> None:
    paths = ("/v1/models/colours:predict", "/v1/endpoint:predict", "/v1/models/colours:explain", "/v2/models/colours/infer")
    with httpx.Client(base_url=served.url, timeout=60) as client:
        for path in paths:
            response = client.post(path, content=WRONG_JSON[name], headers={"content-type": "application/json"})
            assert response.status_code == 400, (path, response.text[:300])
            assert response.json()["error"]


@pytest.mark.parametrize("path", ["/v1/models/colours:predict", "/v1/endpoint:predict", "/v2/models/colours/infer", "/nowhere"])
def test_a_gigabyte_is_refused_and_never_held(served: Served, path: str) -> None:
    process = psutil.Process(served.address.pid)
    before, most, sent, part = process.memory_info().rss, 0, 0, bytes(MIB)
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        try:
            while sent < 1024 * MIB:
                connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
                sent += len(part)
                most = max(most, process.memory_info().rss)
        except OSError:
            pass  # it hung up
    assert sent < 160 * MIB or path == "/nowhere"
    assert most - before < 200 * MIB
    assert httpx.post(f"{served.url}/v1/models/colours:predict", content=RED, timeout=30).status_code == 200


def test_all_bodies_together_are_bounded(served: Served) -> None:
    """Clients that hold back the end of large bodies are refused once those take too much, and others are answered then."""
    host, port = served.url.removeprefix("http://").split(":")
    process = psutil.Process(served.address.pid)
    before = process.memory_info().rss
    head = b"POST /v1/models/colours:predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (63 * MIB)
    with ExitStack() as open_ones:
        refused = 0
        for _ in range(7):
            connection = open_ones.enter_context(socket.create_connection((host, int(port)), timeout=20))
            try:
                connection.sendall(head)
                for _ in range(62):
                    connection.sendall(bytes(MIB))
            except OSError:
                refused += 1
        deadline = time.monotonic() + 20
        while process.memory_info().rss - before > 350 * MIB:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert refused >= 2
    deadline = time.monotonic() + 20
    while httpx.post(f"{served.url}/v1/models/colours:predict", content=RED, timeout=30).status_code != 200:
        assert time.monotonic() < deadline


@contextmanager
def connections(served: Served, count: int, begin: bytes) -> Iterator[list[socket.socket]]:
    """Open connections that have sent the beginning of a request, as many as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 500
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.skip(f"this process may open {hard} files")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    host, port = served.url.removeprefix("http://").split(":")
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            found.append(stack.enter_context(socket.create_connection((host, int(port)), timeout=20)))
            found[-1].sendall(begin)
        yield found


@pytest.mark.parametrize(
    "begin", [b"", b"POST /v1/models/colours:predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n\xff\xd8"]
)
def test_2000_slow_clients_hold_nobody_up(served: Served, begin: bytes) -> None:
    with connections(served, 2000, begin), httpx.Client(base_url=served.url, timeout=30) as client:
        for _ in range(5):
            assert client.post("/v1/models/colours:predict", content=RED).status_code == 200


@contextmanager
def impatient() -> Iterator[int]:
    """Serve an application that reads bodies, with the server's limits but very little time, on a port of this process."""

    class Impatient(PatientProtocol):
        receive_s = 0.3

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            from starlette.applications import Starlette
            from starlette.requests import Request
            from starlette.responses import Response
            from starlette.routing import Route

            async def read(request: Request) -> Response:
                return Response(await request.body())

            await Starlette(routes=[Route("/", read, methods=["POST"])])(scope, receive, send)

    port = free_port()
    config = uvicorn.Config(Limits(app, 0.3), "127.0.0.1", port, http=Impatient, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield port
    finally:
        server.should_exit = True
        thread.join(20)


def test_a_head_or_a_body_that_never_ends_is_given_up() -> None:
    with impatient() as port:
        for begin, answer in (
            (b"", b""),
            (b"POST / HTTP/1.1\r\nhost: x\r\nx-slow: ", b""),
            (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12", b"HTTP/1.1 408 "),
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
                connection.sendall(begin)
                said = b"".join(iter(lambda connection=connection: connection.recv(4096), b""))  # type: ignore[misc]
                assert said.startswith(answer)
                assert bool(said) == bool(answer)
        assert httpx.post(f"http://127.0.0.1:{port}/", content=b"1234").text == "1234"


def test_work_for_a_client_that_has_gone_is_dropped(served: Served) -> None:
    before = served.facts()["releases"][served.stable]["requests"]
    host, port = served.url.removeprefix("http://").split(":")
    body = json.dumps({"instances": [b64(ODD["large"])] * 60}).encode()
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        head = f"POST /v1/models/colours:predict HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        served.until(lambda facts: facts["waiting"] > 0)
    facts = served.until(lambda facts: facts["waiting"] == 0)
    assert facts["releases"][served.stable]["errors"] == 0
    assert facts["releases"][served.stable]["requests"] == before + 1
    assert 'code="499"' in httpx.get(f"{served.url}/metrics").text


def test_a_store_that_vanishes_is_told_and_serving_goes_on(served: Served) -> None:
    store = served.world.settings.home / "store"
    away = store.rename(store.with_name("away"))
    try:
        facts = served.until(lambda facts: bool(facts["store_trouble"]))
        assert facts["stable"] == served.stable
        assert "perennial_store_trouble 1.0" in httpx.get(f"{served.url}/metrics").text
        assert httpx.post(f"{served.url}/v1/models/colours:predict", content=RED, timeout=30).status_code == 200
    finally:
        shutil.rmtree(store, ignore_errors=True)  # the journal may have made it anew
        away.rename(store)
    served.until(lambda facts: not facts["store_trouble"])
    assert "perennial_store_trouble 0.0" in httpx.get(f"{served.url}/metrics").text
