"""Taking in what comes, for as long as the process runs: woken by notifications, and by listing now and then."""

import time
from collections.abc import Callable

from perennial.errors import PerennialError
from perennial.sources.inbox.metadata import SIDECAR
from perennial.sources.inbox.taking import BATCH, Taker
from perennial.sources.inbox.took import Took
from perennial.sources.inbox.waking import Wakings

GATHER_S = 0.3
"""How long a first notification waits for others, so that many objects make few changes of the table."""

LONGEST_PAUSE_S = 30.0


class Listener:
    """Takes in objects until it is told to stop; a store that is away is waited for."""

    def __init__(self, taker: Taker, every_s: float, say: Callable[[str], None]) -> None:
        """Start with looking through the inbox.

        Args:
            taker: what takes objects in.
            every_s: seconds from one listing to the next.
            say: takes a line for each batch, and for each trouble once.
        """
        self.wakings = Wakings()
        self.trouble = "The inbox wasn't looked through yet."
        self._taker, self._every_s, self._say = taker, every_s, say
        self._said = ""

    def notified(self, key: str) -> None:
        """Have an object looked at; a sidecar means its picture."""
        self.wakings.add(key.removesuffix(SIDECAR))

    def run(self) -> None:
        """Take in what is there and what comes, until ``wakings`` is stopped; the batch under way is brought to its end."""
        pause, due = 1.0, time.monotonic()
        while not self.wakings.stopped:
            try:
                if time.monotonic() >= due:
                    took = self._taker.take_all(between=self._between)
                    wait = max(self._every_s, LONGEST_PAUSE_S) if took.trouble else self._every_s
                    due, self.trouble, pause = time.monotonic() + wait, "", 1.0
                self._take_notified(due)
            except PerennialError as error:
                self.trouble = str(error)
                self._tell(self.trouble)
                self._sleep(pause)
                pause, due = min(2 * pause, LONGEST_PAUSE_S), time.monotonic()

    def _between(self, took: Took) -> bool:
        """Tell of a batch of the listing, and take in what was notified meanwhile."""
        self.trouble = ""
        self._told(took)
        self._take_notified(time.monotonic())
        return not self.wakings.stopped

    def _take_notified(self, until: float) -> None:
        keys = self.wakings.wait(until, gather_s=GATHER_S, most=BATCH)
        if keys:
            self._told(self._taker.take(keys))

    def _told(self, took: Took) -> None:
        if took.did:
            self._say(took.sentence)
        elif took.trouble:
            self._tell(took.trouble)

    def _tell(self, trouble: str) -> None:
        if trouble != self._said:
            self._say(trouble)
        self._said = trouble

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.wakings.stopped and time.monotonic() < end:
            time.sleep(0.1)
