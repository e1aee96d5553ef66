"""Which images a judgement rests on: bounded selections whose cost follows what is judged, not the whole history."""

import datetime as dt
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from perennial.catalog.catalog import Catalog
from perennial.catalog.rows import Batch
from perennial.evaluation.batch import Sample
from perennial.task import Task

RECENT, OLDER, REFERENCE = 5000, 1000, 4000


@dataclass(frozen=True)
class HeldOut:
    """Rows of ``Catalog.labelled``: held-out images of the window and of the new batches, and a sample of older ones."""

    recent: pa.Table
    older: pa.Table


def open_batches(task: Task, catalog: Catalog, wanted: Collection[str]) -> list[Batch]:
    """Return those of the batches that are neither held nor rejected, oldest first."""
    ids = set(wanted)
    return [batch for batch in catalog.batches(task.name) if batch.status == "open" and batch.id in ids]


def held_out(task: Task, catalog: Catalog, batches: Sequence[Batch], new: Collection[str]) -> HeldOut:
    """Select held-out images of open batches: the newest 5,000 of the last ``window_days``, a thousand older ones."""
    if not batches:
        return HeldOut(*[_labels(task, catalog, [], [])] * 2)
    dated = [batch for batch in batches if batch.origin == "source"] or batches  # a correction's day says nothing of its image's
    since = max(batch.last for batch in dated) - dt.timedelta(days=task.gate.window_days)
    names = [batch.id for batch in batches]
    young = [batch.id for batch in batches if batch.last > since or batch.id in set(new)]
    rows = _split(_labels(task, catalog, names, _images(task, catalog, young)), ("hold_out",))
    recent = pc.or_(pc.greater(rows["published"], pa.scalar(since)), pc.is_in(rows["batch"], pa.array(sorted(new), pa.string())))
    old = _evenly([batch for batch in batches if batch.id not in set(young)], OLDER * 5)
    others = _split(_labels(task, catalog, names, _images(task, catalog, old)), ("hold_out",)) if old else rows.slice(0, 0)
    return HeldOut(
        newest(rows.filter(recent), RECENT), _sampled(pa.concat_tables([rows.filter(pc.invert(recent)), others]), OLDER)
    )


def learnt_recently(task: Task, catalog: Catalog, learnt: Collection[str]) -> pa.Table:
    """Return labels of the newest images of the newest batches that a model has learnt, all splits, newest first."""
    batches = open_batches(task, catalog, learnt)
    chosen, size = [], 0
    for batch in (batch for batch in reversed(batches) if batch.origin == "source"):
        if size >= REFERENCE:
            break
        chosen.append(batch.id)
        size += batch.images
    rows = _labels(task, catalog, [batch.id for batch in batches], _images(task, catalog, chosen))
    return newest(rows, REFERENCE)


def labels_of(task: Task, catalog: Catalog, batch: str) -> pa.Table:
    """Return the labels that one batch gives by itself, of the task's classes, all splits; none that were taken away since."""
    rows = _known(task, catalog.labelled(task.name, [batch]))
    left = catalog.labelled(task.name, [batch, *_open(task, catalog)], rows["image"].to_pylist())
    return rows.filter(pc.is_in(rows["image"], left["image"].combine_chunks()))


def changed(task: Task, catalog: Catalog, new: Sequence[str], learnt: Collection[str]) -> int:
    """Return how many images of new batches are labelled now or were when ``learnt`` was; what did come and go doesn't count."""
    images = _images(task, catalog, new)
    now, before = (catalog.labelled(task.name, batches, images) for batches in (_open(task, catalog), sorted(learnt)))
    return len({*now["image"].to_pylist(), *before["image"].to_pylist()})


def newest(rows: pa.Table, count: int) -> pa.Table:
    """Return the newest rows, newest first; one day's in the order of ids."""
    return rows.sort_by([("published", "descending"), ("image", "ascending")]).slice(0, count)


def sample(task: Task, catalog: Catalog, backbone: str, rows: pa.Table) -> Sample:
    """Return rows with their vectors; rows whose image has no embedding under this backbone are left out."""
    missing = catalog.without_embedding(backbone, rows["image"].to_pylist()) if rows.num_rows else []
    rows = rows.filter(pc.invert(pc.is_in(rows["image"], pa.array(missing, pa.string()))))
    posts = np.array(rows["post"].to_pylist(), dtype=np.str_)
    vectors = catalog.embeddings(backbone, rows["image"].to_pylist()) if rows.num_rows else np.empty((0, 0), np.int16)
    return Sample(vectors, positions(task, rows), posts)


def positions(task: Task, rows: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the classes as positions in the task's classes, [n]."""
    position = {cls: index for index, cls in enumerate(task.classes)}
    return np.array([position[cls] for cls in rows["cls"].to_pylist()], np.int64)


def split_rows(rows: pa.Table, splits: tuple[str, ...]) -> pa.Table:
    """Return the rows of some splits."""
    return _split(rows, splits)


def _images(task: Task, catalog: Catalog, batches: Sequence[str]) -> list[str]:
    return sorted(set(catalog.events(task.name, batches)["image"].to_pylist())) if batches else []


def _labels(task: Task, catalog: Catalog, batches: Sequence[str], images: Sequence[str]) -> pa.Table:
    return _known(task, catalog.labelled(task.name, batches, images))


def _known(task: Task, rows: pa.Table) -> pa.Table:
    return rows.filter(pc.is_in(rows["cls"], pa.array(task.classes)))


def _split(rows: pa.Table, splits: tuple[str, ...]) -> pa.Table:
    return rows.filter(pc.is_in(rows["split"], pa.array(splits)))


def _open(task: Task, catalog: Catalog) -> list[str]:
    return [batch.id for batch in catalog.batches(task.name) if batch.status == "open"]


def _evenly(batches: Sequence[Batch], images: int) -> list[str]:
    """Return batches spread over time, enough to hold about so many images."""
    total = sum(batch.images for batch in batches)
    step = max(1, round(total / images)) if total else 1
    return [batch.id for batch in batches[::-1][::step]]


def _sampled(rows: pa.Table, count: int) -> pa.Table:
    """Return at most ``count`` rows, drawn by the hash of the image."""
    if rows.num_rows <= count:
        return rows
    drawn = [hashlib.sha256(f"older {image}".encode()).hexdigest() for image in rows["image"].to_pylist()]
    return rows.append_column("drawn", pa.array(drawn)).sort_by("drawn").slice(0, count).drop_columns(["drawn"])
