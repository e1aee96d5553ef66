"""What a server answers that keeps no store for us, in the sentence that a user reads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.errors import StoreError, StoreUnavailable
from perennial.processes import free_port

REFUSAL = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>InvalidAccessKeyId</Code><Message>The Access Key Id you provided does not exist in our records.</Message>\
<BucketName>perennial</BucketName><Resource>/perennial</Resource><RequestId>18EA2B30A31E2344</RequestId></Error>"""
ACTS: dict[str, Callable[[Objects], object]] = {
    "list": lambda store: list(store.keys("runs")),
    "read": lambda store: store.get("runs/one"),
    "write": lambda store: store.put("runs/one", b"1"),
    "table": lambda store: Catalog.open(store).image_ids(),
}


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Run a server that answers everything so, and give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_GET

        def log_message(self, format: str, *values: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Objects]:
    """Opens a bucket of the server at an address."""

    def opened(address: str) -> Objects:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        return Objects.open("s3://perennial/store")

    return opened


@pytest.mark.parametrize("act", ACTS)
def test_a_refusal_is_quoted_without_its_xml(act: str, store: Callable[[str], Objects]) -> None:
    with answering(403, REFUSAL) as address, pytest.raises(StoreError) as raised:
        ACTS[act](store(address))
    quoted = f"({address} answers InvalidAccessKeyId: The Access Key Id you provided does not exist in our records). "
    assert quoted in str(raised.value)


@pytest.mark.parametrize("act", ACTS)
def test_an_error_of_the_server_is_not_the_tables(act: str, store: Callable[[str], Objects]) -> None:
    with answering(400, b"no XML") as address, pytest.raises(StoreUnavailable) as raised:
        ACTS[act](store(address))
    assert f"({address} answers 400 Bad Request). Check that it is up" in str(raised.value)


def test_a_server_that_is_away_is_named(store: Callable[[str], Objects]) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(StoreUnavailable, match="AWS_ENDPOINT_URL") as raised:
        store(address).get("runs/one")
    assert f"({address} can't be reached: Connection refused)" in str(raised.value)
