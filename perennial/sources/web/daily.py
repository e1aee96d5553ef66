"""How many requests a host gets in a UTC day, of all runs together."""

import threading
from collections.abc import Callable

from perennial.sources.web.notes import Document, Notes
from perennial.sources.web.trouble import clock

BLOCK = 20


class Daily:
    """The day's requests to one host.

    A cap is claimed from the store in blocks, of at most BLOCK requests and at most a fiftieth of it, before they are used. So
    it is never exceeded, by however many processes; a kill wastes at most what is left of a block. Without a cap, requests are
    added up in the store when :meth:`close` is called.
    """

    def __init__(self, notes: Notes, key: str, cap: int | None, now: Callable[[], float]) -> None:
        self._notes, self._key, self._now = notes, key, now
        self._cap = cap
        self._lock = threading.Lock()
        self._day, self._left, self._uncounted = "", 0, 0

    def take(self) -> bool:
        """Count one request; return False where the day has none left."""
        with self._lock:
            day = clock(self._now())[:10]
            if day != self._day:
                self._day, self._left, self._uncounted = day, 0, 0
            if self._cap is None:
                self._uncounted += 1
                return True
            self._left = self._left or self._claimed(day, self._cap)
            if not self._left:
                return False
            self._left -= 1
            return True

    def give_back(self) -> None:
        """Take one request back that never left."""
        with self._lock:
            if self._cap is None:
                self._uncounted -= 1
            else:
                self._left += 1

    def close(self) -> None:
        """Give back what was claimed and not used, and add up what wasn't counted."""
        with self._lock:
            more, day = self._uncounted - self._left, self._day
            self._left = self._uncounted = 0
            if more:
                self._notes.update(self._key, lambda old: _counted(old, day, more))

    def _claimed(self, day: str, cap: int) -> int:
        got = 0

        def claim(old: Document) -> Document:
            nonlocal got
            got = max(0, min(cap - _used(old, day), BLOCK, max(1, cap // 50)))
            return _counted(old, day, got)

        self._notes.update(self._key, claim)
        return got


def _used(old: Document, day: str) -> int:
    """Return how many requests count on a day: those of another one don't, unless this machine's clock is behind."""
    return int(old.get("requests", 0)) if old.get("day", "") >= day else 0


def _counted(old: Document, day: str, more: int) -> Document:
    return {**old, "day": max(day, old.get("day", "")), "requests": max(0, _used(old, day) + more)}
