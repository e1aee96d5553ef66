"""What a server answers that keeps no store for us, in the sentence that a user reads."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.errors import StoreError

ANSWER = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>InvalidAccessKeyId</Code><Message>The Access Key Id you provided does not exist in our records.</Message>\
<BucketName>perennial</BucketName><Resource>/perennial</Resource><RequestId>18EA2B30A31E2344</RequestId></Error>"""


class _Refusing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(403)
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    do_PUT = do_DELETE = do_POST = do_GET

    def log_message(self, format: str, *values: object) -> None:
        """Stay quiet."""


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that doesn't know our key, and answers as MinIO does."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        yield address
        server.shutdown()


@pytest.mark.parametrize(
    "act",
    [
        lambda store: list(store.keys("runs")),
        lambda store: store.get("runs/one"),
        lambda store: store.put("runs/one", b"1"),
        lambda store: Catalog.open(store).image_ids(),
    ],
    ids=["list", "read", "write", "table"],
)
def test_the_server_is_quoted_without_its_xml(act: Callable[[Objects], object], refusing: str) -> None:
    with pytest.raises(StoreError) as raised:
        act(Objects.open("s3://perennial/store"))
    quoted = f"({refusing} answers InvalidAccessKeyId: The Access Key Id you provided does not exist in our records). "
    assert quoted in str(raised.value)
    assert "<" not in str(raised.value)
