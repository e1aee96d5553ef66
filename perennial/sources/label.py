"""Label images by what their sources say about them."""

import json
from collections.abc import Iterator
from typing import Any

from perennial.catalog.catalog import Catalog
from perennial.catalog.rows import Batch, LabelEvent
from perennial.sources.folder import folder_name
from perennial.sources.inbox.source import posts_below
from perennial.task import FolderSource, InboxSource, SourceSpec, Task


def label(task: Task, catalog: Catalog) -> Batch | None:
    """Apply a task's label rule to the images of its sources that have no label, as one batch; None where nothing is new.

    An image whose label is unknown, or isn't one of the task's classes, is set aside for review, and tried again in later
    runs: the task may have got a class since.
    """
    events, unknown = [], []
    for row in _candidates(task, catalog):
        cls = task.label.label({"place": row["place"], **json.loads(row["metadata"])})
        if cls in task.classes:
            who = row["post"].partition("/")[0]
            events.append(LabelEvent(row["id"], task.name, cls, "source", who, row["published"]))
        else:
            unknown.append(row["id"])
    if unknown:
        catalog.review(task.name, unknown)
    return catalog.append_labels(task.name, events) if events else None


def _candidates(task: Task, catalog: Catalog) -> Iterator[dict[str, Any]]:
    """Yield new images and those set aside earlier; a store may hold other tasks' images too."""
    sources = tuple(_posts_of(source) for source in task.sources)
    for rows in (catalog.unlabelled(task.name), catalog.to_review(task.name)):
        yield from (row for row in rows.to_pylist() if row["post"].startswith(sources))


def _posts_of(source: SourceSpec) -> str:
    """Return how a source's posts begin."""
    if isinstance(source, InboxSource):
        return posts_below(source)
    return f"{folder_name(source.path) if isinstance(source, FolderSource) else source.type}/"
