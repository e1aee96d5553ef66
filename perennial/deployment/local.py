"""Observe and act on this machine: the endpoint record in the store, and the server process that follows it."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from perennial.catalog.leases import Held
from perennial.catalog.objects import Objects
from perennial.deployment.golden import TOLERANCE
from perennial.deployment.server import POLL_S, ProvingServer
from perennial.deployment.states import State
from perennial.errors import EndpointError, ImageRejected, LeaseLost, ReleaseRejected
from perennial.serving.client import predict
from perennial.serving.record import EndpointRecord, parse_record, record_key
from perennial.serving.releases import GoldenImage, read_golden, read_release

SHARES = (10, 50)
WATCH_S = 0.5
READY_S = 60.0
FOLLOW_S = 10.0
Change = Callable[[EndpointRecord], EndpointRecord]


class LocalWorld:
    """One release on one endpoint, under a lease."""

    def __init__(self, objects: Objects, endpoint: str, release: str, held: Held, run: str, server: ProvingServer) -> None:
        self._objects = objects
        self._endpoint = endpoint
        self._release = release
        self._held = held
        self._run = run
        self._server = server

    def observe(self) -> State:
        """Read the state off the endpoint record."""
        record = self.change(lambda record: record)
        if record.stable == self._release and record.canary is None:
            return State.STABLE
        return State(record.state) if record.canary == self._release and record.state else State.ABSENT

    def stage(self) -> None:
        """Make the release the canary; another one that a killed run left there goes."""

        def change(record: EndpointRecord) -> EndpointRecord:
            if record.canary and record.canary != self._release:
                record = record.noted(record.canary, "undone", self._run, "its run ended before it was stable")
            if record.stable == self._release:
                return record.model_copy(update={"canary": None, "state": None, "share": 0})
            staged = record.model_copy(update={"canary": self._release, "state": "staged", "share": 0})
            return staged.noted(self._release, "staged", self._run)

        self.change(change)

    def verify(self) -> None:
        """Wait until the server has the release, and compare its answers to golden images with the offline ones.

        Raises:
            ReleaseRejected: it isn't ready in time, or an answer differs.
        """
        self._until_ready()
        folder, _ = read_release(self._objects, self._endpoint, self._release)
        for golden in read_golden(folder):
            self._compare(golden, (folder / "golden" / f"{golden.image}.jpg").read_bytes())
        self._note("verified", share=0)

    def shift(self) -> None:
        """Give the canary its first share of the traffic."""
        self._note("shifting", share=SHARES[0])

    def promote(self) -> None:
        """Raise the share step by step while nothing goes wrong, then make the release stable and wait until it serves.

        Raises:
            ReleaseRejected: the canary erred or went away while it was watched.
        """
        for share in SHARES:
            self.change(lambda record, share=share: record.model_copy(update={"share": share}))  # type: ignore[misc]
            self._watch(share)

        def change(record: EndpointRecord) -> EndpointRecord:
            promoted = {"stable": self._release, "canary": None, "state": None, "share": 0, "previous": record.stable}
            return record.model_copy(update=promoted).noted(self._release, "stable", self._run)

        self.change(change)
        if not self._server.temporary:
            with suppress(ReleaseRejected):  # it proved itself; a server that ends now serves it when it is back
                self._follow(lambda facts: bool(facts["stable"] == self._release))

    def roll_back(self, reason: str) -> None:
        """Take the canary away and keep the reason."""

        def change(record: EndpointRecord) -> EndpointRecord:
            gone = {"canary": None, "state": None, "share": 0} if record.canary == self._release else {}
            return record.model_copy(update=gone).noted(self._release, "rolled_back", self._run, reason)

        self.change(change)

    def change(self, change: Change) -> EndpointRecord:
        """Change the endpoint record under this lease's fence.

        Raises:
            LeaseLost: a later holder wrote it, or the lease is gone.
        """

        def guarded(data: bytes | None) -> bytes:
            record = parse_record(self._endpoint, data)
            self._held.check()
            if record.fence > self._held.fence:
                raise LeaseLost(
                    f"The endpoint '{self._endpoint}' was taken over by another deployment; this one changes nothing more."
                )
            return change(record).model_copy(update={"fence": self._held.fence}).model_dump_json().encode()

        return parse_record(self._endpoint, self._objects.update(record_key(self._endpoint), guarded))

    def _note(self, state: str, share: int) -> None:
        def change(record: EndpointRecord) -> EndpointRecord:
            return record.model_copy(update={"state": state, "share": share}).noted(self._release, state, self._run)  # type: ignore[arg-type]

        self.change(change)

    def _until_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            mine = self._mine(self._server.facts())
            if mine["ready"]:
                return
            if mine["reason"]:
                raise ReleaseRejected(f"The server can't load it: {mine['reason']}")
            if time.monotonic() > deadline:
                raise ReleaseRejected(f"The server didn't load it within {READY_S:.0f} s")
            time.sleep(POLL_S)

    def _compare(self, golden: GoldenImage, jpeg: bytes) -> None:
        name = f"golden image {golden.image[:12]} of {golden.task}"
        try:
            answer = predict(self._server.url, golden.task, jpeg, release=self._release, noted=False)
        except (EndpointError, ImageRejected) as error:
            raise ReleaseRejected(f"The {name} wasn't answered: {error}") from None
        if answer["release"] != self._release:
            raise ReleaseRejected(f"The {name} was answered by the release {answer['release'][:12]}")
        for entry in answer["top"]:
            expected = golden.probabilities.get(entry["class"], 0.0)
            if abs(entry["probability"] - expected) > TOLERANCE:
                raise ReleaseRejected(
                    f"The {name} got {entry['class']} with {entry['probability']:.3f}, offline it was {expected:.3f}"
                )

    def _watch(self, share: int) -> None:
        """Wait until the server gives this share, then for a while; nobody asks a temporary server, so it isn't watched."""
        before = self._mine(self._follow(lambda facts: facts["canary"] == self._release and facts["share"] == share))
        if self._server.temporary:
            return
        deadline = time.monotonic() + WATCH_S
        while time.monotonic() < deadline:
            time.sleep(POLL_S)
            now = self._mine(self._server.facts())
            if not now["ready"]:
                raise ReleaseRejected(f"It went away at {share} % of the traffic: {now['reason'] or 'no reason given'}")
            if now["errors"] > before["errors"]:
                raise ReleaseRejected(f"It failed {now['errors'] - before['errors']} requests at {share} % of the traffic")

    def _follow(self, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the server has followed the record."""
        deadline = time.monotonic() + FOLLOW_S
        while not reached(facts := self._server.facts()):
            if time.monotonic() > deadline:
                raise ReleaseRejected(f"The server didn't follow the endpoint record within {FOLLOW_S:.0f} s")
            time.sleep(POLL_S)
        return facts

    def _mine(self, facts: dict[str, Any]) -> dict[str, Any]:
        unknown = {"ready": False, "reason": "", "errors": 0}
        return facts["releases"].get(self._release, unknown)  # type: ignore[no-any-return]
