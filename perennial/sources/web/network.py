"""Connections to the very address that was checked, which end when a request's time is over."""

import contextlib
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore

from perennial.sources.web.addresses import Resolve, checked


class CheckedNetwork(httpcore.NetworkBackend):
    """Resolves a name once, checks every address found and connects to one of those: no second look-up can change it.

    TLS still asks for the certificate of the name.
    """

    def __init__(self, allowed: frozenset[str], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._inner = httpcore.SyncBackend()
        self._time = _Time()

    @contextlib.contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Let all that this thread does on the network in the block take at most so long, however it drips."""
        self._time.ends = time.monotonic() + seconds
        try:
            yield
        finally:
            self._time.ends = None

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of ``host`` that answers.

        Raises:
            Inside: an address lies inside the network.
            Passing: the host has no address.
        """
        failed: Exception = httpcore.ConnectError("no address")
        for address in checked(host, port, self._allowed, self._resolve):
            try:
                left = self._time.left(timeout)
                stream = self._inner.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _Timed(stream, self._time)
        raise failed


class _Time(threading.local):
    """Until when the request of this thread may go on."""

    ends: float | None = None

    def left(self, timeout: float | None) -> float | None:
        if self.ends is None:
            return timeout
        left = self.ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer takes too long")
        return left if timeout is None else min(timeout, left)


class _Timed(httpcore.NetworkStream):
    """A stream whose every step ends with the request's time: heads that come byte by byte don't go on for ever."""

    def __init__(self, inner: httpcore.NetworkStream, limit: _Time) -> None:
        self._inner = inner
        self._time = limit

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._time.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._time.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Timed(self._inner.start_tls(ssl_context, server_hostname, self._time.left(timeout)), self._time)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
