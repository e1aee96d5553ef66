"""Label events: appended in batches, never changed, folded into the current label of each image."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from perennial.catalog.digests import digest_of
from perennial.catalog.holds import Hold, holds
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Batch, LabelEvent
from perennial.catalog.tables import Layout, Table, View, key_field, quoted

ORIGINS = {"source": 0, "feedback": 1, "review": 2}
HEADER = ""
LAYOUT = Layout(
    pa.schema(
        [
            key_field("event"),
            pa.field("task", pa.string()),
            pa.field("image", pa.string()),
            pa.field("cls", pa.string()),
            pa.field("origin", pa.string()),
            pa.field("who", pa.string()),
            pa.field("at", pa.date32()),
            pa.field("seq", pa.int32()),
            pa.field("batch", pa.string()),
            pa.field("images", pa.int32()),
            pa.field("events", pa.int32()),
            pa.field("last", pa.date32()),
        ]
    ),
    indexed=("image", "batch"),
)
COLUMNS = ("event", "image", "cls", "origin", "who", "at", "seq", "batch")


class Labels:
    """The label events of all tasks.

    A batch is one commit: its events, and one header row (without an image) with the batch's totals, and its origin where
    people corrected, so that batches are listed without reading events, and a writer that dies leaves neither or both.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.table = Table(objects, "labels", LAYOUT)

    def append(self, task: str, events: Sequence[LabelEvent]) -> Batch | None:
        """Append the events that aren't there yet as one batch; None where all are."""
        given = list(events)
        if not given:
            return None
        rows = self.table.append(lambda view: _draw_up(view, task, given))
        return _batch(rows.slice(0, 1).to_pylist()[0], {}) if rows.num_rows else None

    def batches(self, task: str) -> list[Batch]:
        """Return a task's batches, ordered by the day of the newest event and the id."""
        where = f"image = {quoted(HEADER)} AND task = {quoted(task)}"
        standing = holds(self._objects, task)
        rows = self.table.view().read(("task", "batch", "images", "events", "at", "last", "origin"), where).to_pylist()
        return sorted((_batch(row, standing) for row in rows), key=lambda batch: (batch.last, batch.id))

    def events(self, task: str, batches: Collection[str]) -> pa.Table:
        """Return the raw events of these batches in the order in which they are folded."""
        also = f"task = {quoted(task)} AND image != {quoted(HEADER)}"
        return in_fold_order(self.table.view().lookup("batch", list(batches), COLUMNS, also=also))

    def current(self, task: str, batches: Collection[str] | None, images: Collection[str] | None) -> pa.Table:
        """Return the event that decides each image's label (``cls`` is None where it was taken away).

        Args:
            task: the task's name.
            batches: fold these batches only; None for all that are neither held nor rejected.
            images: fold the events of these images only; None for all.
        """
        also = f"task = {quoted(task)} AND image != {quoted(HEADER)}"
        view = self.table.view()
        if images is not None:
            rows = view.lookup("image", list(images), COLUMNS, also=also)
        elif batches is not None:
            rows = view.lookup("batch", list(batches), COLUMNS, also=also)
        else:
            rows = view.read(COLUMNS, also)
        return fold(in_fold_order(rows.filter(self._counted(task, rows, batches))))

    def labelled_by_source(self, task: str, images: Sequence[str]) -> set[str]:
        """Return which of these images have an event of this task from a source."""
        also = f"task = {quoted(task)} AND origin = 'source'"
        return set(self.table.view().lookup("image", images, ("image",), also=also)["image"].to_pylist())

    def from_sources(self, task: str) -> dict[str, str | None]:
        """Return what the sources said last of each image that they labelled and no person has said anything of."""
        rows = self.table.view().read(COLUMNS, f"task = {quoted(task)} AND image != {quoted(HEADER)}")
        settled = rows.filter(pc.not_equal(rows["origin"], "source"))["image"].combine_chunks()
        last = fold(in_fold_order(rows.filter(pc.invert(pc.is_in(rows["image"], settled)))))
        return dict(zip(last["image"].to_pylist(), last["cls"].to_pylist(), strict=True))

    def last(self, task: str, images: Sequence[str]) -> dict[str, tuple[str | None, str]]:
        """Return the class and the origin of the last event of each image that has one, held and rejected ones included."""
        also = f"task = {quoted(task)} AND image != {quoted(HEADER)}"
        rows = fold(in_fold_order(self.table.view().lookup("image", images, COLUMNS, also=also)))
        return {row["image"]: (row["cls"], row["origin"]) for row in rows.to_pylist()}

    def said_by_people(self, task: str, images: Sequence[str]) -> set[str]:
        """Return which of these images have an event of this task from a person."""
        also = f"task = {quoted(task)} AND image != {quoted(HEADER)} AND origin != 'source'"
        return set(self.table.view().lookup("image", images, ("image",), also=also)["image"].to_pylist())

    def _counted(self, task: str, rows: pa.Table, batches: Collection[str] | None) -> pa.Array:
        if batches is not None:
            return pc.is_in(rows["batch"], pa.array(sorted(batches), pa.string()))
        out = sorted(batch for batch, hold in holds(self._objects, task).items() if hold.status != "open")
        return pc.invert(pc.is_in(rows["batch"], pa.array(out, pa.string())))


