"""What a host answers, before anyone reads the body."""

import email.utils
from dataclasses import dataclass

import httpx

from perennial.sources.posts import NotFound
from perennial.sources.web.trouble import Passing
from perennial.sources.web.urls import place_of, shown

REDIRECTS = (301, 302, 303, 307, 308)
BUSY = (408, 425, 429)
REFUSED = (401, 403)


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of one answer; ``url`` is the address that gave it."""

    url: httpx.URL
    status: int
    headers: httpx.Headers
    body: bytes = b""

    @property
    def location(self) -> str:
        """Where it redirects to; empty where it doesn't."""
        return self.headers.get("location", "") if self.status in REDIRECTS else ""


def check_found(answer: Answer) -> None:
    """Do nothing where the answer is the page, or says that the page is as it was.

    Raises:
        Passing: the host refuses; it isn't asked again at once.
        NotFound: the page isn't there.
    """
    if answer.status in REFUSED:
        raise Passing(
            f"{shown(answer.url)} answers {answer.status}: the site refuses. Ask its owner for permission, then run again.",
            again=False,
            place=place_of(answer.url),
        )
    if answer.status not in (200, 304):
        raise NotFound(f"{shown(answer.url)} answers {answer.status}. It isn't there any more.")


def wished_wait(headers: httpx.Headers, now: float) -> float | None:
    """Return the seconds of a ``Retry-After``, given as such or as a date; None where there is none that can be read."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return float(said[:12])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
