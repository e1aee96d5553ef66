"""One inference call as metrics, logs and traces tell it: who is asked, what came of it, how long it took."""

import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass, field

UNKNOWN = "unknown"
REQUEST_ID = "x-request-id"
_LONGEST_ID = 128


@dataclass
class Call:
    """A call under way. ``task`` stays empty where nothing is inferred; ``cost`` names seconds: decode, infer."""

    id: str
    task: str = ""
    release: str = ""
    version: str = ""
    images: int = 0
    began: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """How long it has taken until now."""
        return time.perf_counter() - self.began


current: ContextVar[Call | None] = ContextVar("call", default=None)


def call_of(given: str | None) -> Call:
    """Return a call under the id that its client gave, or a new one where that is none."""
    usable = given and len(given) <= _LONGEST_ID and given.isascii() and given.isprintable()
    return Call(given if usable and given else secrets.token_hex(8))