def in_fold_order(events: pa.Table) -> pa.Table:
    """Sort events by image, then oldest first; events that were appended at the same moment by day, then by weight of origin."""
    weights = pa.array([ORIGINS[origin] for origin in events["origin"].to_pylist()], pa.int8())
    keys = [(name, "ascending") for name in ("image", "seq", "at", "weight", "event")]
    return events.append_column("weight", weights).sort_by(keys).drop_columns(["weight"])


def fold(events: pa.Table) -> pa.Table:
    """Return the last event of each image, from events in fold order."""
    images = events["image"].combine_chunks()
    if len(images) == 0:
        return events
    last = pc.not_equal(images.slice(0, len(images) - 1), images.slice(1))
    return events.filter(pa.chunked_array([last, pa.array([True])]))


def _draw_up(view: View, task: str, given: Sequence[LabelEvent]) -> pa.Table:
    """Return the rows of the batch that appending these events makes: the header, then each new event once."""
    known = _known(view, task, sorted({event.image for event in given}))
    fresh = []
    for event in given:
        before = known[event.image]
        repeats_itself = event in before and (event.origin == "source" or before[-1] == event)
        if not repeats_itself:
            fresh.append(_row(task, event, before))
            before.append(event)
    if not fresh:
        return LAYOUT.schema.empty_table()
    fresh.sort(key=lambda row: (row["image"], row["seq"]))
    batch = digest_of(sorted(row["event"] for row in fresh))
    days = [row["at"] for row in fresh]
    header = {"event": batch, "task": task, "image": HEADER, "at": min(days), "last": max(days)}
    header |= {"images": len({row["image"] for row in fresh}), "events": len(fresh)}
    header |= {} if any(row["origin"] == "source" for row in fresh) else {"origin": "feedback"}
    return pa.Table.from_pylist([row | {"batch": batch} for row in (header, *fresh)], schema=LAYOUT.schema)


def _row(task: str, event: LabelEvent, before: Sequence[LabelEvent]) -> dict[str, Any]:
    """Return an event's row; its key says which event it is and how often the same was said before."""
    said = [event.image, task, event.cls, event.origin, event.who, event.at.isoformat(), before.count(event)]
    row = {"event": digest_of(said), "task": task, "image": event.image, "cls": event.cls, "origin": event.origin}
    return row | {"who": event.who, "at": event.at, "seq": len(before)}


def _known(view: View, task: str, images: Sequence[str]) -> defaultdict[str, list[LabelEvent]]:
    """Return what was said about these images so far, each image's events oldest first."""
    known: defaultdict[str, list[LabelEvent]] = defaultdict(list)
    for row in in_fold_order(view.lookup("image", images, COLUMNS, also=f"task = {quoted(task)}")).to_pylist():
        event = LabelEvent(row["image"], task, row["cls"], row["origin"], row["who"], row["at"])
        known[event.image].append(event)
    return known


def _batch(row: dict[str, Any], standing: dict[str, Hold]) -> Batch:
    state = standing.get(row["batch"], Hold("open", ""))
    about = (row["batch"], row["task"], row["images"], row["at"], row["last"], state.status, state.reason, row["events"])
    return Batch(*about, row["origin"] or "source")
