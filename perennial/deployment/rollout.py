"""The steps of the state machine, for one release on one endpoint, in whatever world it runs."""

import time
from collections.abc import Callable, Mapping, Sequence

from perennial.deployment.book import Book
from perennial.deployment.golden import TOLERANCE
from perennial.deployment.judging import disagreement, judge
from perennial.deployment.states import State
from perennial.deployment.world import World, since
from perennial.errors import EndpointError, ImageRejected, ReleaseRejected
from perennial.serving.record import EndpointRecord
from perennial.serving.releases import GoldenImage, read_golden, read_release
from perennial.task import ReleaseSpec

Samples = Callable[[], Mapping[str, Sequence[bytes]]]
"""Gives recent images by task, where they are needed."""


def no_samples() -> Mapping[str, Sequence[bytes]]:
    """Give none."""
    return {}


class Rollout:
    """One release on its way to all of the traffic."""

    def __init__(self, book: Book, world: World, release: str, rules: ReleaseSpec, samples: Samples = no_samples) -> None:
        """Remember what is released where; nothing is done yet.

        Args:
            book: the endpoint's record, under a lease.
            world: what the endpoint runs on.
            release: the release's digest.
            rules: how it has to prove itself.
            samples: gives recent images, which canary and stable release are both asked about.
        """
        self._book = book
        self._world = world
        self._release = release
        self._rules = rules
        self._samples = samples

    def observe(self) -> State:
        """Read the state off the endpoint record."""
        record = self._book.read()
        if record.stable == self._release and record.canary is None:
            return State.STABLE
        return State(record.state) if record.canary == self._release and record.state else State.ABSENT

    def stage(self) -> None:
        """Make the release the canary; another one that a killed run left there goes, and so does the previous one."""

        def change(record: EndpointRecord) -> EndpointRecord:
            if record.canary and record.canary != self._release:
                record = record.noted(record.canary, "undone", self._book.run, "its run ended before it was stable")
            if record.stable == self._release:
                return record.model_copy(update={"canary": None, "state": None, "share": 0})
            staged = {"canary": self._release, "state": "staged", "share": 0, "previous": None, "retired": False}
            return record.model_copy(update=staged).noted(self._release, "staged", self._book.run)

        self._world.apply(self._book.change(change))

    def await_ready(self) -> None:
        """Wait until the canary is loaded.

        Raises:
            ReleaseRejected: it can't be, or isn't in time.
        """
        deadline = time.monotonic() + self._rules.ready_s
        while not (seen := self._world.look(self._release)).ready:
            if seen.final:
                raise ReleaseRejected(seen.trouble)
            if time.monotonic() > deadline:
                why = f": {seen.trouble}" if seen.trouble else ""
                raise ReleaseRejected(f"It wasn't ready within {self._rules.ready_s:g} s{why}")
            time.sleep(self._world.poll_s)
        self._book.note(self._release, "ready", state="ready")

    def verify(self) -> None:
        """Compare its answers to golden images with the offline ones.

        Raises:
            ReleaseRejected: an answer differs, or there is none.
        """
        folder, _ = read_release(self._book.objects, self._book.endpoint, self._release)
        for golden in read_golden(folder):
            self._compare(golden, (folder / "golden" / f"{golden.image}.jpg").read_bytes())
        self._book.note(self._release, "verified", state="verified")

    def shift(self) -> None:
        """Give it its first share of the traffic, where that can be split."""
        share = 0 if self._world.obstacle else self._rules.shares[0]
        self._world.apply(self._book.note(self._release, "shifting", self._world.obstacle, state="shifting", share=share))

    def watch(self) -> None:
        """Watch the canary at each share.

        Raises:
            ReleaseRejected: it went away, failed or slowed down, or answers otherwise than it should.
        """
        record = self._book.read()
        compared = False
        stable = record.stable if record.stable and self._world.asked and self._world.look(record.stable).ready else None
        for share in self._shares(record):
            if share != record.share:
                record = self._book.change(lambda now, share=share: now.model_copy(update={"share": share}))  # type: ignore[misc]
            self._world.apply(record)
            if stable:
                if not compared:
                    self._disagreement(stable)
                    compared = True
                self._watched(record.share, stable)
        self._world.apply(self._book.note(self._release, "shifted", state="shifted"))

    def promote(self) -> None:
        """Make it stable."""

        def change(record: EndpointRecord) -> EndpointRecord:
            promoted = {
                "stable": self._release,
                "canary": None,
                "state": None,
                "share": 0,
                "previous": record.stable,
                "retired": False,
            }
            return record.model_copy(update=promoted).noted(self._release, "stable", self._book.run)

        self._world.apply(self._book.change(change))
        self._world.tell(self._release, "Promoted", "It gets all of the traffic.")

    def roll_back(self, reason: str) -> None:
        """Take the canary away and keep the reason."""

        def change(record: EndpointRecord) -> EndpointRecord:
            gone = {"canary": None, "state": None, "share": 0} if record.canary == self._release else {}
            return record.model_copy(update=gone).noted(self._release, "rolled_back", self._book.run, reason)

        self._world.apply(self._book.change(change))
        self._world.tell(self._release, "RolledBack", reason, bad=True)

    def _shares(self, record: EndpointRecord) -> list[int]:
        """Return the shares that are still to be watched; of a killed deployment the present one is watched anew."""
        if self._world.obstacle:
            return []
        return [share for share in self._rules.shares if share >= record.share]

    def _watched(self, share: int, other: str) -> None:
        mine = self._release
        began, restarts = {who: self._world.counts(who) for who in (mine, other)}, self._world.look(mine).restarts
        start = time.monotonic()
        while True:
            watched = time.monotonic() - start
            self._alive(share, restarts)
            self._left_alone()
            canary, stable = (since(self._world.counts(who), began[who]) for who in (mine, other))
            judge(canary, stable, self._world.bounds, self._rules)
            quiet = not canary.requests + stable.requests
            if watched >= self._rules.watch_s or (quiet and watched >= self._world.quiet_s):
                return
            time.sleep(self._world.poll_s)

    def _alive(self, share: int, restarts: int) -> None:
        seen = self._world.look(self._release)
        if not seen.ready or seen.restarts > restarts:
            raise ReleaseRejected(f"It went away at {share} % of the traffic: {seen.trouble or 'its server ended'}")

    def _left_alone(self) -> None:
        """Let an operator who sets the traffic by hand meanwhile have the last word."""
        found = self._world.by_hand()
        if found is not None and not found.shares.get(self._release):
            raise ReleaseRejected(f"{found.who} took its traffic away")

    def _disagreement(self, stable: str) -> None:
        """Ask both releases about the same recent images."""
        for task, images in self._samples().items():
            pairs = []
            for jpeg in images:
                try:
                    first, second = (self._world.ask(release, task, jpeg)["class"] for release in (stable, self._release))
                except (EndpointError, ImageRejected):  # a task that one of them lacks, say; golden images prove that it answers
                    continue
                pairs.append((str(first), str(second)))
            disagreement(pairs, self._rules)

    def _compare(self, golden: GoldenImage, jpeg: bytes) -> None:
        name = f"golden image {golden.image[:12]} of {golden.task}"
        try:
            answer = self._world.ask(self._release, golden.task, jpeg)
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
