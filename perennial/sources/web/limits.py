"""How long and how often a fetch may try, and how much it may take."""

from dataclasses import dataclass

PAGE_BYTES = 5 * 1024 * 1024
ROBOTS_BYTES = 512 * 1024
MAX_REDIRECTS = 5


@dataclass(frozen=True)
class Limits:
    """Times in seconds, rates in bytes a second.

    Args:
        deadline_s: one request from connecting to its last byte.
        connect_s: until a connection stands.
        silence_s: between two pieces of an answer.
        grace_s: how long an answer may be slower than ``slowest`` before it is given up.
        slowest: bytes a second that an answer brings at least.
        attempts: how often an address is asked before it is given up.
        retry_s: wait before the second attempt; it doubles with each, and as much again at most comes by chance.
        busy_s: wait after "too many requests" where the host names no time.
        longest_wait_s: a ``Retry-After`` that is longer ends the run instead of being waited for.
        failures: addresses of a host in a row that are given up before the host is left alone; more than a post has images.
        rest_s: how long it is left alone then; doubled each time up to a day.
    """

    deadline_s: float = 120.0
    connect_s: float = 10.0
    silence_s: float = 15.0
    grace_s: float = 10.0
    slowest: int = 1024
    attempts: int = 3
    retry_s: float = 0.5
    busy_s: float = 10.0
    longest_wait_s: float = 60.0
    failures: int = 5
    rest_s: float = 900.0


USUAL = Limits()
