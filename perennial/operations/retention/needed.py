"""What a champion, a way back or a run under way needs: read while no deployment can change it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from perennial.backbones.export import known
from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.deployment.endpoints import OUTCOME
from perennial.errors import BackboneError, ModelError, ObjectMissing, RegistryError, StoreError, TaskError
from perennial.operations.endpoints import known_endpoints
from perennial.operations.facts import RunFolder
from perennial.operations.retention.tally import Now, folders, newest, young
from perennial.operations.runs import open_runs
from perennial.operations.ways import PREPARING
from perennial.registry import Registry, Version
from perennial.serving.record import EndpointRecord, read_record
from perennial.serving.releases import FILE, ServedModel, read_release, release_prefix
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


def needed(
    catalog: Catalog, registry: Registry, keep: int, models_days: int, definition: Callable[[str], Task], now: Now
) -> Needed:
    """Return what has to stay whatever its age.

    Args:
        catalog: the store's.
        registry: where versions and aliases are.
        keep: how many promoted versions stay to go back to.
        models_days: versions younger than that stay; 0: all.
        definition: gives a task's present definition.
        now: the moment.

    Raises:
        EndpointError, ModelError: an endpoint's record, its release or a model that stays is damaged, so that nobody knows what
            it needs.
        RegistryError: the registry is away, or another one than the store's: it doesn't know what an endpoint serves.
        StoreError: the store can't be read, or what it says of runs is damaged.
    """
    objects, found = catalog.objects, Needed()
    for task in tasks_with_models(objects):
        found.versions[task] = [version for version in registry.versions(task) if version.digest]
    for name in known_endpoints(objects):
        _of_record(found, objects, registry.uri, read_record(objects, name))
    for task in tasks_known(objects):
        _of_open_runs(found, objects, task)
    for task, versions in found.versions.items():
        _of_task(found, versions, task, keep, models_days, now)
        if under_way(objects, task, now):
            for prefix in folders(objects.stored(f"models/{task}"), 3):
                found.model(task, prefix.rpartition("/")[2], "a run of the task is under way")
    _young_models(found, objects, max(models_days, 1), now)
    _backbones(found, objects, definition, now)
    for task, versions in found.versions.items():
        found.runs |= {(task, version.run) for version in versions if (task, version.digest) in found.models}
    return found


def under_way(objects: Objects, task: str, now: Now) -> bool:
    """Return whether a run of a task began, wasn't concluded, and left something in the last days."""
    began = open_runs(objects, task)
    if not began:
        return False
    left = objects.stored(f"runs/{task}")
    return any(one.written > now.before(DEAD_DAYS) for one in left if one.key.split("/")[2] in {*began, "state.json"})


def any_under_way(objects: Objects, now: Now) -> bool:
    """Return whether a run of any task is under way."""
    return any(under_way(objects, task, now) for task in tasks_known(objects))


def _of_record(found: Needed, objects: Objects, uri: str, record: EndpointRecord) -> None:
    """Keep what an endpoint's record names: releases with their models, an A/B, promotions that wait."""
    for digest, role in record.roles.items():
        found.releases[record.endpoint, digest] = f"the {role} release"
        for task, served in _served(objects, record.endpoint, digest).items():
            if served.model not in {version.digest for version in found.versions.get(task, ())}:
                raise RegistryError(
                    f"The registry {uri} has no version of the model {served.model[:12]} that the endpoint '{record.endpoint}' "
                    f"has for {task}, so that it doesn't say what can be gone back to. Set PERENNIAL_MLFLOW to the registry of "
                    f"{objects.url}, then run this again."
                )
            found.model(task, served.model, f"in the {role} release")
            found.backbones.setdefault(served.backbone, f"in the {role} release")
    for waiting in record.queue:
        found.model(waiting.task, waiting.model, "waits for the end of an A/B")


