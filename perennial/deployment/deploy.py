"""Deploying a challenger and going back to an earlier version.

Whatever moves an endpoint holds its lease. The alias ``champion`` is the truth about what a task serves and moves last: what a
killed run left between the endpoint record and the alias is finished by the same deployment, or undone by the next one.
"""

from dataclasses import dataclass
from typing import Literal

from perennial.catalog.archive import archived_key
from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.deployment.endpoints import OUTCOME, REASON, HeldEndpoint, held_endpoint
from perennial.deployment.states import Progress
from perennial.errors import RegistryError
from perennial.learning.folder import DESCRIPTION
from perennial.learning.model import load_model, model_prefix
from perennial.registry import Registry, Version
from perennial.serving.record import EndpointRecord, Queued
from perennial.serving.releases import ServedModel
from perennial.settings import Settings
from perennial.task import Task


@dataclass(frozen=True)
class Deployed:
    """How a deployment ended, with the version and release that it was about and a sentence for the user."""

    outcome: Literal["promoted", "rolled_back", "superseded", "queued", "held"]
    version: int | None
    release: str | None
    reason: str
    sentence: str


def silent(done: int, total: int) -> None:
    """Show nothing."""


def deploy(
    task: Task,
    catalog: Catalog,
    registry: Registry,
    settings: Settings,
    challenger: str,
    champion: str | None,
    *,
    run_id: str,
    progress: Progress = silent,
) -> Deployed:
    """Bring a challenger that passed the gate to the task's endpoint, or take it back with the reason.

    Killed anywhere and called again, it goes on where it was. While an A/B is under way on the endpoint, it is queued.

    Args:
        task: the task.
        catalog: holds models, embeddings and the endpoint's record.
        registry: where the version and its aliases are.
        settings: where the server listens, or that the endpoint is on a cluster.
        challenger: digest of the model to serve.
        champion: digest of the model that the challenger was judged against; None for a first model.
        run_id: the pipeline run.
        progress: called with the state's number and how many there are.

    Raises:
        LeaseHeld: another deployment of this endpoint goes on for long.
        LeaseLost: this one was stopped for so long that another took over.
        ModelError: the challenger's folder is damaged.
        ClusterError: the endpoint is on a cluster, and that is away or lacks what the manifests make.
        RegistryUnavailable, StoreError: the registry or the store can't be written; run again then.
    """
    with held_endpoint(task.endpoint_name, catalog, registry, settings, run_id) as endpoint:
        version = _registered(endpoint, task, challenger)
        endpoint.settle()
        if endpoint.book.read().hold:
            return _queued(endpoint, task, version, champion)
        return promote(endpoint, task, version, champion, progress)


def promote(endpoint: HeldEndpoint, task: Task, version: Version, champion: str | None, progress: Progress = silent) -> Deployed:
    """Bring a version to an endpoint that is held, unless another champion serves than it was judged against."""
    registry = endpoint.registry
    serving = registry.champion(task.name)
    if (serving.digest if serving else None) not in (champion, version.digest):
        return _superseded(task, version, serving)
    registry.point(task.name, "challenger", version.number)
    record = _settled(endpoint, task, serving, version)
    release = _release(endpoint, task, version, record)
    reason = endpoint.advance(release, task.release, progress)
    if reason:
        registry.tag(task.name, version.number, {OUTCOME: "rolled_back", REASON: reason})
        registry.unpoint(task.name, "challenger")
        sentence = f"Version {version.number} of {task.name} was taken back: {reason.rstrip('.')}. What served before serves on."
        return Deployed("rolled_back", version.number, release, reason, sentence)
    endpoint.point(task.name, version, "promoted")
    registry.unpoint(task.name, "challenger")
    sentence = f"Version {version.number} of {task.name} serves.{_aside(endpoint)}"
    return Deployed("promoted", version.number, release, "", sentence)


