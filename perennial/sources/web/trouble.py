"""What may go wrong between this machine and a host."""

import datetime

from perennial.errors import SourceError


class Failing(SourceError):
    """One address failed each time it was asked; its host may be well, and a later run may have more luck."""


class Passing(SourceError):
    """A failure that may be over soon.

    ``wait_s`` is how long the host wants to be left alone (0: it didn't say), ``again`` whether it is worth asking at once,
    ``place`` which host failed.
    """

    def __init__(self, text: str, wait_s: float = 0.0, *, again: bool = True) -> None:
        super().__init__(text)
        self.wait_s = wait_s
        self.again = again
        self.place = ""


def clock(seconds: float) -> str:
    """Return a time since 1970 for people, in UTC to the minute."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
