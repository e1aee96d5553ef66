"""What may go wrong between this machine and a host."""

import datetime

from perennial.errors import SourceError


class Failing(SourceError):
    """One address failed each time it was asked; its host may be well, and a later run may have more luck."""


class LeftAlone(SourceError):
    """Nothing is asked of a host for now: too much failed there, or its robots.txt can't be had."""


class Passing(SourceError):
    """A failure that may be over soon.

    Args:
        wait_s: how long the host wants to be left alone; 0 where it didn't say.
        again: whether it is worth asking at once.
        place: which host failed.
    """

    def __init__(self, text: str, *, wait_s: float = 0.0, again: bool = True, place: str = "") -> None:
        super().__init__(text)
        self.wait_s = wait_s
        self.again = again
        self.place = place


def clock(seconds: float) -> str:
    """Return a time since 1970 for people, in UTC to the minute."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
