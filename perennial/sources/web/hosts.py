"""What is known of a host from run to run: its robots.txt, how much was asked of it today, and whether it is left alone."""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator

from pydantic import BaseModel, ConfigDict

from perennial.errors import SourceError
from perennial.sources.posts import Paused
from perennial.sources.web.limits import Limits
from perennial.sources.web.manners import Manners
from perennial.sources.web.notes import Document, Notes
from perennial.sources.web.pace import Pace
from perennial.sources.web.trouble import clock

DAY_S = 86400
LONGEST_REST_S = 86400.0
LONGEST_PAUSE_S = 7 * 86400.0
LOOK_AGAIN_S = 30.0
"""How long it may take until one process sees that another left a host alone."""


class HostState(BaseModel):
    """A host's document in the store, ``sources/hosts/<host>.json``; times are seconds since 1970.

    ``requests`` counts those of ``day`` (UTC); ``failures`` the addresses in a row that were given up; ``rests`` how often in a
    row the host was left alone; nothing is asked before ``until``, because of ``why``, and ``asked_for`` says that the host
    itself named the time.
    """

    model_config = ConfigDict(frozen=True)

    day: str = ""
    requests: int = 0
    robots: str = ""
    robots_read: float = 0.0
    failures: int = 0
    rests: int = 0
    until: float = 0.0
    why: str = ""
    asked_for: bool = False


class Host:
    """One host: its turns, its day's cap and its circuit breaker, for all threads of this process.

    The cap is claimed from the store in blocks of at most 20 requests and at most a fiftieth of it, before they are used. So it
    is never exceeded, by however many processes; a kill wastes at most what is left of a block. Without a cap, requests are
    added up in the store when the fetcher is closed.
    """

    def __init__(
        self, place: str, notes: Notes, manners: Manners, limits: Limits, *, connections: int, now: Callable[[], float]
    ) -> None:
        self.name = place.removesuffix(":443").removesuffix(":80")
        self.pace = Pace(manners.delay_s)
        self._key = f"sources/hosts/{re.sub(r'[^a-z0-9.-]', '_', self.name)}.json"
        self._notes, self._limits, self._now = notes, limits, now
        self._cap = manners.daily_requests
        self._slots = threading.Semaphore(connections)
        self._lock = threading.RLock()
        self._probe = threading.Lock()
        self._left, self._left_of, self._uncounted = 0, "", 0
        self._read_at = -LOOK_AGAIN_S
        self._state = HostState()

    @property
    def state(self) -> HostState:
        """What is known; at most half a minute old."""
        with self._lock:
            if time.monotonic() - self._read_at >= LOOK_AGAIN_S:
                self._see(self._notes.read(self._key))
            return self._state

    @contextlib.contextmanager
    def trying(self) -> Iterator[None]:
        """Enclose the attempts at one address: after a rest, one address alone shows whether the host is well again."""
        with self._probe if self.state.rests else contextlib.nullcontext():
            yield

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until a request may leave, and hold one of the host's connections.

        Raises:
            Paused: the day's cap is reached, or the host asked for a longer pause.
            SourceError: the host is left alone after failures.
        """
        self._check()
        self.pace.wait()
        with self._slots:
            self._check()
            self._count()
            yield

    def good(self) -> None:
        """Note that the host answered as hosts do."""
        state = self.state
        if (state.failures or state.rests) and self._now() >= state.until:
            self._change(failures=0, rests=0, why="")

    def bad(self, why: str) -> None:
        """Note that an address was given up; after some in a row the host is left alone.

        Raises:
            SourceError: it is, from now on or already.
        """
        with self._lock:
            if self._now() >= self.state.until:
                self._see(
                    self._notes.update(self._key, lambda old: self._struck(HostState.model_validate(old), why).model_dump())
                )
        self._check()

    def rest(self, seconds: float, why: str) -> Paused:
        """Ask nothing for as long as the host wants, a week at most, and return the error that says so."""
        self._change(until=self._now() + min(seconds, LONGEST_PAUSE_S), why=why, asked_for=True)
        return self._paused()

    def keep_robots(self, text: str) -> None:
        """Keep the host's robots.txt."""
        self._change(robots=text, robots_read=self._now())

    def close(self) -> None:
        """Give back what was claimed and not used."""
        with self._lock:
            unused, self._left = self._left, 0
            asked, self._uncounted = self._uncounted, 0
            day = self._left_of
            if unused or asked:
                self._see(self._notes.update(self._key, lambda old: _counted(old, day, asked - unused)))

    def _check(self) -> None:
        state = self.state
        if self._now() >= state.until:
            return
        if state.asked_for:
            raise self._paused()
        raise SourceError(
            f"{self.name} is left alone until {clock(state.until)}: {self._limits.failures} addresses in a row failed there, "
            f"at last so: {state.why} Look at it in a browser; a run after that time tries one address first."
        )

    def _paused(self) -> Paused:
        state = self.state
        return Paused(f"{self.name} asked to be left alone until {clock(state.until)}: {state.why} A run after that goes on.")

    def _struck(self, state: HostState, why: str) -> HostState:
        failures, now = state.failures + 1, self._now()
        if failures < self._limits.failures:
            return state.model_copy(update={"failures": failures, "why": why})
        rest = min(self._limits.rest_s * 2**state.rests, LONGEST_REST_S)
        changed = {"failures": failures - 1, "rests": min(state.rests + 1, 20), "until": now + rest, "asked_for": False}
        return state.model_copy(update={**changed, "why": why})

    def _count(self) -> None:
        """Take one request of the day's."""
        with self._lock:
            day = clock(self._now())[:10]
            if day != self._left_of:
                self._left, self._left_of = 0, day
            if self._cap is None:
                self._uncounted += 1
                return
            if not self._left:
                self._left = self._claimed(day, self._cap)
            if not self._left:
                midnight = clock((self._now() // DAY_S + 1) * DAY_S)
                raise Paused(
                    f"The day's {self._cap:,} requests to {self.name} are used up. A run after {midnight} goes on; "
                    "'daily_requests' of the source says how many there are."
                )
            self._left -= 1

    def _claimed(self, day: str, cap: int) -> int:
        got = 0

        def claim(old: Document) -> Document:
            nonlocal got
            used = int(old.get("requests", 0)) if old.get("day") == day else 0
            got = max(0, min(cap - used, 20, max(1, cap // 50)))
            return _counted(old, day, got)

        self._see(self._notes.update(self._key, claim))
        return got

    def _change(self, **values: object) -> None:
        with self._lock:
            self._see(self._notes.update(self._key, lambda old: {**old, **values}))

    def _see(self, document: Document) -> None:
        self._state, self._read_at = HostState.model_validate(document), time.monotonic()


def _counted(old: Document, day: str, more: int) -> Document:
    """Return the document with so many more requests on a day; those of a day before the document's don't count any more."""
    if old.get("day", "") > day:
        return old
    used = int(old.get("requests", 0)) if old.get("day") == day else 0
    return {**old, "day": day, "requests": max(0, used + more)}
