"""What a champion, a way back or a run under way needs: read while no deployment can change it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from perennial.backbones.export import known
from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.deployment.endpoints import OUTCOME
from perennial.deployment.releases import served_by
from perennial.errors import BackboneError, ObjectMissing, TaskError
from perennial.operations.endpoints import known_endpoints
from perennial.operations.retention.tally import Now, folders, newest, young
from perennial.registry import Registry, Version
from perennial.serving.record import EndpointRecord, read_record
from perennial.task import Task

DEAD_DAYS = 7
"""A run that left nothing for so long is held to be dead."""


@dataclass
class Needed:
    """Why models (task, digest), releases (endpoint, digest) and backbones stay, and the runs that made models that stay."""

    models: dict[tuple[str, str], str] = field(default_factory=dict)
    releases: dict[tuple[str, str], str] = field(default_factory=dict)
    backbones: dict[str, str] = field(default_factory=dict)
    runs: set[tuple[str, str]] = field(default_factory=set)
    versions: dict[str, list[Version]] = field(default_factory=dict)

    def model(self, task: str, digest: str, reason: str) -> None:
        """Let a model stay; the first reason is the one that is told."""
        self.models.setdefault((task, digest), reason)


def tasks_with_models(objects: Objects) -> list[str]:
    """Return the tasks that have models."""
    return sorted({key.split("/")[1] for key in objects.keys("models")})


def tasks_known(objects: Objects) -> list[str]:
    """Return the tasks that have models or ever ran."""
    return sorted({key.split("/")[1] for folder in ("models", "runs") for key in objects.keys(folder)})


def needed(catalog: Catalog, registry: Registry, keep: int, models_days: int, present: Callable[[str], Task], now: Now) -> Needed:
    """Return what has to stay whatever its age.

    Args:
        catalog: the store's.
        registry: where versions and aliases are.
        keep: how many promoted versions stay to go back to.
        models_days: versions younger than that stay; 0: all.
        present: a task's present definition.
        now: the moment.

    Raises:
        EndpointError: an endpoint's record is damaged, so that nobody knows what it serves.
        RegistryUnavailable, StoreError: registry or store can't be read.
    """
    objects, found = catalog.objects, Needed()
    records = [read_record(objects, name) for name in known_endpoints(objects)]
    for record in records:
        _of_record(found, objects, record)
    for task in tasks_with_models(objects):
        _of_task(found, registry.versions(task), task, keep, models_days, now)
        if under_way(objects, task, now):
            for prefix in folders(objects.stored(f"models/{task}"), 3):
                found.model(task, prefix.rpartition("/")[2], "a run of the task is under way")
    _young_models(found, objects, max(models_days, 1), now)
    _backbones(found, objects, present, now)
    for task, versions in found.versions.items():
        found.runs |= {(task, version.run) for version in versions if (task, version.digest) in found.models}
    return found


def under_way(objects: Objects, task: str, now: Now) -> bool:
    """Return whether a run of a task began, wasn't concluded, and left something in the last days."""
    try:
        state = objects.get_json(f"runs/{task}/state.json")
    except ObjectMissing:
        return False
    if not state["open"]:
        return False
    left = objects.stored(f"runs/{task}")
    mine = [one for one in left if one.key.split("/")[2] in {*state["open"], "state.json"}]
    return newest(mine) > now.before(DEAD_DAYS)


def _of_record(found: Needed, objects: Objects, record: EndpointRecord) -> None:
    """Keep what an endpoint's record names: releases with their models, an A/B, promotions that wait."""
    for digest, role in record.roles.items():
        found.releases[record.endpoint, digest] = f"the {role} release"
        for task, served in served_by(objects, record.endpoint, digest).items():
            found.model(task, served.model, f"in the {role} release")
            found.backbones.setdefault(served.backbone, f"in the {role} release")
    for waiting in record.queue:
        found.model(waiting.task, waiting.model, "waits for the end of an A/B")


def _of_task(found: Needed, versions: list[Version], task: str, keep: int, days: int, now: Now) -> None:
    """Keep a task's aliased versions, those that it can go back to, its first one, and the young ones."""
    found.versions[task] = versions
    champion = next((version.number for version in versions if "champion" in version.aliases), None)
    for version in versions:
        if version.aliases:
            found.model(task, version.digest, f"the {version.aliases[0]}")
    promoted = [version for version in versions if version.tags.get(OUTCOME) == "promoted" and not version.archived]
    earlier = [version for version in promoted if champion and version.number < champion]
    for version in [*promoted[-keep:], *earlier[-keep:]]:
        found.model(task, version.digest, "to go back to")
    if versions:
        found.model(task, versions[0].digest, "the first, for reports")
    for version in versions:
        if not days or version.created > now.before(days):
            found.model(task, version.digest, young(days) if days else "models aren't archived")


def _young_models(found: Needed, objects: Objects, days: int, now: Now) -> None:
    for prefix, stored in folders(objects.stored("models"), 3).items():
        if newest(stored) > now.before(days):
            _, task, digest = prefix.split("/")
            found.model(task, digest, young(days))


def _backbones(found: Needed, objects: Objects, present: Callable[[str], Task], now: Now) -> None:
    """Keep the backbones of models and releases that stay, those that tasks name, and those they were tuned from."""
    for task, digest in found.models:
        try:
            document = json.loads(objects.get(f"models/{task}/{digest}/model.json"))
        except (ObjectMissing, ValueError):
            continue  # nobody can go back to it anyway
        found.backbones.setdefault(str(document["backbone"]), "a model that stays was made with it")
    for task in tasks_known(objects):
        try:
            own = known(present(task).backbone, objects)
        except (TaskError, BackboneError):
            own = None  # the task's file lies elsewhere; its models name what they need
        if own:
            found.backbones.setdefault(own, "a task names it")
        if under_way(objects, task, now):
            for prefix in folders(objects.stored("backbones"), 2):
                found.backbones.setdefault(prefix.rpartition("/")[2], "a run is under way")
    _tuned_from(found, objects)


def _tuned_from(found: Needed, objects: Objects) -> None:
    waiting = list(found.backbones)
    while waiting:
        try:
            origin = objects.get_json(f"backbones/tuned/{waiting.pop()}.json")
        except ObjectMissing:
            continue
        for digest in {str(origin["root"]), str(origin["base"])} - set(found.backbones):
            found.backbones[digest] = "another one that stays was tuned from it"
            waiting.append(digest)
