"""Retention: what is old and needed by nothing is deleted or archived.

Never what a champion serves or learns from, nor what going back needs. Safe beside runs and deployments, and killed anywhere
it is done again.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime

from perennial.catalog.catalog import Catalog
from perennial.catalog.leases import lease
from perennial.catalog.objects import Objects
from perennial.operations.definitions import present
from perennial.operations.endpoints import known_endpoints
from perennial.operations.retention.images import archive_images
from perennial.operations.retention.leftovers import clean_tables, clear_pixels, expire_quarantine, expire_runs
from perennial.operations.retention.models import archive_models
from perennial.operations.retention.needed import needed
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
        EndpointError: an endpoint's record is damaged, so that nobody knows what it serves.
        StoreError, CatalogError, RegistryError: store, a table or the registry can't be read or written; run it again then.
    """
    objects = Objects.open(settings.store_url)
    now = Now(dry_run, at or datetime.now(UTC))
    with nullcontext() if dry_run else lease(objects, LEASE):
        yield from _tidy(objects, settings, now)


def _tidy(objects: Objects, settings: Settings, now: Now) -> Iterator[Kind]:
    catalog, registry = Catalog.open(objects), Registry(settings.mlflow_uri)

    def definition(task: str) -> Task:
        return present(task, objects, settings.tasks)

    records = [read_record(objects, name) for name in known_endpoints(objects)]
    holds = {record.hold.task: record.hold.began for record in records if record.hold}
    yield from expire_predictions(objects, settings.keep_predictions_days, holds, now)
    yield from archive_models(catalog, registry, settings, definition, now)
    made = needed(catalog, registry, settings.keep_versions, settings.keep_models_days, definition, now).runs
    yield expire_runs(objects, settings.keep_runs_days, made, now)
    yield expire_quarantine(objects, settings.keep_quarantine_days, now)
    yield archive_images(catalog, definition, now)
    yield clear_pixels(catalog, now)
    yield clean_tables(objects, now)
