"""An endpoint as one run holds it: its record under a lease, its world, and the registry that follows what it serves."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from perennial.catalog.catalog import Catalog
from perennial.catalog.leases import lease
from perennial.deployment.book import Book
from perennial.deployment.releases import build_release, served_by
from perennial.deployment.rollout import Rollout
from perennial.deployment.samples import recent_images
from perennial.deployment.states import Progress, State, advance
from perennial.deployment.world import World
from perennial.deployment.worlds import open_world
from perennial.errors import EndpointError, ReleaseRejected
from perennial.registry import ARCHIVED, Registry, Version
from perennial.serving.record import EndpointRecord, read_record
from perennial.serving.releases import ServedModel
from perennial.settings import Settings
from perennial.task import ReleaseSpec

OUTCOME, REASON = "perennial.outcome", "perennial.reason"
LEASE_WAIT_S = 1200.0
START_S = 120.0


@dataclass(frozen=True)
class HeldEndpoint:
    """One endpoint under its lease."""

    name: str
    catalog: Catalog
    registry: Registry
    settings: Settings
    book: Book
    world: World

    def served(self, release: str | None) -> dict[str, ServedModel]:
        """Return the task → model map of a release."""
        return served_by(self.catalog.objects, self.name, release)

    def release_of(self, tasks: Mapping[str, ServedModel]) -> str:
        """Make the release that serves these models on what servers run now."""
        return build_release(self.catalog, self.name, tasks, self.settings.inference_threads, self.world.code)

    def advance(self, release: str, rules: ReleaseSpec, progress: Progress, until: State = State.STABLE) -> str | None:
        """Bring a release to a state; return None, or why it was rolled back."""
        record = self.book.read()
        before, after = self.served(record.stable), self.served(release)
        shared = sorted(set(before) & set(after))
        compared = [task for task in shared if before[task] != after[task]] if before != after else shared

        def samples() -> dict[str, list[bytes]]:
            return {task: recent_images(self.catalog, task) for task in compared}

        rollout = Rollout(self.book, self.world, release, rules, samples)
        if release in (record.canary, record.stable):  # a killed run may have written this down and not done it
            try:
                self.world.apply(record)
            except ReleaseRejected as rejected:
                rollout.roll_back(str(rejected))
                return str(rejected)
        return advance(rollout, progress, until)

    def point(self, task: str, version: Version, outcome: str) -> None:
        """Move a task's alias: the last act, refused once the lease is lost."""
        self.book.check()
        self.registry.point(task, "champion", version.number)
        self.registry.tag(task, version.number, {OUTCOME: outcome, REASON: "", ARCHIVED: ""})
        self.book.check()

    def settle(self) -> EndpointRecord:
        """Take over what people did by hand, and let the aliases follow a flip, also one whose run was killed."""
        record = self.book.read()
        found = self.world.by_hand()
        if found and record.previous and found.shares.get(record.previous, 0) > 50:
            record = self.flip(f"{found.who} gave it the traffic")
        event = record.last("stable", "flipped")
        if event and event.state == "flipped" and event.release == record.stable:
            self._follow(record, event.reason)
        return record

    def prepare(self, release: str) -> None:
        """Wait until a release that is kept is ready to serve; one that was scaled down is started.

        Raises:
            EndpointError: it isn't ready in time.
        """
        record = self.book.read()
        if record.retired:
            self.world.apply(self.book.change(lambda record: record.model_copy(update={"retired": False})))
        deadline = time.monotonic() + START_S
        while not (seen := self.world.look(release)).ready:
            if time.monotonic() > deadline or seen.final:
                raise EndpointError(
                    f"The release {release[:12]} of '{self.name}' can't serve: {seen.trouble or 'it is not ready'}."
                )
            time.sleep(self.world.poll_s)

    def flip(self, reason: str) -> EndpointRecord:
        """Let stable and previous release change places."""

        def change(record: EndpointRecord) -> EndpointRecord:
            places = {"stable": record.previous, "previous": record.stable, "retired": False}
            left = record.model_copy(update=places).noted(str(record.stable), "rolled_back", self.book.run, reason)
            return left.noted(str(record.previous), "flipped", self.book.run, reason)

        record = self.book.change(change)
        self.world.apply(record)
        if record.stable:
            self.world.tell(record.stable, "Flipped", reason)
        return record

    def _follow(self, record: EndpointRecord, reason: str) -> None:
        """Point the aliases at what the stable release serves."""
        for task, served in self.served(record.stable).items():
            champion = self.registry.champion(task)
            if champion and champion.number == served.version:
                continue
            self.point(task, self.registry.version(task, served.version), "promoted")
            if champion:
                self.registry.tag(task, champion.number, {OUTCOME: "rolled_back", REASON: reason})


@contextmanager
def held_endpoint(
    name: str, catalog: Catalog, registry: Registry, settings: Settings, run: str, wait_s: float = LEASE_WAIT_S
) -> Iterator[HeldEndpoint]:
    """Hold an endpoint's lease; another deployment waits for this one.

    Raises:
        LeaseHeld: another deployment goes on for longer than ``wait_s``.
        ClusterError: the endpoint is on a cluster, and that is away or lacks what the manifests make.
    """
    objects = catalog.objects
    taken = lease(objects, f"endpoint-{name}", wait_s=wait_s, above=read_record(objects, name).fence)
    with taken as held, open_world(name, objects, settings) as world:
        yield HeldEndpoint(name, catalog, registry, settings, Book(objects, name, held, run), world)
