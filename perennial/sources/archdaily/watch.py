"""Stop reading a site whose pages don't say any more what everything here rests on."""

import threading
from collections.abc import Mapping

from perennial.errors import SourceError

PATIENCE = 20
"""Posts in a row that may lack one and the same thing."""


class Watch:
    """Counts, over the posts of one run, how many in a row lacked each essential thing; threads share one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._missing: dict[str, int] = {}
        self._lock = threading.Lock()

    def saw(self, there: Mapping[str, bool]) -> None:
        """Note which essential things a post had.

        Raises:
            SourceError: the last 20 posts all lacked one of them.
        """
        with self._lock:
            for thing, found in there.items():
                self._missing[thing] = 0 if found else self._missing.get(thing, 0) + 1
            gone = sorted(thing for thing, count in self._missing.items() if count >= PATIENCE)
        if gone:
            raise SourceError(
                f"{self._name} is stopped: {' and '.join(gone)} couldn't be found in {PATIENCE} posts in a row, so the site has "
                f"changed shape. 'perennial sources check {self._name}' says what is still there."
            )
