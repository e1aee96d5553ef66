"""Label images by what their sources say about them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of
from perennial.catalog.images import UNLABELLED
from perennial.catalog.rows import Batch, LabelEvent, Unknown
from perennial.rules import Reading
from perennial.sources.folder import folder_name
from perennial.sources.inbox.source import posts_below
from perennial.sources.table import table_name
from perennial.task import FolderSource, InboxSource, SourceSpec, TableSource, Task

ROWS = 4096
"""Images that are looked at at once."""


@dataclass(frozen=True)
class Labelled:
    """What a run labelled: the batch of new labels, the one of corrections, and the images set aside.

    ``unknown`` of those have a value that the rule doesn't know, of ``silent`` ones nothing was said.
    """

    batch: Batch | None
    corrected: Batch | None = None
    unknown: int = 0
    silent: int = 0

    @property
    def sentence(self) -> str:
        """What happened, in a few words."""
        said = [f"{self.batch.images if self.batch else 0} images labelled"]
        said += [f"{self.corrected.images} labels corrected, since the rule changed"] if self.corrected else []
        said += [f"{self.unknown} unknown, see 'perennial review'"] if self.unknown else []
        return ", ".join(said)


def label(task: Task, catalog: Catalog) -> Batch | None:
    """Apply a task's label rule as :func:`apply_rule` does, and return the batch of new labels; None where nothing is new."""
    return apply_rule(task, catalog).batch


def apply_rule(task: Task, catalog: Catalog) -> Labelled:
    """Apply a task's label rule to the images of its sources that have no label.

    An image whose label is unknown, or isn't one of the task's classes, is set aside for review. Where rule, table or classes
    changed since the last run, those set aside are tried again, and sources' labels that the rule reads otherwise now are
    corrected, in a batch of their own; what people said stays.
    """
    rule, noted = rule_digest(task), _noted(task, catalog)
    if noted["rule"] == rule:
        return _label(task, catalog, rule, [_unlabelled(task, catalog)])
    number = noted["number"] + 1
    corrected = _correct(task, catalog, rule, number)
    tables = [_tried_again(task, catalog, rule), _unlabelled(task, catalog)]
    done = _label(task, catalog, rule, tables, corrected)
    catalog.objects.put_json(_key(task), {"rule": rule, "number": number})
    return done


def waiting(task: Task, catalog: Catalog) -> bool:
    """Say whether images of the task's sources were never labelled for it, as those that another task scraped."""
    posts = _unlabelled(task, catalog)["post"].to_pylist()
    return any(post.startswith(_beginnings(task)) for post in posts)


def rule_digest(task: Task) -> str:
    """Return the digest of all that a task's labels depend on: classes, rule, what the rule's table says, kinds of images."""
    return digest_of([sorted(task.classes), task.label.basis(), *([task.images.kinds] if task.images.kinds else [])])


def rule_number(task: Task, catalog: Catalog) -> int:
    """Return how many rules labelled the task's images so far, one after the other; 0 before the first."""
    return int(_noted(task, catalog)["number"])


def source_names(task: Task) -> set[str]:
    """Return what the task's sources are called in the catalog."""
    return {_name(source) for source in task.sources}


def _noted(task: Task, catalog: Catalog) -> dict[str, Any]:
    none: dict[str, Any] = {"rule": "", "number": 0}
    return catalog.objects.get_json(_key(task)) if catalog.objects.exists(_key(task)) else none


def _key(task: Task) -> str:
    return f"labels/{task.name}/rule.json"


def _name(source: SourceSpec) -> str:
    if isinstance(source, FolderSource):
        return folder_name(source.path)
    return table_name(source.path) if isinstance(source, TableSource) else source.type


def _unlabelled(task: Task, catalog: Catalog) -> pa.Table:
    return catalog.unlabelled(task.name, source_names(task), task.images.kinds)


def _beginnings(task: Task) -> tuple[str, ...]:
    """Return how the posts of the task's sources begin."""
    return tuple(posts_below(one) if isinstance(one, InboxSource) else f"{_name(one)}/" for one in task.sources)


def _label(task: Task, catalog: Catalog, rule: str, tables: Sequence[pa.Table], corrected: Batch | None = None) -> Labelled:
    """Append what the rule reads as one batch, and set the rest aside."""
    events, unknown = [], []
    for row, reading in _read(task, tables):
        if reading.cls is not None:
            events.append(LabelEvent(row["id"], task.name, reading.cls, "source", _source(row), row["published"]))
        else:
            unknown.append(Unknown(row["id"], reading.value, rule))
    batch = catalog.append_labels(task.name, events) if events else None
    catalog.review(task.name, unknown)
    silent = sum(not one.value for one in unknown)
    return Labelled(batch, corrected, len(unknown) - silent, silent)


def _correct(task: Task, catalog: Catalog, rule: str, number: int) -> Batch | None:
    """Append, as one batch, what the changed rule reads otherwise than it was said.

    The events name the change by its number, since what a source says by the same name twice counts once.
    """
    before = catalog.from_sources(task.name)
    events, unknown = [], []
    for row, reading in _read(task, [catalog.images(sorted(before), UNLABELLED)] if before else []):
        if reading.cls != before[row["id"]]:
            who = f"{_source(row)}, rule {number}"
            events.append(LabelEvent(row["id"], task.name, reading.cls, "source", who, row["published"]))
        if reading.cls is None:
            unknown.append(Unknown(row["id"], reading.value, rule))
    batch = catalog.append_labels(task.name, events) if events else None
    catalog.review(task.name, unknown)
    return batch


def _tried_again(task: Task, catalog: Catalog, rule: str) -> pa.Table:
    """Return the images that were set aside under another rule, and that neither a source nor a person has labelled since."""
    ids = catalog.set_aside_otherwise(task.name, rule)
    said = catalog.from_sources(task.name).keys() | catalog.said_by_people(task.name, ids)
    return catalog.images([id for id in ids if id not in said], UNLABELLED)


def _read(task: Task, tables: Iterable[pa.Table]) -> Iterator[tuple[dict[str, Any], Reading]]:
    """Yield each image of the task's sources with what the rule reads; a store may hold other tasks' images too."""
    beginnings = _beginnings(task)
    for table in tables:
        for rows in table.to_batches(max_chunksize=ROWS):
            for row in rows.to_pylist():
                if row["post"].startswith(beginnings):
                    yield row, _reading(task, row)


def _reading(task: Task, row: dict[str, Any]) -> Reading:
    """Return what the rule reads; a class that the task hasn't got is unknown."""
    reading = task.label.read({**json.loads(row["metadata"]), "place": row["place"], "kind": row["kind"]})
    return Reading(value=reading.cls) if reading.cls is not None and reading.cls not in task.classes else reading


def _source(row: dict[str, Any]) -> str:
    return str(row["post"].partition("/")[0])
