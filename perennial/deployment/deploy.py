"""Deploying a challenger and going back to an earlier version, on this machine's endpoint.

Whatever moves an endpoint holds its lease. The alias ``champion`` is the truth about what a task serves and moves last: what a
killed run left between the endpoint record and the alias is finished by the same deployment, or undone by the next one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from perennial.catalog.catalog import Catalog
from perennial.catalog.leases import Held, lease
from perennial.deployment.local import LocalWorld
from perennial.deployment.releases import build_release, served_by
from perennial.deployment.server import ProvingServer
from perennial.deployment.states import Progress, advance
from perennial.errors import RegistryError
from perennial.learning.model import load_model, model_prefix
from perennial.registry import Registry, Version
from perennial.serving.record import EndpointRecord
from perennial.serving.releases import ServedModel
from perennial.settings import Settings
from perennial.task import Task

OUTCOME, REASON = "perennial.outcome", "perennial.reason"
LEASE_WAIT_S = 180.0


@dataclass(frozen=True)
class Deployed:
    """How a deployment ended, with the version and release that it was about and a sentence for the user."""

    outcome: Literal["promoted", "rolled_back", "superseded"]
    version: int | None
    release: str | None
    reason: str
    sentence: str


def _silent(done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class _Deployment:
    task: Task
    catalog: Catalog
    registry: Registry
    settings: Settings
    held: Held
    run: str

    @property
    def endpoint(self) -> str:
        return self.task.endpoint_name

    def world(self, release: str, server: ProvingServer) -> LocalWorld:
        return LocalWorld(self.catalog.objects, self.endpoint, release, self.held, self.run, server)

    def release_of(self, version: Version, record: EndpointRecord) -> str:
        """Make the release that serves this version beside the other tasks' present ones."""
        kept = self.task.keep_pictures
        served = ServedModel(model=version.digest, version=version.number, backbone=version.backbone, keep_pictures=kept)
        others = served_by(self.catalog.objects, self.endpoint, record.stable)
        return build_release(self.catalog, self.endpoint, {**others, self.task.name: served}, self.settings.inference_threads)

    def point(self, version: Version, outcome: str) -> None:
        """Move the alias: the last act, refused once the lease is lost."""
        self.held.check()
        self.registry.point(self.task.name, "champion", version.number)
        self.registry.tag(self.task.name, version.number, {OUTCOME: outcome})
        self.held.check()


def deploy(
    task: Task,
    catalog: Catalog,
    registry: Registry,
    settings: Settings,
    challenger: str,
    champion: str | None,
    *,
    run_id: str,
    progress: Progress = _silent,
) -> Deployed:
    """Bring a challenger that passed the gate to the task's endpoint, or take it back with the reason.

    Killed anywhere and called again, it goes on where it was.

    Args:
        task: the task.
        catalog: holds models, embeddings and the endpoint's record.
        registry: where the version and its aliases are.
        settings: where the server listens.
        challenger: digest of the model to serve.
        champion: digest of the model that the challenger was judged against; None for a first model.
        run_id: the pipeline run.
        progress: called with the state's number and how many there are.

    Raises:
        LeaseHeld: another deployment of this endpoint goes on for minutes.
        LeaseLost: this one was stopped for so long that another took over.
        ModelError: the challenger's folder is damaged.
        RegistryUnavailable, StoreError: the registry or the store can't be written; run again then.
    """
    with _begun(task, catalog, registry, settings, run_id) as deployment:
        version = _registered(deployment, challenger)
        serving = registry.champion(task.name)
        if (serving.digest if serving else None) not in (champion, challenger):
            return _superseded(task, version, serving)
        registry.point(task.name, "challenger", version.number)
        record = _settled(deployment, serving, version)
        release = deployment.release_of(version, record)
        with ProvingServer(deployment.endpoint, settings) as server:
            reason = advance(deployment.world(release, server), progress)
        if reason:
            registry.tag(task.name, version.number, {OUTCOME: "rolled_back", REASON: reason})
            registry.unpoint(task.name, "challenger")
            sentence = f"Version {version.number} of {task.name} was taken back: {reason}. What served before serves on."
            return Deployed("rolled_back", version.number, release, reason, sentence)
        deployment.point(version, "promoted")
        registry.unpoint(task.name, "challenger")
        return Deployed("promoted", version.number, release, "", f"Version {version.number} of {task.name} serves.")


