"""What the state machine sees of an endpoint and does to it; one implementation for this machine, one for a cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from perennial.deployment.figures import Figures
from perennial.serving.record import EndpointRecord


@dataclass(frozen=True)
class Seen:
    """How a release stands: whether it is loaded, what is wrong where it isn't, and whether waiting can mend that."""

    ready: bool
    trouble: str = ""
    final: bool = False
    restarts: int = 0


@dataclass(frozen=True)
class ByHand:
    """Traffic that somebody else has set: who, and the percent that each release gets."""

    who: str
    shares: dict[str, int]


def since(now: Mapping[str, Figures], before: Mapping[str, Figures]) -> Figures:
    """Return what servers counted together since ``before``."""
    return sum((count - before.get(server, Figures()) for server, count in now.items()), Figures())


class World(Protocol):
    """Observe and act."""

    poll_s: float
    """Seconds between two looks at what is waited for."""

    quiet_s: float
    """Seconds for which a share is watched while nobody asks."""

    @property
    def code(self) -> str:
        """What a release made now would run on: it is part of the release, so that new code is a new release."""
        ...

    @property
    def asked(self) -> bool:
        """Whether anybody but the deployment itself can ask the endpoint."""
        ...

    @property
    def obstacle(self) -> str:
        """Why traffic can't be split here; "" where it can."""
        ...

    @property
    def bounds(self) -> Sequence[float]:
        """Upper bounds in seconds of the buckets of :class:`Figures`."""
        ...

    def apply(self, record: EndpointRecord) -> None:
        """Bring the endpoint in line with its record; does nothing where it is.

        Raises:
            ReleaseRejected: the canary is in the way of that.
            ClusterError: the cluster is away, or refuses something.
        """
        ...

    def look(self, release: str) -> Seen:
        """Return how a release stands; one that isn't there isn't ready."""
        ...

    def counts(self, release: str) -> Mapping[str, Figures]:
        """Return what each server of a release counted so far."""
        ...

    def ask(self, release: str, task: str, jpeg: bytes) -> dict[str, Any]:
        """Return a release's own answer for one image, which the prediction log doesn't get.

        Raises:
            EndpointError, ImageRejected: it wasn't answered.
        """
        ...

    def by_hand(self) -> ByHand | None:
        """Return the traffic where somebody else was the last to set it, or None."""
        ...

    def tell(self, release: str, what: str, sentence: str, *, bad: bool = False) -> None:
        """Leave word of what happened to a release where its operators look."""
        ...
