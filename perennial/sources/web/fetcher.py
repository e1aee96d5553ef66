"""The fetcher: every request of every web source goes through here."""

import ssl
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Self

import httpcore
import httpx
import stamina

from perennial.catalog.objects import Objects
from perennial.sources.posts import Gone
from perennial.sources.web import bodies
from perennial.sources.web.addresses import Resolve, resolve
from perennial.sources.web.answers import BUSY, Answer, check_found, wished_wait
from perennial.sources.web.bodies import Expected
from perennial.sources.web.hosts import Host
from perennial.sources.web.limits import MAX_REDIRECTS, PAGE_BYTES, ROBOTS_BYTES, USUAL, Limits
from perennial.sources.web.manners import Manners
from perennial.sources.web.network import CheckedNetwork
from perennial.sources.web.notes import Notes
from perennial.sources.web.robots import Robots
from perennial.sources.web.trouble import Failing, Passing
from perennial.sources.web.urls import parsed, place_of, shown
from perennial.sources.web.validators import UNKNOWN, Validators, Version, version


@dataclass(frozen=True)
class _Want:
    max_bytes: int
    expect: Expected = "any"
    cut: bool = False
    known: Version = UNKNOWN


class Fetcher:
    """Fetches for one source; its threads share one fetcher.

    Args:
        objects: where hosts and versions of pages are remembered; None keeps them for this run alone.
        manners: who asks, and how much.
        allowed: hosts, as ``host`` or ``host:port``, that may lie inside the network.
        connections: at most this many at once to one host.
        limits: times and sizes.
        resolve: host and port → IP addresses.
        now: seconds since 1970.
        tls: which certificates are believed; by default those of the public authorities.
    """

    def __init__(
        self,
        objects: Objects | None,
        manners: Manners,
        *,
        allowed: Collection[str] = (),
        connections: int = 1,
        limits: Limits = USUAL,
        resolve: Resolve = resolve,
        now: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare; nothing is asked yet.

        Raises:
            SourceError: the contact can't stand in a request.
        """
        self._manners, self._limits, self._connections, self._now = manners, limits, connections, now
        self._headers = [("User-Agent", manners.user_agent), ("Accept", "*/*"), ("Accept-Encoding", "gzip")]
        self._notes = Notes(objects)
        self._validators = Validators(self._notes)
        self._hosts: dict[str, Host] = {}
        self._robots: dict[Host, Robots] = {}
        self._lock = threading.Lock()
        self._network = CheckedNetwork(frozenset(name.lower() for name in allowed), resolve)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            max_connections=None,
            max_keepalive_connections=4 * connections,
            keepalive_expiry=15.0,
            network_backend=self._network,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and write down what was asked."""
        self._pool.close()
        for host in self._hosts.values():
            host.close()

    def get(self, url: str, *, max_bytes: int = PAGE_BYTES, expect: Expected = "any") -> bytes:
        """Return the body at ``url``, after at most 5 redirects, each of which is checked like the first address.

        Raises:
            Gone: it isn't there, isn't what was expected, is too large, may not be asked for, or lies inside the network.
            Failing: this address failed each time it was asked.
            Paused: the day's cap is reached, or the host wants to be left alone for longer than a run waits.
            SourceError: the host is left alone after failures, or its robots.txt can't be had.
        """
        return self._tried(url, _Want(max_bytes, expect)).body

    def get_if_changed(self, url: str, *, max_bytes: int = PAGE_BYTES, expect: Expected = "any") -> bytes | None:
        """Return the body at ``url``, or None where it is the one that was confirmed last.

        Call :meth:`confirm` once all that the body asks for is done: a run killed before that gets it again.

        Raises:
            As :meth:`get`.
        """
        known = self._validators.known(url)
        answer = self._tried(url, _Want(max_bytes, expect, known=known))
        if answer.status == 304:
            return None
        headers = answer.headers
        found = version(str(answer.url), headers.get("etag", ""), headers.get("last-modified", ""), answer.body)
        self._validators.seen(url, found)
        if found.sha256 == known.sha256:
            self._validators.confirm(url)
            return None
        return answer.body

    def confirm(self, url: str) -> None:
        """Remember that what :meth:`get_if_changed` returned for ``url`` has been dealt with."""
        self._validators.confirm(url)

    def _tried(self, url: str, want: _Want) -> Answer:
        """Ask for an address as often as it is worth it."""
        address = parsed(url)
        with self._host(address).trying():
            return self._again(lambda: self._followed(address, want))

    def _again(self, ask: Callable[[], Answer]) -> Answer:
        limits = self._limits
        retries = stamina.retry_context(
            _wait, attempts=limits.attempts, timeout=None, wait_initial=limits.retry_s, wait_jitter=limits.retry_s
        )
        try:
            for attempt in retries:
                with attempt:
                    return ask()
        except Passing as error:
            if error.place in self._hosts:
                self._hosts[error.place].bad(str(error))
            raise Failing(str(error)) from None
        raise AssertionError("stamina ends with an answer or an error")

    def _followed(self, address: httpx.URL, want: _Want) -> Answer:
        first = shown(address)
        for _ in range(MAX_REDIRECTS + 1):
            host = self._host(address)
            if self._manners.robots:
                self._check_robots(host, address)
            answer = self._ask(host, address, want)
            if not answer.location:
                return self._taken(host, answer, want)
            host.good()
            address = parsed(answer.location, base=address)
        raise Gone(f"{first} redirects more than {MAX_REDIRECTS} times. Open it in a browser to see where it leads.")

    def _taken(self, host: Host, answer: Answer, want: _Want) -> Answer:
        """Return the answer, if it is one to the question."""
        try:
            check_found(answer)
            if answer.status == 304:
                if not want.known.questions(str(answer.url)):
                    raise Gone(f"{shown(answer.url)} says that it hasn't changed, which wasn't asked. It isn't taken in.")
            elif want.expect == "xml" and bodies.is_gzip(answer.body):
                answer = replace(answer, body=bodies.inflated(answer.body, name=shown(answer.url), max_bytes=want.max_bytes))
            if answer.status == 200:
                bodies.check_kind(answer.body, want.expect, shown(answer.url))
        except bodies.WrongKind as error:
            host.bad(str(error))
            raise
        except Passing as error:
            error.place = place_of(answer.url)
            raise
        host.good()
        return answer

    def _ask(self, host: Host, url: httpx.URL, want: _Want) -> Answer:
        """Send one request and read the answer to its end.

        Raises:
            Gone: the address lies inside the network, or the body is too large.
            Passing: the host is away, busy or slow.
            Paused, SourceError: the host is left alone.
        """
        limits = self._limits
        headers = [*self._headers, ("Host", url.netloc.decode("ascii")), *want.known.questions(str(url))]
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        timeouts = {"connect": limits.connect_s, "read": limits.silence_s, "write": limits.silence_s}
        try:
            with (
                host.turn(),
                self._network.deadline(limits.deadline_s),
                self._pool.stream("GET", target, headers=headers, extensions={"timeout": timeouts}) as response,
            ):
                answer = Answer(url, response.status, httpx.Headers(response.headers))
                self._check_busy(host, answer)
                if answer.status != 200:
                    return answer
                return replace(answer, body=self._body(answer, response, want))
        except Passing as error:
            error.place = place_of(url)
            raise
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            failed = Passing(f"{host.name} doesn't answer {shown(url)} ({error or type(error).__name__}). Try again later.")
            failed.place = place_of(url)
            raise failed from None

    def _body(self, answer: Answer, response: httpcore.Response, want: _Want) -> bytes:
        length = answer.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > want.max_bytes and not want.cut:
            raise Gone(f"{shown(answer.url)} has more than {want.max_bytes:,} bytes. It isn't taken in.")
        coding = answer.headers.get("content-encoding", "").strip().lower()
        name = shown(answer.url)
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
        wait = wished_wait(answer.headers, self._now())
        if wait is None:
            wait = self._limits.busy_s if answer.status == 429 else 0.0
        elif wait > self._limits.longest_wait_s:
            raise host.rest(wait, why)
        host.pace.hold(wait)
        raise Passing(f"{why} Try again later.", wait)

    def _check_robots(self, host: Host, url: httpx.URL) -> None:
        """Do nothing where the host's robots.txt allows the address.

        Raises:
            Gone: it doesn't.
            SourceError: it can't be had.
        """
        rules = self._robots[host].rules(lambda: self._robots_txt(host, url))
        if not rules.allow(str(url)):
            raise Gone(f"{shown(url)} may not be fetched: the robots.txt of {host.name} says so.")

    def _robots_txt(self, host: Host, url: httpx.URL) -> str:
        """Return a host's robots.txt as it is now; empty where there is none."""
        want = _Want(ROBOTS_BYTES, cut=True)

        def ask() -> Answer:
            address = url.copy_with(raw_path=b"/robots.txt")
            for _ in range(MAX_REDIRECTS + 1):
                answer = self._ask(self._host(address), address, want)
                if not answer.location:
                    return answer
                address = parsed(answer.location, base=address)
            raise Gone(f"{shown(url)} redirects more than {MAX_REDIRECTS} times.")

        answer = self._again(ask)
        host.good()
        return answer.body.decode("utf-8", "replace") if answer.status == 200 else ""

    def _host(self, url: httpx.URL) -> Host:
        place = place_of(url)
        with self._lock:
            if place not in self._hosts:
                host = Host(place, self._notes, self._manners, self._limits, connections=self._connections, now=self._now)
                self._hosts[place], self._robots[host] = host, Robots(host, self._now)
            return self._hosts[place]


def _wait(error: Exception) -> bool | float:
    """Retry what may pass, after the time that the host asked for."""
    if not isinstance(error, Passing) or not error.again:
        return False
    return error.wait_s or True
