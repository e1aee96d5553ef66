"""What a model has yet to learn or to unlearn: the difference between its ledger and the catalog's open batches."""

from collections.abc import Collection
from dataclasses import dataclass

import pyarrow as pa

from perennial.catalog.catalog import Catalog


@dataclass(frozen=True)
class Changes:
    """Rows of ``Catalog.labelled`` as they were learnt and as they are now, for the images whose labels may differ.

    ``corrected`` are those of the new batches that hold corrections by people, ``corrections`` how many images those name.
    """

    batches: tuple[str, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]
    before: pa.Table | None
    now: pa.Table
    corrected: tuple[str, ...] = ()
    corrections: int = 0

    @property
    def images(self) -> list[str]:
        """Ids of the images that were learnt under an older label."""
        return [] if self.before is None else self.before.column("image").to_pylist()


def changes(task: str, catalog: Catalog, learnt: Collection[str]) -> Changes | None:
    """Compare a ledger with the open batches; None where they are the same.

    A batch that was learnt and is held or rejected since is unlearnt. Reads rows of those images alone whose events lie in the
    difference.
    """
    standing = [batch for batch in catalog.batches(task) if batch.status == "open"]
    batches = tuple(batch.id for batch in standing)
    new = tuple(batch for batch in batches if batch not in set(learnt))
    gone = tuple(sorted(set(learnt) - set(batches)))
    if not new and not gone:
        return None
    people = [batch for batch in standing if batch.origin == "feedback" and batch.id in set(new)]
    said = tuple(batch.id for batch in people), sum(batch.images for batch in people)
    if not learnt:
        return Changes(batches, new, gone, None, catalog.labelled(task, batches), *said)
    images = sorted(set(catalog.events(task, [*new, *gone]).column("image").to_pylist()))
    before = catalog.labelled(task, sorted(learnt), images)
    return Changes(batches, new, gone, before, catalog.labelled(task, batches, images), *said)
