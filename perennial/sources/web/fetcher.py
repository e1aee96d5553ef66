"""The fetcher: every request of every web source goes through here."""

import ssl
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Self

import httpx

from perennial.catalog.objects import Objects
from perennial.sources.posts import Forbidden, Gone
from perennial.sources.web import bodies
from perennial.sources.web.addresses import Resolve, resolve
from perennial.sources.web.answers import Answer, check_found
from perennial.sources.web.bodies import Expected
from perennial.sources.web.hosts import Host
from perennial.sources.web.limits import MAX_REDIRECTS, PAGE_BYTES, USUAL, Limits
from perennial.sources.web.manners import Manners
from perennial.sources.web.notes import Notes
from perennial.sources.web.retries import retried
from perennial.sources.web.robots import Robots, robots_txt
from perennial.sources.web.sending import Sender, Want
from perennial.sources.web.trouble import Failing, Passing
from perennial.sources.web.urls import parsed, place_of, shown
from perennial.sources.web.validators import Validators, version


class Fetcher:
    """Fetches for one source; its threads share one fetcher.

    Args:
        objects: where hosts and versions of pages are remembered; None keeps them for this run alone.
        manners: who asks, and how much.
        allowed: hosts, as ``host`` or ``host:port``, that may lie inside the network.
        connections: at most this many at once to one host.
        limits: times and sizes; by default USUAL.
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
        limits: Limits | None = None,
        resolve: Resolve = resolve,
        now: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare; nothing is asked yet.

        Raises:
            SourceError: the contact can't stand in a request.
        """
        self._manners, self._limits, self._connections, self._now = manners, limits or USUAL, connections, now
        self._notes = Notes(objects)
        self._validators = Validators(self._notes)
        self._hosts: dict[str, Host] = {}
        self._robots: dict[Host, Robots] = {}
        self._lock = threading.Lock()
        names = frozenset(name.lower() for name in allowed)
        self._sender = Sender(manners, self._limits, allowed=names, connections=connections, resolve=resolve, tls=tls)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections and write down what was asked."""
        self._sender.close()
        for host in list(self._hosts.values()):
            host.close()

    def get(self, url: str, *, max_bytes: int = PAGE_BYTES, expect: Expected = "any") -> bytes:
        """Return the body at ``url``, after at most 5 redirects, each of which is checked like the first address.

        Raises:
            Gone: it isn't there, isn't what was expected, is too large, may not be asked for, or lies inside the network.
            Failing: this address failed each time it was asked.
            Paused: the day's cap is reached, or the host wants to be left alone for longer than a run waits.
            LeftAlone: the host is left alone after failures, or its robots.txt can't be had.
        """
        return self._tried(url, Want(max_bytes, expect)).body

    def get_if_changed(self, url: str, *, max_bytes: int = PAGE_BYTES, expect: Expected = "any") -> bytes | None:
        """Return the body at ``url``, or None where it is the one that was confirmed last.

        Call :meth:`confirm` once all that the body asks for is done: a run killed before that gets it again.

        Raises:
            As :meth:`get`.
        """
        known = self._validators.known(url)
        answer = self._tried(url, Want(max_bytes, expect, known=known))
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

    def _tried(self, url: str, want: Want) -> Answer:
        """Ask for an address as often as it is worth it."""
        address = parsed(url)
        host = self._host(address)
        with host.trying():
            return self._again(host, lambda: self._followed(address, want))

    def _again(self, host: Host, ask: Callable[[], Answer]) -> Answer:
        try:
            return retried(ask, self._limits)
        except Passing as error:
            self._hosts.get(error.place, host).bad(str(error))
            raise Failing(str(error)) from None

    def _followed(self, address: httpx.URL, want: Want) -> Answer:
        first = shown(address)
        for _ in range(MAX_REDIRECTS + 1):
            host = self._host(address)
            host.check()
            if self._manners.robots:
                self._check_robots(host, address)
            answer = self._send(address, want)
            if not answer.location:
                return self._taken(host, answer, want)
            host.good()
            address = parsed(answer.location, base=address)
        raise Gone(f"{first} redirects more than {MAX_REDIRECTS} times. Open it in a browser to see where it leads.")

    def _taken(self, host: Host, answer: Answer, want: Want) -> Answer:
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
        host.good()
        return answer

    def _check_robots(self, host: Host, url: httpx.URL) -> None:
        """Do nothing where the host's robots.txt allows the address.

        Raises:
            Forbidden: it doesn't.
            LeftAlone: it can't be had.
        """
        rules = self._robots[host].rules(lambda: self._again(host, lambda: robots_txt(url, self._send)))
        if not rules.allow(str(url)):
            raise Forbidden(f"{shown(url)} may not be fetched: the robots.txt of {host.name} says so.")

    def _send(self, url: httpx.URL, want: Want) -> Answer:
        return self._sender.send(self._host(url), url, want)

    def _host(self, url: httpx.URL) -> Host:
        place = place_of(url)
        with self._lock:
            if place not in self._hosts:
                host = Host(place, self._notes, self._manners, self._limits, connections=self._connections, now=self._now)
                self._hosts[place], self._robots[host] = host, Robots(host, self._now)
            return self._hosts[place]
