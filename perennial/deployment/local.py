"""Observe and act on this machine: a server process that follows the endpoint record by itself."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from perennial import __version__
from perennial.deployment.figures import Figures, from_report
from perennial.deployment.server import POLL_S, ProvingServer
from perennial.deployment.world import ByHand, Seen
from perennial.errors import ReleaseRejected
from perennial.serving.client import predict
from perennial.serving.record import EndpointRecord

FOLLOW_S = 10.0


class LocalWorld:
    """One endpoint on this machine."""

    poll_s = 4 * POLL_S
    quiet_s = 2.0
    code = __version__
    obstacle = ""

    def __init__(self, server: ProvingServer) -> None:
        self._server = server

    @property
    def asked(self) -> bool:
        """Whether a server runs that was there before: nobody asks a temporary one."""
        self._server.facts()
        return not self._server.temporary

    @property
    def bounds(self) -> Sequence[float]:
        """The server's own buckets."""
        return tuple(self._server.facts().get("latency_bounds", ()))

    def apply(self, record: EndpointRecord) -> None:
        """Wait until the server has followed the record, if one runs; a canary that isn't loaded yet isn't waited for."""
        if not self._server.runs():
            return
        if record.canary and record.state in ("shifting", "shifted"):
            self._follow(lambda facts: facts["canary"] == record.canary and facts["share"] == record.share)
        elif record.canary is None and not self._server.temporary:
            # What can't be loaded is told by the server itself, and it serves on what it has.
            self._follow(lambda facts: facts["canary"] is None and facts["stable"] in (record.stable, None), strict=False)

    def look(self, release: str) -> Seen:
        """Return how the server has loaded a release."""
        mine = self._mine(release)
        reason = str(mine["reason"])
        return Seen(bool(mine["ready"]), f"The server can't load it: {reason}" if reason else "", final=bool(reason))

    def counts(self, release: str) -> dict[str, Figures]:
        """Return what the server counted."""
        facts = self._server.facts()
        return {str(facts["pid"]): from_report(facts, release)}

    def ask(self, release: str, task: str, jpeg: bytes) -> dict[str, Any]:
        """Ask the server for this release's answer."""
        return predict(self._server.url, task, jpeg, release=release, noted=False)

    def by_hand(self) -> ByHand | None:
        """Return None: the record is all that there is to set."""
        return None

    def tell(self, release: str, what: str, sentence: str, *, bad: bool = False) -> None:
        """Do nothing: the record's history is where people look here."""

    def _mine(self, release: str) -> dict[str, Any]:
        unknown = {"ready": False, "reason": ""}
        return self._server.facts()["releases"].get(release, unknown)  # type: ignore[no-any-return]

    def _follow(self, reached: Callable[[dict[str, Any]], bool], *, strict: bool = True) -> None:
        deadline = time.monotonic() + FOLLOW_S
        while not reached(self._server.facts()):
            if time.monotonic() > deadline:
                if strict:
                    raise ReleaseRejected(f"The server didn't follow the endpoint record within {FOLLOW_S:.0f} s")
                return
            time.sleep(POLL_S)