def rollback(
    task: Task,
    catalog: Catalog,
    registry: Registry,
    settings: Settings,
    version: int | None,
    reason: str,
    *,
    run_id: str = "by hand",
    progress: Progress = _silent,
) -> Deployed:
    """Serve an earlier version of a task's model again; by default the one that was champion before.

    It goes the way of any release: staged, verified, shifted. The other tasks of the endpoint keep their models.

    Raises:
        RegistryError: there is no such version, or none to go back to.
        LeaseHeld: a deployment of this endpoint goes on.
    """
    with _begun(task, catalog, registry, settings, run_id) as deployment:
        serving = registry.champion(task.name)
        target = _target(registry, task, serving, version)
        world_record = _settled(deployment, serving, target)
        release = deployment.release_of(target, world_record)
        with ProvingServer(deployment.endpoint, settings) as server:
            refused = advance(deployment.world(release, server), progress)
        if refused:
            sentence = f"Version {target.number} of {task.name} can't serve: {refused}. Nothing was changed."
            return Deployed("rolled_back", target.number, release, refused, sentence)
        deployment.point(target, "promoted")
        if serving and serving.number != target.number:
            registry.tag(task.name, serving.number, {OUTCOME: "rolled_back", REASON: reason})
            gone = world_record.stable
            deployment.world(release, server).change(
                lambda record: record.noted(gone, "rolled_back", run_id, reason) if gone else record
            )
        return Deployed(
            "promoted", target.number, release, reason, f"Version {target.number} of {task.name} serves again: {reason}."
        )


@contextmanager
def _begun(task: Task, catalog: Catalog, registry: Registry, settings: Settings, run: str) -> Iterator[_Deployment]:
    """Hold the endpoint's lease; a second deployment waits for the first."""
    with lease(catalog.objects, f"endpoint-{task.endpoint_name}", wait_s=LEASE_WAIT_S) as held:
        yield _Deployment(task, catalog, registry, settings, held, run)


def _registered(deployment: _Deployment, digest: str) -> Version:
    task, objects = deployment.task.name, deployment.catalog.objects
    backbone = load_model(objects, task, digest).description.backbone
    source = f"{objects.url}/{model_prefix(task, digest)}"
    return deployment.registry.register(task, digest, source, run_id=deployment.run, backbone=backbone)


def _settled(deployment: _Deployment, serving: Version | None, wanted: Version) -> EndpointRecord:
    """Undo a promotion whose run was killed before the alias moved, unless it is the one that is wanted now."""
    objects, endpoint, task = deployment.catalog.objects, deployment.endpoint, deployment.task.name

    def model_of(release: str | None) -> str | None:
        served = served_by(objects, endpoint, release).get(task)
        return served.model if served else None

    def change(record: EndpointRecord) -> EndpointRecord:
        known = (serving.digest if serving else None, wanted.digest)
        if serving is None or record.stable is None or model_of(record.stable) in known:
            return record
        if model_of(record.previous) != serving.digest:
            return record
        undone = record.noted(record.stable, "undone", deployment.run, "its run ended before the alias moved")
        return undone.model_copy(update={"stable": record.previous, "previous": None})

    return deployment.world("", ProvingServer(endpoint, deployment.settings)).change(change)


def _superseded(task: Task, version: Version, serving: Version | None) -> Deployed:
    now = f"version {serving.number}" if serving else "none"
    reason = f"the champion it was judged against isn't the champion any more, now it is {now}"
    sentence = f"Version {version.number} of {task.name} isn't deployed: {reason}. Run again to judge it anew."
    return Deployed("superseded", version.number, None, reason, sentence)


def _target(registry: Registry, task: Task, serving: Version | None, number: int | None) -> Version:
    if number is not None:
        return registry.version(task.name, number)
    versions = registry.versions(task.name)
    before = [
        version for version in versions if version.tags.get(OUTCOME) == "promoted" and serving and version.number < serving.number
    ]
    if not before:
        raise RegistryError(
            f"The task '{task.name}' has no earlier version that served. "
            f"Name a version: 'perennial models {task.name}' lists them."
        )
    return before[-1]
