"""The images table and the pixels beside it."""

import json
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from perennial.catalog.archive import archived_key
from perennial.catalog.aside import Aside
from perennial.catalog.digests import canonical, digest_of_bytes
from perennial.catalog.labels import Labels
from perennial.catalog.near_duplicates import NearDuplicates, perceptual_hash
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image
from perennial.catalog.splits import split_of
from perennial.catalog.tables import Layout, Table, View, among, key_field, quoted
from perennial.errors import CatalogError, ObjectMissing

LAYOUT = Layout(
    pa.schema(
        [
            key_field("id"),
            pa.field("source", pa.string()),
            pa.field("post", pa.string()),
            pa.field("url", pa.string()),
            pa.field("published", pa.date32()),
            pa.field("title", pa.string()),
            pa.field("place", pa.string()),
            pa.field("kind", pa.string()),
            pa.field("metadata", pa.string()),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
            pa.field("licence", pa.string()),
            pa.field("credit", pa.string()),
            pa.field("split", pa.string()),
            pa.field("hash", pa.string()),
            pa.field("copy_of", pa.string()),
        ]
    ),
    indexed=("id",),
)
UNLABELLED = ("id", "post", "published", "place", "kind", "metadata")
REVIEWED = (*UNLABELLED, "title", "url")
FEEDBACK = "feedback"
"""The source of pictures that people sent; no source will label them."""

SILENT = ("photo", "")
"""Kinds of images whose source doesn't say what they show."""

UPLOADS = 16
Row = dict[str, Any]


