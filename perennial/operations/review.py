"""Decisions of people on what the loop held back."""

from typing import Literal

from perennial.catalog.catalog import Catalog
from perennial.errors import CatalogError
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
