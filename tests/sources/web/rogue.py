"""A server on loopback that answers as it shouldn't: raw sockets, since http.server is too well-behaved."""

import contextlib
import gzip
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

BROTLI_BOMB = bytes.fromhex("cbffff3ff82700e2b14020f7feaf7ea812ff04401c1601e82f2500")
"""Nine megabytes of zeros."""

Behaviour = Callable[[socket.socket, dict[str, str]], None]


class Rogue:
    """Answers each path as ``pages`` says, one behaviour a time where there are several; else as ``otherwise``, else 404.

    ``asked`` counts requests by path, ``heads`` keeps their headers.
    """

    def __init__(self, otherwise: Callable[[str], Behaviour | None] = lambda path: None, host: str = "127.0.0.1") -> None:
        self.pages: dict[str, Behaviour | list[Behaviour]] = {}
        self.otherwise = otherwise
        self.asked: Counter[str] = Counter()
        self.heads: list[dict[str, str]] = []
        self.tls: Any = None
        self._closed = threading.Event()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.place = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.place}"
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(20)
            stream = self.tls.wrap_socket(connection, server_side=True) if self.tls else connection
            with contextlib.closing(stream):
                while not self._closed.is_set():
                    head = _head(stream)
                    if not head:
                        return
                    path, headers = head
                    self.asked[path] += 1
                    self.heads.append(headers)
                    self._behaviour(path)(stream, headers)

    def _behaviour(self, path: str) -> Behaviour:
        found = self.pages.get(path)
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        return found or self.otherwise(path) or ok(b"Not found", status="404 Not Found")


def _head(stream: socket.socket) -> tuple[str, dict[str, str]] | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = stream.recv(4096)
        if not piece:
            return None
        data += piece
    first, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    return first.split(" ")[1], {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def raw(*pieces: bytes, every_s: float = 0.0, reset: bool = False) -> Behaviour:
    """Send pieces and close the connection, with a reset if asked."""

    def behave(stream: socket.socket, _: dict[str, str]) -> None:
        for piece in pieces:
            stream.sendall(piece)
            time.sleep(every_s)
        if reset:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.close()

    return behave


def ok(body: bytes, *, status: str = "200 OK", **headers: str | int) -> Behaviour:
    """Answer properly, and keep the connection."""
    lines = {"content_length": len(body), **headers}
    return lambda stream, _: stream.sendall(head(status, **lines) + body)


def head(status: str = "200 OK", **headers: str | int) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def repeating(start: bytes, pieces: Iterable[bytes], every_s: float = 0.0) -> Behaviour:
    """Send ``start`` and then piece after piece, until the other side hangs up."""

    def behave(stream: socket.socket, _: dict[str, str]) -> None:
        stream.sendall(start)
        for piece in pieces:
            stream.sendall(piece)
            time.sleep(every_s)

    return behave


def endless(piece: bytes) -> Iterable[bytes]:
    while True:
        yield piece


def redirect(to: str, status: str = "302 Found") -> Behaviour:
    return ok(b"", status=status, location=to)


def bomb(megabytes: int) -> bytes:
    """Return gzip of so many megabytes of zeros, without ever holding them."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1024 * 1024)
    return b"".join(packer.compress(zeros) for _ in range(megabytes)) + packer.flush()


def packed(body: bytes) -> Behaviour:
    return ok(gzip.compress(body), content_encoding="gzip")
