"""robots.txt: read as Protego reads it, which knows wildcards as the large crawlers do."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from perennial.errors import SourceError
from perennial.sources.posts import Gone, Paused
from perennial.sources.web import urls
from perennial.sources.web.addresses import Inside
from perennial.sources.web.answers import Answer
from perennial.sources.web.hosts import Host
from perennial.sources.web.limits import MAX_REDIRECTS, ROBOTS_BYTES
from perennial.sources.web.manners import AGENT
from perennial.sources.web.sending import Want
from perennial.sources.web.trouble import LeftAlone, Passing

RENEW_S = 20 * 3600.0
"""Age at which a copy is read anew, so that a daily run reads it each time."""

VALID_S = 24 * 3600.0
"""Age up to which a copy stands in for a robots.txt that can't be had."""

TRY_AGAIN_S = 60.0
"""How long the threads of a run take it as said that robots.txt can't be had."""

LONGEST_DELAY_S = 300.0
"""A host that wants more between two requests isn't asked at all."""


@dataclass(frozen=True)
class Rules:
    """What a host allows this software, and how long it wants it to wait between requests."""

    text: str
    delay_s: float
    _parsed: Any

    def allow(self, url: str) -> bool:
        """Say whether an address may be asked."""
        return bool(self._parsed.can_fetch(url, AGENT)) if self.text else True


def robots_txt(url: httpx.URL, send: Callable[[httpx.URL, Want], Answer]) -> Answer:
    """Return the answer for the robots.txt that rules ``url``, after at most 5 redirects.

    Raises:
        Inside: the host lies inside the network.
        Passing: its robots.txt can't be had, or leads to where it can't be.
    """
    address = first = url.copy_with(raw_path=b"/robots.txt")
    try:
        for _ in range(MAX_REDIRECTS + 1):
            answer = send(address, Want(ROBOTS_BYTES, cut=True))
            if not answer.location:
                return _settled(answer, first)
            address = urls.parsed(answer.location, base=address)
    except Gone as error:
        if isinstance(error, Inside) and address == first:
            raise
        raise Passing(str(error), again=False, place=urls.place_of(first)) from None
    raise Passing(f"{urls.shown(first)} redirects more than {MAX_REDIRECTS} times.", again=False, place=urls.place_of(first))


def _settled(answer: Answer, first: httpx.URL) -> Answer:
    if answer.status == 200 or 400 <= answer.status < 500:
        return answer
    raise Passing(f"{urls.shown(answer.url)} answers {answer.status}.", again=False, place=urls.place_of(first))


def parsed(text: str) -> Rules:
    """Return the rules in a robots.txt; lines that it shouldn't have are passed over."""
    from protego import Protego

    found = Protego.parse(text)
    rate = found.request_rate(AGENT)
    delays = [found.crawl_delay(AGENT) or 0.0, rate.seconds / rate.requests if rate and rate.requests else 0.0]
    return Rules(text, max(0.0, *delays), found)


class Robots:
    """The rules of one host, for all threads: read from the store, renewed from the host once a day."""

    def __init__(self, host: Host, now: Callable[[], float]) -> None:
        self._host, self._now = host, now
        self._lock = threading.Lock()
        self._rules = Rules("", 0.0, None)
        self._good_until = 0.0
        self._failed: tuple[float, str] | None = None

    def rules(self, read: Callable[[], Answer]) -> Rules:
        """Return the host's rules; ``read`` asks it for its robots.txt.

        Raises:
            LeftAlone: it can't be had and there is no copy of the last 24 hours, or it wants too long pauses.
        """
        if self._now() < self._good_until:
            return self._rules
        with self._lock:
            if self._now() >= self._good_until:
                self._renew(read)
            return self._rules

    def _renew(self, read: Callable[[], Answer]) -> None:
        now, state = self._now(), self._host.state
        if now - state.robots_read < RENEW_S:
            return self._take(state.robots, state.robots_read + RENEW_S)
        if self._failed and now - self._failed[0] < TRY_AGAIN_S:
            raise LeftAlone(self._failed[1])
        try:
            answer = read()
        except (Inside, Paused):
            raise
        except SourceError as error:
            if now - state.robots_read < VALID_S:
                return self._take(state.robots, min(now + 10 * TRY_AGAIN_S, state.robots_read + VALID_S))
            text = f"The robots.txt of {self._host.name} can't be had, so nothing is fetched there: {error}"
            self._failed = (now, text)
            raise LeftAlone(text) from None
        text = answer.body.decode("utf-8-sig", "replace") if answer.status == 200 else ""
        self._host.good()
        self._host.keep_robots(text)
        return self._take(text, now + RENEW_S)

    def _take(self, text: str, until: float) -> None:
        rules = parsed(text)
        if rules.delay_s > LONGEST_DELAY_S:
            raise LeftAlone(
                f"{self._host.name} asks robots to wait {rules.delay_s:,.0f} s between two requests (robots.txt), "
                "which no run can keep to. Ask its owner for another way to its images."
            )
        self._host.pace.delay_s = max(self._host.pace.delay_s, rules.delay_s)
        self._rules, self._good_until = rules, until
