"""A bucket on loopback over a folder, read only: as much of S3 as fetching a release asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

NAME = "bucket"


@contextmanager
def bucket(folder: Path) -> Iterator[str]:
    """Serve a folder's files as objects of the bucket ``NAME``; yield the address to set as ``AWS_ENDPOINT_URL``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            key = unquote(parts.path).removeprefix(f"/{NAME}").strip("/")
            query = parse_qs(parts.query)
            if "list-type" in query:
                self._answer(200, _listed(folder, query.get("prefix", [""])[0]))
            elif (folder / key).is_file():
                self._answer(200, (folder / key).read_bytes())
            else:
                self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self._answer(403, b"<Error><Code>AccessDenied</Code></Error>")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            for name, value in (
                ("content-length", str(len(body))),
                ("last-modified", formatdate(0, usegmt=True)),
                ("etag", '"1"'),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _listed(folder: Path, prefix: str) -> bytes:
    keys = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    entries = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>1970-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;1&quot;</ETag><Size>{(folder / key).stat().st_size}</Size></Contents>"
        for key in keys
        if key.startswith(prefix)
    )
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()