class Images:
    """The images, their pixels, and which of them still have no label from their source."""

    def __init__(self, objects: Objects, labels: Labels) -> None:
        self._objects = objects
        self._labels = labels
        self._near_duplicates = NearDuplicates(self.pixels)
        self.table = Table(objects, "images", LAYOUT)
        self.aside = Aside(objects, labels)

    def add(self, images: Sequence[tuple[Image, bytes]]) -> int:
        """Store pixels, then rows; return how many images were new."""
        for image, pixels in images:
            if digest_of_bytes(pixels) != image.id:
                raise CatalogError(
                    f"The image {image.id} of {image.post} came with other pixels than its id says. Read it again."
                )
        with ThreadPoolExecutor(UPLOADS) as pool:
            list(pool.map(self.store, {image.id: pixels for image, pixels in images}.values()))
        return self.enter([image for image, _ in images])

    def store(self, pixels: bytes) -> str:
        """Store pixels and return the id of their image; those that lie there without a row count as new ones again."""
        id = digest_of_bytes(pixels)
        self._objects.put(pixels_key(id), pixels)
        return id

    def pixels(self, id: str) -> bytes:
        """Return an image's JPEG, from the archive where it lies there; ObjectMissing where there is no such image."""
        try:
            return self._objects.get(pixels_key(id))
        except ObjectMissing:
            with suppress(ObjectMissing):
                return self._objects.get(archived_key(pixels_key(id)))
            raise

    def enter(self, images: Sequence[Image]) -> int:
        """Write the rows of images whose pixels are stored, the first of each id; return how many were new."""
        first: dict[str, Image] = {}
        for image in images:
            first.setdefault(image.id, image)
        rows = {id: asdict(image) | _derived(image) for id, image in first.items()}
        return self.table.append(lambda view: self._compared(view, rows)).num_rows if rows else 0

    def _compared(self, view: View, rows: Mapping[str, Row]) -> pa.Table:
        """Return the rows whose image isn't there yet; a near-duplicate names what it is a copy of, and has its split."""
        unknown = set(view.without(pa.table({"id": list(rows)}))["id"].to_pylist())
        new = {id: row | {"hash": self._hash(id, row["hash"])} for id, row in rows.items() if id in unknown}
        copies = self._near_duplicates.copies(view, {id: row["hash"] for id, row in new.items()})
        splits = {row["id"]: row["split"] for row in view.lookup("id", list(copies.values()), ("id", "split")).to_pylist()}
        for id, root in copies.items():
            new[id] |= {"copy_of": root, "split": splits.get(root) or new[root]["split"]}
        return pa.Table.from_pylist(list(new.values()), schema=LAYOUT.schema)

    def _hash(self, id: str, known: str | None) -> str:
        return perceptual_hash(self.pixels(id)) if known is None else known

    def newest_of(self, post: str) -> str | None:
        """Return the id of the image of a post that was added last."""
        found = self.table.view().read(("id",), f"post = {quoted(post)}", row_ids=True)
        return str(found.sort_by([("_rowid", "descending")])["id"][0].as_py()) if found.num_rows else None

    def amend(self, id: str, columns: Mapping[str, str], metadata: Mapping[str, str]) -> bool:
        """Give an image other columns and more metadata; return whether that changed anything."""

        def make(view: View) -> pa.Table:
            found = view.lookup("id", [id], LAYOUT.schema.names).to_pylist()
            rows = [row | dict(columns) | {"metadata": _with(row["metadata"], metadata)} for row in found]
            return pa.Table.from_pylist([row for row in rows if row not in found], schema=LAYOUT.schema)

        changed = bool(self.table.change(make).num_rows)
        self._ask_again(id)
        return changed

    def _ask_again(self, id: str) -> None:
        """Have rules look again at an image that was set aside; the marks go before it and once more after it.

        A task that labels meanwhile would else move its mark past the image.
        """
        tasks = self.aside.tasks(id)
        for step in (self._forget_marks, lambda _: self.aside.take_back(id), self._forget_marks) if tasks else ():
            step(tasks)

    def _forget_marks(self, tasks: Sequence[str]) -> None:
        for task in tasks:
            self._objects.delete(_mark(task))

    def rows(self, ids: Sequence[str] | None, columns: Sequence[str] | None) -> pa.Table:
        """Return rows in the order of ``ids`` (those that are there), or all, sorted by id."""
        wanted = list(columns) if columns is not None else LAYOUT.schema.names
        names = list(dict.fromkeys(["id", *wanted]))
        if ids is None:
            return self.table.view().read(names).sort_by("id").select(wanted)
        rows = self.table.view().lookup("id", ids, names)
        places = pc.index_in(pa.array(ids, pa.string()), rows["id"].combine_chunks()).drop_null()
        return rows.take(places).select(wanted)

    def unlabelled(self, task: str, sources: Collection[str] | None, kinds: Collection[str]) -> pa.Table:
        """Return images without a label from their source that aren't set aside for review, sorted by id.

        Rows below a mark, kept for each task, are known to be labelled, set aside or never to be, so only newer ones are looked
        at. Rows of other sources don't count, nor copies, nor another kind than ``kinds`` where the source says it and any is
        named; where sources or kinds are others than before, the mark begins anew.
        """
        mark, wanted = _mark(task), None if sources is None else sorted(sources)
        kept = self._objects.get_json(mark) if self._objects.exists(mark) else {}
        start = kept.get("row", 0) if (kept.get("sources"), kept.get("kinds", [])) == (wanted, sorted(kinds)) else 0
        own = f"source != {quoted(FEEDBACK)}" if wanted is None else among("source", wanted)
        rows = self.table.view().read((*UNLABELLED, "copy_of"), f"_rowid >= {start} AND {own}", row_ids=True)
        asked = _asked(rows, kinds)
        ids = asked["id"].to_pylist()
        done = self._labels.labelled_by_source(task, ids) | self.aside.among(task, ids)
        left = asked.filter(pc.invert(pc.is_in(asked["id"], pa.array(sorted(done), pa.string()))))
        seen, open_ = pc.max(rows["_rowid"]).as_py(), pc.min(left["_rowid"]).as_py()
        reached = open_ if open_ is not None else start if seen is None else seen + 1
        if reached > start:
            self._objects.put_json(mark, {"row": reached, "sources": wanted, **({"kinds": sorted(kinds)} if kinds else {})})
        return left.select(UNLABELLED).sort_by("id")

    def to_review(self, task: str) -> pa.Table:
        """Return the images set aside for a task that nobody has labelled since, sorted by id, each with its value."""
        waiting = self.aside.waiting(task)
        rows = self.rows(waiting["image"].to_pylist(), REVIEWED)
        places = pc.index_in(rows["id"].combine_chunks(), waiting["image"].combine_chunks())
        return rows.append_column("value", waiting["value"].take(places))


def pixels_key(id: str) -> str:
    """Return the key of an image's pixels."""
    return f"images/{id[:2]}/{id}.jpg"


def _mark(task: str) -> str:
    return f"labels/{task}/mark.json"


def _with(text: str, metadata: Mapping[str, str]) -> str:
    return canonical(json.loads(text) | dict(metadata)).decode()


def _asked(rows: pa.Table, kinds: Collection[str]) -> pa.Table:
    """Return the rows that are no copies, and of one of these kinds or of one that their source doesn't say."""
    asked = pc.equal(pc.fill_null(rows["copy_of"], ""), "")
    if kinds:
        asked = pc.and_(asked, pc.is_in(pc.fill_null(rows["kind"], ""), pa.array(sorted({*kinds, *SILENT}))))
    return rows.filter(asked)


def _derived(image: Image) -> dict[str, str]:
    return {"metadata": canonical(dict(image.metadata)).decode(), "split": split_of(image.post), "copy_of": ""}