def rollback(
    task: Task,
    catalog: Catalog,
    registry: Registry,
    settings: Settings,
    version: int | None,
    reason: str,
    *,
    run_id: str = "by hand",
    progress: Progress = silent,
) -> Deployed:
    """Serve an earlier version of a task's model again; by default the one that was champion before.

    It goes the way of any release: a new one, from the recorded task → model map, staged, verified, shifted. The other tasks of
    the endpoint keep their models.

    Raises:
        RegistryError: there is no such version, or none to go back to, or it was archived; or an A/B is under way.
        LeaseHeld: a deployment of this endpoint goes on.
        ClusterError: the endpoint is on a cluster, and that is away.
    """
    with held_endpoint(task.endpoint_name, catalog, registry, settings, run_id) as endpoint:
        endpoint.settle()
        serving = registry.champion(task.name)
        target = _target(registry, task, serving, version)
        require_folder(endpoint.catalog.objects, target)
        record = _settled(endpoint, task, serving, target)
        if record.hold:
            raise RegistryError(
                f"An A/B is under way on the endpoint '{endpoint.name}'. End it first: perennial ab stop {task.name}"
            )
        release = _release(endpoint, task, target, record)
        refused = endpoint.advance(release, task.release, progress)
        if refused:
            sentence = f"Version {target.number} of {task.name} can't serve: {refused.rstrip('.')}. Nothing was changed."
            return Deployed("rolled_back", target.number, release, refused, sentence)
        endpoint.point(task.name, target, "promoted")
        if serving and serving.number != target.number:
            registry.tag(task.name, serving.number, {OUTCOME: "rolled_back", REASON: reason})
            if record.stable:
                endpoint.book.note(record.stable, "rolled_back", reason)
        sentence = f"Version {target.number} of {task.name} serves again: {reason}.{_aside(endpoint)}"
        return Deployed("promoted", target.number, release, reason, sentence)


def require_folder(objects: Objects, version: Version) -> None:
    """Do nothing where a version's folder is in the store.

    Raises:
        RegistryError: it was archived.
    """
    prefix = model_prefix(version.task, version.digest)
    if version.archived and not objects.exists(f"{prefix}/{DESCRIPTION}"):
        folders = [prefix, *([one] if not objects.exists(f"{(one := f'backbones/{version.backbone}')}/backbone.json") else [])]
        back = " and ".join(f"'perennial copy {objects.url}/{archived_key(name)} {objects.url}/{name}'" for name in folders)
        raise RegistryError(
            f"Version {version.number} of {version.task} was archived on {version.archived}: nothing needed it any more. "
            f"Bring it back with {back}, then run this again."
        )


def _registered(endpoint: HeldEndpoint, task: Task, digest: str) -> Version:
    objects = endpoint.catalog.objects
    backbone = load_model(objects, task.name, digest).description.backbone
    source = f"{objects.url}/{model_prefix(task.name, digest)}"
    return endpoint.registry.register(task.name, digest, source, run_id=endpoint.book.run, backbone=backbone)


def _release(endpoint: HeldEndpoint, task: Task, version: Version, record: EndpointRecord) -> str:
    """Make the release that serves this version beside the other tasks' present ones."""
    served = ServedModel(
        model=version.digest, version=version.number, backbone=version.backbone, keep_pictures=task.keep_pictures
    )
    return endpoint.release_of({**endpoint.served(record.stable), task.name: served})


def _settled(endpoint: HeldEndpoint, task: Task, serving: Version | None, wanted: Version) -> EndpointRecord:
    """Undo a promotion whose run was killed before the alias moved, unless it is the one that is wanted now."""
    record = endpoint.book.read()

    def model_of(release: str | None) -> str | None:
        served = endpoint.served(release).get(task.name)
        return served.model if served else None

    known = (serving.digest if serving else None, wanted.digest)
    if serving is None or record.stable is None or model_of(record.stable) in known:
        return record
    moved = record.last("stable", "flipped")
    if model_of(record.previous) != serving.digest or (moved and moved.state == "flipped"):
        return record
    endpoint.prepare(str(record.previous))

    def undo(record: EndpointRecord) -> EndpointRecord:
        undone = record.noted(str(record.stable), "undone", endpoint.book.run, "its run ended before the alias moved")
        return undone.model_copy(update={"stable": record.previous, "previous": None, "retired": False})

    record = endpoint.book.change(undo)
    endpoint.world.apply(record)
    return record


def _queued(endpoint: HeldEndpoint, task: Task, version: Version, champion: str | None) -> Deployed:
    """Let a promotion wait for the end of an A/B; of one task the newest waits."""
    endpoint.registry.point(task.name, "challenger", version.number)
    mine = Queued(task=task.name, model=version.digest, champion=champion, run=endpoint.book.run)
    endpoint.book.change(
        lambda record: record.model_copy(update={"queue": (*(one for one in record.queue if one.task != task.name), mine)})
    )
    reason = f"an A/B is under way on the endpoint '{endpoint.name}'"
    sentence = f"Version {version.number} of {task.name} waits: {reason}. It is deployed when that has ended."
    return Deployed("queued", version.number, None, reason, sentence)


def _aside(endpoint: HeldEndpoint) -> str:
    return f" {endpoint.world.obstacle}" if endpoint.world.obstacle else ""


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
        version
        for version in versions
        if version.tags.get(OUTCOME) == "promoted" and not version.archived and serving and version.number < serving.number
    ]
    if not before:
        raise RegistryError(
            f"The task '{task.name}' has no earlier version that served. "
            f"Name a version: 'perennial models {task.name}' lists them."
        )
    return before[-1]
