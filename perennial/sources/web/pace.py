"""When the next request to a host may leave: one clock for all threads."""

import random
import threading
import time


class Pace:
    """Times that lie at least ``delay_s`` apart, and up to half as much again by chance."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self._lock = threading.Lock()
        self._next = 0.0
        self._held = 0.0

    def wait(self) -> None:
        """Sleep until this thread's turn."""
        while True:
            turn = self._take()
            left = turn - time.monotonic()
            if left > 0:
                time.sleep(left)
            if turn >= self._held:
                return

    def hold(self, seconds: float) -> None:
        """Let no request leave for so long, those that have their turn already among them."""
        with self._lock:
            self._held = max(self._held, time.monotonic() + seconds)

    def _take(self) -> float:
        with self._lock:
            turn = max(time.monotonic(), self._next, self._held)
            self._next = turn + self.delay_s * random.uniform(1, 1.5)
            return turn
