"""Models, releases and backbones that nobody needs any more: archived, and their versions say so."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from perennial.catalog.archive import archive
from perennial.catalog.catalog import Catalog
from perennial.catalog.leases import lease
from perennial.catalog.locks import exclusive
from perennial.catalog.objects import Objects, Stored
from perennial.errors import LeaseHeld
from perennial.operations.endpoints import known_endpoints
from perennial.operations.retention.needed import Needed, any_under_way, needed, under_way
from perennial.operations.retention.tally import Kind, Now, folders, newest, young
from perennial.registry import ARCHIVED, Registry
from perennial.settings import Settings
from perennial.task import Task

WAIT_S = 10.0
Check = Callable[[], None]
_BEGAN = "a run is under way"


def archive_models(
    catalog: Catalog, registry: Registry, settings: Settings, definition: Callable[[str], Task], now: Now
) -> Iterator[Kind]:
    """Archive models, releases and backbones that nobody needs, and yield what went; embeddings of such backbones are deleted.

    While a deployment goes on, all stay.

    Raises:
        LeaseLost: this process was stopped for so long that a deployment took over.
        EndpointError, ModelError, RegistryError, StoreError: as in :func:`needed`.
    """
    objects, days = catalog.objects, settings.keep_models_days
    kinds = [Kind(name, "archived") for name in ("models", "releases", "backbones")] + [Kind("embeddings", "deleted")]
    if not days:
        yield from kinds
        return
    with ExitStack() as stack:
        try:
            checks = [] if now.dry_run else [_hold(stack, objects, name) for name in known_endpoints(objects)]
        except LeaseHeld:
            for kind in kinds:
                kind.stay("a deployment goes on")
            yield from kinds
            return

        def check() -> None:
            for one in checks:
                one()

        wanted = needed(catalog, registry, settings.keep_versions, days, definition, now)
        models, releases, backbones, embeddings = kinds
        _models(objects, registry, wanted, models, now, check)
        yield models
        _releases(objects, wanted, releases, now, days, check)
        yield releases
        _backbones(objects, wanted, backbones, now, days, check)
        yield backbones
        _embeddings(objects, wanted, embeddings, now, days, check)
        yield embeddings


def _hold(stack: ExitStack, objects: Objects, endpoint: str) -> Check:
    return stack.enter_context(lease(objects, f"endpoint-{endpoint}", wait_s=WAIT_S)).check


def _models(objects: Objects, registry: Registry, wanted: Needed, kind: Kind, now: Now, check: Check) -> None:
    numbers = {(task, version.digest): version.number for task, all in wanted.versions.items() for version in all}
    for prefix, stored in folders(objects.stored("models"), 3).items():
        _, task, digest = prefix.split("/")
        if reason := wanted.models.get((task, digest)):
            kind.stay(reason)
        elif now.dry_run:
            kind.go(stored)
        elif under_way(objects, task, now):  # it began since, as below
            kind.stay("a run of the task is under way")
        else:
            check()
            if number := numbers.get((task, digest)):
                registry.tag(task, number, {ARCHIVED: f"{now.at:%Y-%m-%d}"})
            archive(objects, [one.key for one in stored])
            kind.go(stored)


def _releases(objects: Objects, wanted: Needed, kind: Kind, now: Now, days: int, check: Check) -> None:
    for prefix, stored in folders(objects.stored("releases"), 3).items():
        _, endpoint, digest = prefix.split("/")
        if not _stays(kind, wanted.releases.get((endpoint, digest)), stored, now, days):
            _archive(objects, stored, kind, now, check)


def _backbones(objects: Objects, wanted: Needed, kind: Kind, now: Now, days: int, check: Check) -> None:
    for prefix, stored in folders(objects.stored("backbones"), 2).items():
        digest = prefix.rpartition("/")[2]
        if digest in ("tuned", "refs", "weights"):  # where backbones come from; weights may be of several
            continue
        if _stays(kind, wanted.backbones.get(digest), stored, now, days) or _began(objects, kind, now):
            continue
        if not now.dry_run:
            _forget_tuning(objects, digest)
        _archive(objects, stored, kind, now, check)


def _forget_tuning(objects: Objects, backbone: str) -> None:
    """Forget that a fine-tuning ended with this backbone, so that the same one is done again where it is asked for."""
    for key in list(objects.keys("finetuning")):
        if key.count("/") == 2 and objects.get_json(key).get("backbone") == backbone:
            objects.delete(key)


def _stays(kind: Kind, reason: str | None, stored: list[Stored], now: Now, days: int) -> bool:
    """Count what stays for a reason, or because it is young."""
    why = reason or (young(days) if newest(stored) > now.before(days) else None)
    if why:
        kind.stay(why)
    return bool(why)


def _began(objects: Objects, kind: Kind, now: Now) -> bool:
    """Count what stays because a run began since it was looked up what is needed."""
    began = not now.dry_run and any_under_way(objects, now)
    if began:
        kind.stay(_BEGAN)
    return began


def _archive(objects: Objects, stored: list[Stored], kind: Kind, now: Now, check: Check) -> None:
    if not now.dry_run:
        check()
        archive(objects, [one.key for one in stored])
    kind.go(stored)


def _embeddings(objects: Objects, wanted: Needed, kind: Kind, now: Now, days: int, check: Check) -> None:
    for prefix, stored in folders(objects.stored("catalog/embeddings"), 3).items():
        digest = prefix.rpartition("/")[2].removesuffix(".lance")
        if _stays(kind, wanted.backbones.get(digest), stored, now, days) or _began(objects, kind, now):
            continue
        if not now.dry_run:
            with exclusive(objects, f"table embeddings/{digest}") as alone:
                check()
                alone()
                drop_table(objects, stored)
        kind.go(stored)


def drop_table(objects: Objects, stored: list[Stored]) -> None:
    """Delete a Lance table: its versions first, the newest before the others, so that one killed half-way leaves a whole one."""
    versions = [one for one in stored if "_versions" in one.key.split("/")]
    for one in sorted(versions, key=lambda one: (one.written, one.key), reverse=True):
        objects.delete(one.key)
    objects.delete_all([one.key for one in stored if one not in versions])
