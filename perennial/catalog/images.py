"""The images table and the pixels beside it."""

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from perennial.catalog.digests import canonical, digest_of_bytes
from perennial.catalog.labels import Labels
from perennial.catalog.near_duplicates import NearDuplicates, perceptual_hash
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image
from perennial.catalog.splits import split_of
from perennial.catalog.tables import Layout, Table, View, key_field, quoted
from perennial.errors import CatalogError

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
REVIEW = Layout(
    pa.schema([key_field("key"), pa.field("task", pa.string()), pa.field("image", pa.string())]), indexed=("key", "image")
)
UNLABELLED = ("id", "post", "published", "place", "kind", "metadata")
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
        self._near_duplicates = NearDuplicates(objects)
        self.table = Table(objects, "images", LAYOUT)
        self.review = Table(objects, "review", REVIEW)

    def add(self, images: Sequence[tuple[Image, bytes]]) -> int:
        """Store pixels, then rows; return how many images were new."""
        for image, pixels in images:
            if digest_of_bytes(pixels) != image.id:
                raise CatalogError(
                    f"The image {image.id} of {image.post} came with other pixels than its id says. Read it again."
                )
        first: dict[str, tuple[Image, bytes]] = {}
        for image, pixels in sorted(images, key=lambda pair: (pair[0].id, pair[0].post, pair[0].url)):
            first.setdefault(image.id, (image, pixels))
        with ThreadPoolExecutor(UPLOADS) as pool:
            rows = list(pool.map(lambda pair: self._store(*pair), first.values()))
        place = {image.id: place for place, (image, _) in reversed(list(enumerate(images)))}
        rows.sort(key=lambda row: place[row["id"]])
        return self.table.append(lambda view: self._compared(view, rows)).num_rows if rows else 0

    def _store(self, image: Image, pixels: bytes) -> Row:
        """Store an image's pixels and return its row."""
        self._objects.create(pixels_key(image.id), pixels)
        return asdict(image) | _derived(image) | {"hash": perceptual_hash(pixels), "copy_of": ""}

    def _compared(self, view: View, rows: Sequence[Row]) -> pa.Table:
        """Return the rows whose image isn't there yet; a near-duplicate names what it is a copy of, and has its split."""
        unknown = set(view.without(pa.table({"id": [row["id"] for row in rows]}))["id"].to_pylist())
        new = {row["id"]: row for row in rows if row["id"] in unknown}
        copies = self._near_duplicates.copies(view, {id: row["hash"] for id, row in new.items()})
        self._near_duplicates.remember({id: row["hash"] for id, row in new.items() if id not in copies})
        splits = {row["id"]: row["split"] for row in view.lookup("id", list(copies.values()), ("id", "split")).to_pylist()}
        for id, root in copies.items():
            new[id] |= {"copy_of": root, "split": splits.get(root) or new[root]["split"]}
        return pa.Table.from_pylist(list(new.values()), schema=LAYOUT.schema)

    def rows(self, ids: Sequence[str] | None, columns: Sequence[str] | None) -> pa.Table:
        """Return rows in the order of ``ids`` (those that are there), or all, sorted by id."""
        wanted = list(columns) if columns is not None else LAYOUT.schema.names
        names = list(dict.fromkeys(["id", *wanted]))
        if ids is None:
            return self.table.view().read(names).sort_by("id").select(wanted)
        rows = self.table.view().lookup("id", ids, names)
        places = pc.index_in(pa.array(ids, pa.string()), rows["id"].combine_chunks()).drop_null()
        return rows.take(places).select(wanted)

    def unlabelled(self, task: str, kinds: Collection[str] = ()) -> pa.Table:
        """Return images without a label from their source that aren't set aside for review, sorted by id.

        Copies aren't among them, nor images of another kind than ``kinds``, where any is named and the source says the kind.
        Rows below a mark, kept for each task, are known to be none of these, so only newer ones are looked at.
        """
        key = f"labels/{task}/mark.json"
        mark = self._objects.get_json(key) if self._objects.exists(key) else {"row": 0}
        start = mark["row"] if mark.get("kinds", []) == sorted(kinds) else 0
        where = f"_rowid >= {start} AND source != {quoted(FEEDBACK)}"
        rows = self.table.view().read((*UNLABELLED, "copy_of"), where, row_ids=True)
        asked = _asked(rows, kinds)
        ids = asked["id"].to_pylist()
        done = self._labels.labelled_by_source(task, ids) | self._set_aside(task, ids)
        left = asked.filter(pc.invert(pc.is_in(asked["id"], pa.array(sorted(done), pa.string()))))
        seen, open_ = pc.max(rows["_rowid"]).as_py(), pc.min(left["_rowid"]).as_py()
        reached = open_ if open_ is not None else start if seen is None else seen + 1
        if reached > start:
            self._objects.put_json(key, {"row": reached, "kinds": sorted(kinds)})
        return left.select(UNLABELLED).sort_by("id")

    def set_aside(self, task: str, ids: Sequence[str]) -> int:
        """Remember images whose label is unknown; return how many were new."""
        rows = [{"key": f"{task}/{id}", "task": task, "image": id} for id in sorted(set(ids))]
        return self.review.insert(pa.Table.from_pylist(rows, schema=REVIEW.schema))

    def to_review(self, task: str, kinds: Collection[str] = ()) -> pa.Table:
        """Return the images set aside for a task that nobody has labelled since, sorted by id; of these kinds, as above."""
        ids = self.review.view().read(("image",), f"task = {quoted(task)}")["image"].to_pylist()
        labelled = self._labels.current(task, None, ids)
        known = set(labelled.filter(labelled["cls"].is_valid())["image"].to_pylist())
        rows = self.rows(sorted(set(ids) - known), (*UNLABELLED, "copy_of"))
        return _asked(rows, kinds).select(UNLABELLED)

    def _set_aside(self, task: str, ids: Sequence[str]) -> set[str]:
        also = f"task = {quoted(task)}"
        return set(self.review.view().lookup("image", ids, ("image",), also=also)["image"].to_pylist())


def pixels_key(id: str) -> str:
    """Return the key of an image's pixels."""
    return f"images/{id[:2]}/{id}.jpg"


def _asked(rows: pa.Table, kinds: Collection[str]) -> pa.Table:
    """Return the rows that are no copies, and of one of these kinds or of one that their source doesn't say."""
    asked = pc.equal(pc.fill_null(rows["copy_of"], ""), "")
    if kinds:
        asked = pc.and_(asked, pc.is_in(pc.fill_null(rows["kind"], ""), pa.array(sorted({*kinds, *SILENT}))))
    return rows.filter(asked)


def _derived(image: Image) -> dict[str, str]:
    return {"metadata": canonical(dict(image.metadata)).decode(), "split": split_of(image.post)}