def _served(objects: Objects, endpoint: str, release: str) -> dict[str, ServedModel]:
    """Return what a release serves; nothing where it isn't there, so that nothing can go back to it."""
    if not objects.exists(f"{release_prefix(endpoint, release)}/{FILE}"):
        return {}
    return read_release(objects, endpoint, release)[1].tasks


def _of_open_runs(found: Needed, objects: Objects, task: str) -> None:
    """Keep what runs that weren't concluded go by: tried again, however late, they don't do again what they have facts of."""
    for run in open_runs(objects, task):
        folder, reason = RunFolder(objects, task, run), "of a run that isn't concluded"
        for name in ("challenger", "champion"):
            if digest := _fact(folder, "train", name):
                found.model(task, digest, reason)
        for step in ("label", *PREPARING, "embed"):
            if backbone := _fact(folder, step, "backbone"):
                found.backbones.setdefault(backbone, reason)


def _fact(run: RunFolder, step: str, name: str) -> str | None:
    """Return one of the facts that a step of a run left; None where it left none, or not this one."""
    facts: object = run.find(step)
    if facts is not None and not isinstance(facts, dict):
        key = run.key(f"{step}.json")
        raise StoreError(f"{key} in {run.objects.url} is damaged: it holds no facts. Delete it, then run this again.")
    found = (facts or {}).get(name)
    return str(found) if found else None


def _of_task(found: Needed, versions: list[Version], task: str, keep: int, days: int, now: Now) -> None:
    """Keep a task's aliased versions, those that it can go back to, its first one, and the young ones."""
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


def _backbones(found: Needed, objects: Objects, definition: Callable[[str], Task], now: Now) -> None:
    """Keep the backbones of models and releases that stay, those that tasks name, and those they were tuned from."""
    for task, digest in found.models:
        if backbone := _backbone_of(objects, task, digest):
            found.backbones.setdefault(backbone, "a model that stays was made with it")
    for task in tasks_known(objects):
        try:
            own = known(definition(task).backbone, objects)
        except (TaskError, BackboneError):
            own = None  # the task's file lies elsewhere
        if own:
            found.backbones.setdefault(own, "a task names it")
        if last := _last_used(objects, task):
            found.backbones.setdefault(last, "the task's last run used it")
        if under_way(objects, task, now):
            for prefix in folders(objects.stored("backbones"), 2):
                found.backbones.setdefault(prefix.rpartition("/")[2], "a run is under way")
    _tuned_from(found, objects)


def _backbone_of(objects: Objects, task: str, model: str) -> str | None:
    """Return the backbone that a model was made with; None where the model isn't there."""
    key = f"models/{task}/{model}/model.json"
    try:
        return str(json.loads(objects.get(key))["backbone"])
    except ObjectMissing:
        return None
    except (ValueError, TypeError, KeyError):
        raise ModelError(
            f"{key} in {objects.url} is damaged, so that it doesn't say which backbone the model needs. Restore it from a copy, "
            "or delete its folder and go back to another version with 'perennial rollback'; then run this again."
        ) from None


def _last_used(objects: Objects, task: str) -> str | None:
    """Return the backbone of the last run that embedded: it may be the task's own, whose file or weights lie elsewhere."""
    embedded = [one for one in objects.stored(f"runs/{task}") if one.key.endswith("/embed.json")]
    if not embedded:
        return None
    run = max(embedded, key=lambda one: one.written).key.split("/")[2]
    return _fact(RunFolder(objects, task, run), "embed", "backbone")


def _tuned_from(found: Needed, objects: Objects) -> None:
    waiting = list(found.backbones)
    while waiting:
        key = f"backbones/tuned/{waiting.pop()}.json"
        try:
            origin = objects.get_json(key)
            origins = {str(origin["root"]), str(origin["base"])}
        except ObjectMissing:
            continue
        except (TypeError, KeyError):
            raise StoreError(
                f"{key} in {objects.url} is damaged: it doesn't say what the backbone was tuned from. Restore it from a copy."
            ) from None
        for digest in origins - set(found.backbones):
            found.backbones[digest] = "another one that stays was tuned from it"
            waiting.append(digest)
