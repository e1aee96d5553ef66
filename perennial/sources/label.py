"""Label images by what their sources say about them."""

import json

from perennial.catalog.catalog import Catalog
from perennial.catalog.rows import Batch, LabelEvent
from perennial.task import Task


def label(task: Task, catalog: Catalog) -> Batch | None:
    """Apply a task's label rule to the images it hasn't seen, as one batch; None where there is no new label.

    An image whose label is unknown, or isn't one of the task's classes, is set aside for review.
    """
    events, unknown = [], []
    for row in catalog.unlabelled(task.name).to_pylist():
        cls = task.label.label({"place": row["place"], **json.loads(row["metadata"])})
        if cls in task.classes:
            who = row["post"].partition("/")[0]
            events.append(LabelEvent(row["id"], task.name, cls, "source", who, row["published"]))
        else:
            unknown.append(row["id"])
    if unknown:
        catalog.review(task.name, unknown)
    return catalog.append_labels(task.name, events) if events else None
