"""One request and its answer, within a host's turns and the limits of bytes and time."""

import functools
import ssl
from dataclasses import dataclass, replace

import httpcore
import httpx

from perennial.sources.posts import Gone
from perennial.sources.web import bodies
from perennial.sources.web.addresses import Resolve
from perennial.sources.web.answers import BUSY, Answer, wished_wait
from perennial.sources.web.bodies import Expected
from perennial.sources.web.hosts import Host
from perennial.sources.web.limits import Limits
from perennial.sources.web.manners import Manners
from perennial.sources.web.network import CheckedNetwork
from perennial.sources.web.trouble import Passing
from perennial.sources.web.urls import place_of, shown
from perennial.sources.web.validators import UNKNOWN, Version


@dataclass(frozen=True)
class Want:
    """What a request is for: at most so many bytes (or the first of them, with ``cut``), of a kind, if not the known version."""

    max_bytes: int
    expect: Expected = "any"
    cut: bool = False
    known: Version = UNKNOWN


class Sender:
    """Sends requests over connections that are kept; cookies aren't."""

    def __init__(
        self,
        manners: Manners,
        limits: Limits,
        *,
        allowed: frozenset[str],
        connections: int,
        resolve: Resolve,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._limits = limits
        self._headers = [("User-Agent", manners.user_agent), ("Accept", "*/*"), ("Accept-Encoding", "gzip")]
        self._timeouts = {"connect": limits.connect_s, "read": limits.silence_s, "write": limits.silence_s}
        self._network = CheckedNetwork(allowed, resolve)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or _public_authorities(),
            max_connections=None,
            max_keepalive_connections=4 * connections,
            keepalive_expiry=15.0,
            network_backend=self._network,
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def send(self, host: Host, url: httpx.URL, want: Want) -> Answer:
        """Ask ``host`` for an address, in its turn; the body is read where the status is 200.

        Raises:
            Gone: the address lies inside the network, or the body is too large or packed otherwise.
            Passing: the host is away, busy, slow, or broke off.
            Paused: the day's cap is reached, or the host wants a longer pause than a run waits.
            LeftAlone: the host is left alone after failures.
        """
        try:
            with host.turn(), self._network.deadline(self._limits.deadline_s):
                return self._sent(host, url, want)
        except Passing as error:
            error.place = place_of(url)
            raise
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            why = "it takes too long" if isinstance(error, httpcore.TimeoutException) else str(error) or type(error).__name__
            raise Passing(f"{host.name} doesn't answer {shown(url)} ({why}). Try again later.", place=place_of(url)) from None

    def _sent(self, host: Host, url: httpx.URL, want: Want) -> Answer:
        headers = [*self._headers, ("Host", url.netloc.decode("ascii")), *want.known.questions(str(url))]
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        with self._pool.stream("GET", target, headers=headers, extensions={"timeout": self._timeouts}) as response:
            answer = Answer(url, response.status, httpx.Headers(response.headers))
            self._check_busy(host, answer)
            return replace(answer, body=self._body(answer, response, want)) if answer.status == 200 else answer

    def _body(self, answer: Answer, response: httpcore.Response, want: Want) -> bytes:
        name, length = shown(answer.url), answer.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > want.max_bytes and not want.cut:
            raise Gone(f"{name} has more than {want.max_bytes:,} bytes. It isn't taken in.")
        coding = answer.headers.get("content-encoding", "").strip().lower()
        pieces = response.iter_stream()
        return bodies.read(pieces, coding, name=name, max_bytes=want.max_bytes, limits=self._limits, cut=want.cut)

    def _check_busy(self, host: Host, answer: Answer) -> None:
        """Keep to the pause that the host wants.

        Raises:
            Passing: the pause is short, or not said.
            Paused: it is longer than a run waits.
        """
        if answer.status not in BUSY and answer.status < 500:
            return
        why = f"{shown(answer.url)} answers {answer.status}."
        wait = wished_wait(answer.headers, host.now())
        if wait is None:
            wait = self._limits.busy_s if answer.status == 429 else 0.0
        elif wait > self._limits.longest_wait_s:
            raise host.rest(wait, why)
        host.pace.hold(wait)
        raise Passing(f"{why} Try again later.", wait_s=wait)


@functools.cache
def _public_authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
