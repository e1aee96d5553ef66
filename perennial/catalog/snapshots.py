"""Snapshots: what a model was trained or judged on, by content and never by a table's version."""

from collections.abc import Collection
from dataclasses import dataclass

from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of
from perennial.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Image ids and label events of a task, by the batches that brought them; ``digest`` covers both.

    A batch's id is the digest of its events, each of which names its image, so the digest of the ids covers them all.
    """

    task: str
    batches: tuple[str, ...]
    images: int
    events: int
    digest: str


def snapshot(catalog: Catalog, task: str, batches: Collection[str]) -> Snapshot:
    """Return the snapshot of these batches; its cost doesn't grow with the number of images in them.

    ``images`` counts an image once for each batch that says something about it.

    Raises:
        CatalogError: the task has no such batch.
    """
    known = {batch.id: batch for batch in catalog.batches(task)}
    missing = sorted(set(batches) - set(known))
    if missing:
        raise CatalogError(
            f"The task {task} has no batch {missing[0]}; it has {len(known)}. Is this the store that it was made in?"
        )
    ids = tuple(sorted(set(batches)))
    images, events = sum(known[id].images for id in ids), sum(known[id].events for id in ids)
    return Snapshot(task, ids, images, events, digest_of({"task": task, "batches": ids}))
