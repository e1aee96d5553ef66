"""What is known of a host from run to run: its robots.txt, how much was asked of it today, and whether it is left alone."""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator

from pydantic import BaseModel, ConfigDict, ValidationError

from perennial.errors import StoreError
from perennial.sources.posts import Paused
from perennial.sources.web.addresses import Inside
from perennial.sources.web.daily import Daily
from perennial.sources.web.limits import Limits
from perennial.sources.web.manners import Manners
from perennial.sources.web.notes import Document, Notes
from perennial.sources.web.pace import Pace
from perennial.sources.web.trouble import LeftAlone, clock

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
    """One host: its turns, its day's requests and its circuit breaker, for all threads of this process.

    The store is written when robots.txt is read, when an address is given up, when the host is well again after that, when it
    asks for a pause, and for the day's requests as :class:`Daily` says; never for each request.
    """

    def __init__(
        self, place: str, notes: Notes, manners: Manners, limits: Limits, *, connections: int, now: Callable[[], float]
    ) -> None:
        self.name = place.removesuffix(":443").removesuffix(":80")
        self.pace = Pace(manners.delay_s)
        self.now = now
        self._key = f"sources/hosts/{re.sub(r'[^a-z0-9.-]', '_', self.name)}.json"
        self._notes, self._limits, self._cap = notes, limits, manners.daily_requests
        self._daily = Daily(notes, self._key, self._cap, now)
        self._slots = threading.Semaphore(connections)
        self._lock = threading.RLock()
        self._probe = threading.Lock()
        self._state, self._read_at = HostState(), -LOOK_AGAIN_S

    @property
    def state(self) -> HostState:
        """What is known, at most half a minute old; the day's requests only as far as they are written down."""
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
            LeftAlone: the host is left alone after failures.
        """
        self.check()
        self.pace.wait()
        with self._slots:
            self.check()
            if not self._daily.take():
                midnight = clock((self.now() // DAY_S + 1) * DAY_S)
                raise Paused(
                    f"The day's {self._cap:,} requests to {self.name} are used up. A run after {midnight} goes on; "
                    "'daily_requests' of the source says how many there are."
                )
            try:
                yield
            except Inside:
                self._daily.give_back()
                raise

    def check(self) -> None:
        """Do nothing where the host may be asked.

        Raises:
            Paused: it asked for a pause.
            LeftAlone: it is left alone after failures.
        """
        state = self.state
        if self.now() >= state.until:
            return
        if state.asked_for:
            raise self._paused()
        raise LeftAlone(
            f"{self.name} is left alone until {clock(state.until)}, since addresses in a row failed there, the last one so: "
            f"{state.why} Look at it in a browser; a run after that time tries one address first."
        )

    def good(self) -> None:
        """Note that the host answered as hosts do."""
        state = self.state
        if (state.failures or state.rests) and self.now() >= state.until:
            self._change(lambda old: old.model_copy(update={"failures": 0, "rests": 0, "why": ""}))

    def bad(self, why: str) -> None:
        """Note that an address was given up; after some in a row the host is left alone, from the next request on."""
        self._change(lambda old: self._struck(old, why))

    def rest(self, seconds: float, why: str) -> Paused:
        """Ask nothing for as long as the host wants, a week at most, and return the error that says so."""
        until = self.now() + min(seconds, LONGEST_PAUSE_S)
        self._change(lambda old: old.model_copy(update={"until": max(until, old.until), "why": why, "asked_for": True}))
        return self._paused()

    def keep_robots(self, text: str) -> None:
        """Keep the host's robots.txt."""
        self._change(lambda old: old.model_copy(update={"robots": text, "robots_read": self.now()}))

    def close(self) -> None:
        """Write down what was asked."""
        self._daily.close()

    def _paused(self) -> Paused:
        state = self.state
        return Paused(f"{self.name} asked to be left alone until {clock(state.until)}: {state.why} A run after that goes on.")

    def _struck(self, state: HostState, why: str) -> HostState:
        failures, now = state.failures + 1, self.now()
        if now < state.until:
            return state
        if failures < self._limits.failures:
            return state.model_copy(update={"failures": failures, "why": why})
        until = now + min(self._limits.rest_s * 2**state.rests, LONGEST_REST_S)
        changed = {"failures": failures - 1, "rests": min(state.rests + 1, 20), "until": until, "asked_for": False, "why": why}
        return state.model_copy(update=changed)

    def _change(self, change: Callable[[HostState], HostState]) -> None:
        with self._lock:
            self._see(self._notes.update(self._key, lambda old: {**old, **change(_state(self._key, old)).model_dump()}))

    def _see(self, document: Document) -> None:
        self._state, self._read_at = _state(self._key, document), time.monotonic()


def _state(key: str, document: Document) -> HostState:
    try:
        return HostState.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"{key} in the store is damaged: {where}: {first['msg'].lower()}. Delete it, and it is begun anew."
        ) from None
