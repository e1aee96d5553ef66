"""Retention: what is old and needed by nothing is deleted or archived.

Never what a champion serves or learns from, nor what going back needs. Safe beside runs and deployments, and killed anywhere
it is done again.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from perennial.catalog.catalog import Catalog
from perennial.catalog.leases import lease
from perennial.catalog.objects import Objects
from perennial.operations.definitions import present
from perennial.operations.endpoints import known_endpoints
from perennial.operations.retention.images import archive_images
from perennial.operations.retention.leftovers import clean_tables, clear_pixels, expire_quarantine, expire_runs
from perennial.operations.retention.models import archive_models
from perennial.operations.retention.needed import Needed, needed
from perennial.operations.retention.predictions import expire_predictions
from perennial.operations.retention.tally import Kind, Now
from perennial.registry import Registry
from perennial.serving.record import read_record
from perennial.settings import Settings
from perennial.task import Task

__all__ = ["Kind", "tidy"]

LEASE = "retention"


def tidy(settings: Settings, *, dry_run: bool = False, at: datetime | None = None) -> Iterator[Kind]:
    """Delete and archive what is old and needed by nothing, and yield what went, kind by kind.

    With ``dry_run`` nothing is changed, and what would go is yielded. Ages are told by the moment ``at``, if not by now.

    Raises:
        LeaseHeld: another process does it.
        LeaseLost: this process was stopped for so long that another one does it now.
        EndpointError, ModelError: an endpoint's record, its release or a model that stays is damaged, so that nobody knows what
            it needs; nothing was changed then.
        StoreError, CatalogError, RegistryError: store, a table or the registry can't be read or written, or is another one than
            the store's; run it again then.
    """
    objects = Objects.open(settings.store_url, make=False)
    if dry_run:
        yield from _tidy(objects, settings, Now(dry_run, at or datetime.now(UTC)))
        return
    with lease(objects, LEASE) as held:
        for kind in _tidy(objects, settings, Now(dry_run, at or _now(objects))):
            yield kind
            held.check()


def _now(objects: Objects) -> datetime:
    """Return this machine's time, or the store's where that is behind: by it, what was just written is just written."""
    own = datetime.now(UTC)
    return min(own, objects.written(f"leases/{LEASE}.json") or own)


def _tidy(objects: Objects, settings: Settings, now: Now) -> Iterator[Kind]:
    catalog, registry = Catalog.open(objects), Registry(settings.mlflow_uri)

    def definition(task: str) -> Task:
        return present(task, objects, settings.tasks)

    def read() -> Needed:
        return needed(catalog, registry, settings.keep_versions, settings.keep_models_days, definition, now)

    read()  # what can't be read is told before anything goes
    records = [read_record(objects, name) for name in known_endpoints(objects)]
    holds: dict[str, datetime] = {}
    for hold in (record.hold for record in records if record.hold):
        holds[hold.task] = min(hold.began, holds.get(hold.task, hold.began))
    yield from expire_predictions(objects, settings.keep_predictions_days, holds, now)
    yield from archive_models(catalog, registry, settings, definition, now)
    yield expire_runs(objects, settings.keep_runs_days, read().runs, now)
    yield expire_quarantine(objects, settings.keep_quarantine_days, now)
    yield archive_images(catalog, definition, now)
    yield clear_pixels(catalog, now)
    yield clean_tables(objects, now)
