"""Decisions of people on batches that the gate held, and on what was refused."""

from collections.abc import Sequence
from typing import Literal

from perennial.catalog import quarantine
from perennial.catalog.catalog import Catalog
from perennial.errors import CatalogError, ReviewError
from perennial.operations.runs import reopen


def settle(catalog: Catalog, task: str, prefix: str, status: Literal["open", "rejected"]) -> str:
    """Open or reject the held batch whose id begins with ``prefix``; return its id.

    Raises:
        CatalogError: no held batch, or more than one, has such an id.
    """
    held = [batch.id for batch in catalog.batches(task) if batch.status == "held"]
    matching = [batch for batch in held if batch.startswith(prefix)]
    if len(matching) != 1:
        known = ", ".join(batch[:12] for batch in held) or "none"
        raise CatalogError(f"{len(matching)} held batches of {task} begin with '{prefix}'. Held batches: {known}.")
    catalog.settle(task, matching[0], status)
    if status == "open":
        reopen(catalog.objects, task, f"review-{matching[0]}")
    return matching[0]


def drop(catalog: Catalog, prefixes: Sequence[str], source: str = "") -> int:
    """Delete refused things, named by their ids or the ids' beginnings, or all of a source; return how many.

    Raises:
        ReviewError: an id names none, or more than one, or nothing is named at all.
    """
    if not prefixes and not source:
        raise ReviewError("Name what to drop by its id, or all of a source with --source. See 'perennial review quarantine'.")
    records = quarantine.quarantined(catalog.objects, source)
    chosen = {} if prefixes else {record.digest: record for record in records}
    for prefix in prefixes:
        matching = [record for record in records if prefix and record.digest.startswith(prefix)]
        if len(matching) != 1:
            raise ReviewError(f"{len(matching)} refused things begin with '{prefix}'. See 'perennial review quarantine'.")
        chosen[matching[0].digest] = matching[0]
    for record in chosen.values():
        quarantine.drop(catalog.objects, record)
    return len(chosen)
