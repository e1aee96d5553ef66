"""What a bucket's notifications are sent to: a small HTTP server that takes nothing from them but which object to look at.

::

    POST /             a notification, as MinIO's webhook target sends it: 204; 401 without the token
    GET /health/live   200 while the process runs
    GET /health/ready  200 once the inbox was looked through and while the store answers; else 503 with a sentence
"""

import hmac
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote_plus

from perennial.errors import PortInUse

MAX_BODY = 1 << 20
TIMEOUT_S = 10
CONNECTIONS = 32


class Receiver:
    """Listens until it is closed."""

    def __init__(
        self, address: tuple[str, int], token: str, root: str, notified: Callable[[str], None], trouble: Callable[[], str]
    ) -> None:
        """Start to listen.

        Args:
            address: host and port; port 0 takes a free one.
            token: what a notification must bring as its bearer token; empty: nothing.
            root: bucket and prefix of the inbox, such as ``bucket/store/inbox/``; other objects are none of its concern.
            notified: takes the key, below the inbox, of an object that was written.
            trouble: says why it isn't ready; empty: it is.

        Raises:
            PortInUse: another process listens there.
        """
        expected = f"Bearer {token}".encode()
        slots = threading.BoundedSemaphore(CONNECTIONS)

        class Handler(_Handler):
            def allowed(self) -> bool:
                return not token or hmac.compare_digest(self.headers.get("Authorization", "").encode(), expected)

            def notify(self, body: bytes) -> None:
                for key in keys_of(body, root):
                    notified(key)

            def trouble(self) -> str:
                return trouble()

            def handle(self) -> None:
                if slots.acquire(blocking=False):  # else the connection is closed, and MinIO tries again
                    try:
                        super().handle()
                    except (ConnectionError, TimeoutError):
                        pass
                    finally:
                        slots.release()

        try:
            self._server = _Server(address, Handler)
        except OSError as error:
            raise PortInUse(
                f"The inbox can't listen on {address[0]}:{address[1]} ({error.strerror}). End what listens there, or set "
                "PERENNIAL_INBOX_PORT."
            ) from None
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="receiver", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = TIMEOUT_S
    server_version, sys_version = "perennial", ""

    def allowed(self) -> bool: ...  # type: ignore[empty-body]
    def notify(self, body: bytes) -> None: ...
    def trouble(self) -> str: ...  # type: ignore[empty-body]

    def do_GET(self) -> None:
        """Answer a probe."""
        trouble = self.trouble() if self.path == "/health/ready" else ""
        if self.path not in ("/health/live", "/health/ready"):
            self._answer(404)
        else:
            self._answer(503 if trouble else 200, trouble or "ok")

    def do_HEAD(self) -> None:
        """Answer who only wants to know whether anybody listens."""
        self._answer(200)

    def do_POST(self) -> None:
        """Take a notification."""
        length = self.headers.get("Content-Length", "")
        if not self.allowed():
            self._refuse(401)
        elif not length.isascii() or not length.isdigit():
            self._refuse(411)
        elif int(length) > MAX_BODY:
            self._refuse(413)
        else:
            self.notify(self.rfile.read(int(length)))
            self._answer(204)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def _refuse(self, status: int) -> None:
        """Answer without reading the body, which ends the connection."""
        self.close_connection = True
        self._answer(status)

    def _answer(self, status: int, text: str = "") -> None:
        body = f"{text}\n".encode() if text else b""
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def keys_of(body: bytes, root: str) -> list[str]:
    """Return the keys below ``root`` (bucket and prefix) that a notification names; none where it is no notification."""
    try:
        records = json.loads(body)["Records"]
        named = [(str(one["s3"]["bucket"]["name"]), unquote_plus(str(one["s3"]["object"]["key"]))) for one in records]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    paths = [f"{bucket}/{key}" for bucket, key in named]
    return [path.removeprefix(root) for path in paths if path.startswith(root) and len(path) > len(root)]
