"""Fetch from the web: bounded in bytes, time and rate, and never from an address inside the network."""

import ipaddress
import random
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx
import stamina

from perennial import __version__
from perennial.errors import SourceError
from perennial.sources.posts import Gone

MAX_REDIRECTS = 5
MAX_PAGE_BYTES = 5 * 1024 * 1024
DEADLINE_S = 60.0
USER_AGENT = f"perennial/{__version__} (image source adapter; runs with its operator's permission)"


class _Transient(SourceError):
    """An answer that may be another one soon."""

    def __init__(self, text: str, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.wait_s = wait_s


class Fetcher:
    """Fetches for one source.

    Args:
        base_url: the source's site, the only one that may lie on loopback or in a private network.
        delay_s: pause between requests; with jitter of as much again at most.
        connections: at most this many at once.
        attempts: how often an address is asked before the source counts as away.
    """

    def __init__(self, base_url: str, *, delay_s: float = 0.0, connections: int = 4, attempts: int = 3) -> None:
        self._home = _host_of(base_url)
        self._delay_s = delay_s
        self._attempts = attempts
        self._turn = threading.Lock()
        self._next = 0.0
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._client = httpx.Client(
            headers={"User-Agent": USER_AGENT}, limits=limits, timeout=httpx.Timeout(15.0, connect=5.0), trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def get(self, url: str, max_bytes: int = MAX_PAGE_BYTES) -> bytes:
        """Return the body at ``url``, after at most 5 redirects, each of which is checked like the first address.

        Raises:
            Gone: the site answers with 4xx, or with more than ``max_bytes``.
            SourceError: the address isn't allowed, or the site is away or refuses.
        """
        for attempt in stamina.retry_context(_wait, attempts=self._attempts, timeout=120, wait_initial=0.2, wait_jitter=0.2):
            with attempt:
                return self._follow(url, max_bytes)
        raise AssertionError("stamina ends with an answer or an error")

    def _follow(self, url: str, max_bytes: int) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            self._check(url)
            self._await_turn()
            try:
                with self._client.stream("GET", url) as answer:
                    self._check_peer(url, answer)
                    if not answer.has_redirect_location:
                        _check_status(url, answer)
                        return _body(url, answer, max_bytes)
                    url = urljoin(url, answer.headers["location"])
            except (httpx.TransportError, httpx.DecodingError) as error:
                raise _Transient(
                    f"{urlsplit(url).netloc} doesn't answer ({error}). Check that the site is up, then run again."
                ) from None
            except httpx.InvalidURL:
                raise Gone(f"{url[:200]} is not an address. The site's pages may have changed shape.") from None
        raise Gone(f"{url} redirects more than {MAX_REDIRECTS} times. Open it in a browser to see where it leads.")

    def _check(self, url: str) -> None:
        """Refuse an address that isn't the web's, or lies inside the network."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise Gone(f"{url[:200]} is not an address. The site's pages may have changed shape.") from None
        if parts.scheme not in ("http", "https") or not host:
            raise Gone(f"{url[:200]} is not a web address. Only http and https are fetched.")
        if (host, port) == self._home:
            return
        try:
            found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError):
            raise _Transient(f"The host {host} has no address. Check the network and the source's base_url.") from None
        for address in found:
            _check_public(host, address)

    def _check_peer(self, url: str, answer: httpx.Response) -> None:
        """Refuse an answer from inside the network: a name may resolve to another address the second time."""
        if _host_of(url) == self._home:
            return
        stream: Any = answer.extensions.get("network_stream")
        peer = stream.get_extra_info("server_addr") if stream else None
        if peer:
            _check_public(str(_host_of(url)[0]), str(peer[0]))

    def _await_turn(self) -> None:
        if not self._delay_s:
            return
        with self._turn:
            time.sleep(max(0.0, self._next - time.monotonic()))
            self._next = time.monotonic() + self._delay_s * random.uniform(1, 2)


def _host_of(url: str) -> tuple[str | None, int]:
    parts = urlsplit(url)
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _check_public(host: str, address: str) -> None:
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None) or found
    if not found.is_global or not inner.is_global or found.is_multicast:
        raise Gone(
            f"The host {host} lies at {address}, which is inside a network, so it isn't fetched. "
            "Only the source's own base_url may lie there."
        )


def _check_status(url: str, answer: httpx.Response) -> None:
    status = answer.status_code
    if status in (429, 503) or status >= 500:
        wait = answer.headers.get("retry-after", "")
        raise _Transient(f"{url} answers {status}. Try again later.", min(60.0, float(wait)) if wait.isdecimal() else 0.0)
    if status in (401, 403):
        raise SourceError(f"{url} answers {status}: the site refuses. Ask its owner for permission, then run again.")
    if status != 200:
        raise Gone(f"{url} answers {status}. It isn't there any more.")


def _body(url: str, answer: httpx.Response, max_bytes: int) -> bytes:
    deadline, parts, size = time.monotonic() + DEADLINE_S, [], 0
    for part in _parts(answer):
        size += len(part)
        if size > max_bytes:
            raise Gone(f"{url} has more than {max_bytes:,} bytes. It isn't taken in.")
        if time.monotonic() > deadline:
            raise _Transient(f"{url} takes longer than {DEADLINE_S:.0f} s. Try again later.")
        parts.append(part)
    return b"".join(parts)


def _parts(answer: httpx.Response) -> Iterator[bytes]:
    return answer.iter_bytes(64 * 1024)


def _wait(error: Exception) -> bool | float:
    """Retry what may pass, after the time that the site asked for."""
    if not isinstance(error, _Transient):
        return False
    return error.wait_s or True
