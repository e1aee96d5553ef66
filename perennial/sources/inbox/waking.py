"""What the taker sleeps on: keys that were notified, for a short while together, and the word to end."""

import threading
import time

LIMIT = 10_000
"""Keys remembered at most; those beyond are found by listing."""


class Wakings:
    """Keys of objects to look at, each once, in the order in which they came."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}
        self._changed = threading.Condition()
        self._stopped = False

    def add(self, key: str) -> None:
        """Remember a key, unless too many are."""
        with self._changed:
            if len(self._keys) < LIMIT:
                self._keys[key] = None
                self._changed.notify_all()

    def stop(self) -> None:
        """Let whoever waits end; it may be called by a signal's handler."""
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether it is time to end."""
        return self._stopped

    def wait(self, until: float, *, gather_s: float, most: int) -> list[str]:
        """Return up to ``most`` keys, gathered for ``gather_s`` seconds from the first one on; none at ``until``, or to end.

        ``until`` is a time of the monotonic clock.
        """
        with self._changed:
            while not self._keys and not self._stopped and (left := until - time.monotonic()) > 0:
                self._changed.wait(min(left, 0.2))
            full = time.monotonic() + gather_s
            while 0 < len(self._keys) < most and not self._stopped and (left := full - time.monotonic()) > 0:
                self._changed.wait(left)
            keys = list(self._keys)[:most]
            for key in keys:
                del self._keys[key]
            return keys
