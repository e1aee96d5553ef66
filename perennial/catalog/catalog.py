"""The catalog: images, label events and embeddings, and what was decided about batches."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import pyarrow as pa

from perennial.catalog import embeddings as vectors_of
from perennial.catalog import feedback, holds, predictions
from perennial.catalog.embeddings import Vectors
from perennial.catalog.images import Images
from perennial.catalog.labels import HEADER, Labels
from perennial.catalog.objects import Objects
from perennial.catalog.query import run_sql
from perennial.catalog.rows import Batch, Image, LabelEvent, Unknown

LABELLED = ("image", "post", "published", "cls", "split", "kind", "batch")
EVENTS = ("task", "image", "cls", "origin", "who", "at", "seq", "batch")


class Catalog:
    """One store's tables. Many processes may write at once; what was written is never written twice."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self._labels = Labels(objects)
        self._images = Images(objects, self._labels)

    @classmethod
    def open(cls, objects: Objects) -> "Catalog":
        """Open the catalog of a store; its tables are made by their first rows."""
        return cls(objects)

    def add_images(self, images: Sequence[tuple[Image, bytes]]) -> int:
        """Store images, pixels first and then rows, and return how many were new.

        The first writer of an id wins; within one call, the first that is given. A near-duplicate of an image that is there, or
        was given before it, gets that image's id as ``copy_of``, and its split.

        Raises:
            CatalogError: pixels aren't those that the id names.
        """
        return self._images.add(images)

    def newest_image(self, post: str) -> str | None:
        """Return the id of a post's image that was added last; None where the post has none."""
        return self._images.newest_of(post)

    def amend_image(self, id: str, columns: Mapping[str, str], metadata: Mapping[str, str]) -> bool:
        """Add to what an image's source says of it, and return whether that changed anything.

        Where it was set aside for review, the next run asks the rule again.
        Its day and its kind stay, since labels may have been learnt by them.

        Args:
            id: the image.
            columns: title, place, licence or credit, those that change.
            metadata: fields that come to those that are there, or replace them.
        """
        return self._images.amend(id, columns, metadata)

    def store_pixels(self, pixels: bytes) -> str:
        """Store a normalised JPEG, whose row comes later by :meth:`add_rows`, and return the id of its image."""
        return self._images.store(pixels)

    def add_rows(self, images: Sequence[Image]) -> int:
        """Write the rows of images whose pixels are stored, as :meth:`add_images` does."""
        return self._images.enter(images)

    def image_ids(self) -> list[str]:
        """Return the ids of all images, sorted."""
        return [str(id) for id in self._images.rows(None, ("id",))["id"].to_pylist()]

    def images(self, ids: Sequence[str] | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of these images that are there, in the order of ``ids``; of all, sorted by id, where ids is None."""
        return self._images.rows(ids, columns)

    def pixels(self, id: str) -> bytes:
        """Return an image's JPEG.

        Raises:
            ObjectMissing: there is no such image.
        """
        return self._images.pixels(id)

    def unlabelled(self, task: str, sources: Collection[str] | None = None, kinds: Collection[str] = ()) -> pa.Table:
        """Return images whose source hasn't labelled them for a task: id, post, published, place, kind, metadata (JSON).

        Images that :meth:`review` set aside aren't among them, nor copies of others. ``sources`` names those that count; None:
        all but people. ``kinds``, where any is named, leaves out the images of which their source says another one.
        """
        return self._images.unlabelled(task, sources, kinds)

    def review(self, task: str, unknown: Sequence[Unknown]) -> int:
        """Set images aside whose label is unknown, for a person to label; return how many weren't before."""
        return self._images.aside.put(task, unknown)

    def to_review(self, task: str) -> pa.Table:
        """Return the images set aside that nobody has labelled since, sorted by id.

        They have the columns of :meth:`unlabelled`, title, url and ``value``, which is empty where their source said nothing.
        """
        return self._images.to_review(task)

    def set_aside_otherwise(self, task: str, rule: str) -> list[str]:
        """Return the images that were set aside under another rule than the one of this digest."""
        return self._images.aside.read_otherwise(task, rule)

    def from_sources(self, task: str) -> dict[str, str | None]:
        """Return the class that sources said last (None: taken away) of each image that no person has said anything of."""
        return self._labels.from_sources(task)

    def said_by_people(self, task: str, images: Sequence[str]) -> set[str]:
        """Return which of these images a person has said anything of."""
        return self._labels.said_by_people(task, images)

    def last_said(self, task: str, images: Sequence[str]) -> dict[str, tuple[str | None, str]]:
        """Return class and origin of the last event of each of these images that has one, held and rejected ones too."""
        return self._labels.last(task, images)

    def unknown_values(self, task: str) -> set[str]:
        """Return all values that a task's rule ever didn't know, of images that were labelled since too."""
        return self._images.aside.values(task)

    def append_labels(self, task: str, events: Sequence[LabelEvent]) -> Batch | None:
        """Append the events that aren't there yet as one batch, and return it; None where all are there.

        A source names a class once; it may take a label away again, and a person may say the same again, after something else
        was said in between.
        """
        return self._labels.append(task, events)

    def batches(self, task: str) -> list[Batch]:
        """Return a task's batches, ordered by the day of their newest event, then by id."""
        return self._labels.batches(task)

    def hold(self, task: str, batch_id: str, reason: str) -> None:
        """Keep a batch from being learnt until it is settled; one that was settled stays so."""
        holds.hold(self.objects, task, batch_id, reason)

    def settle(self, task: str, batch_id: str, status: Literal["open", "rejected"]) -> None:
        """Let a held batch be learnt, or reject it."""
        holds.settle(self.objects, task, batch_id, status)

    def events(self, task: str, batches: Collection[str]) -> pa.Table:
        """Return these batches' events in fold order: event, image, cls, origin, who, at, seq, batch."""
        return self._labels.events(task, batches)

    def labelled(self, task: str, batches: Collection[str] | None = None, images: Collection[str] | None = None) -> pa.Table:
        """Return current labels, sorted by image: image, post, published, cls, split, kind, batch (the one that decided).

        Args:
            task: the task's name.
            batches: fold the events of these batches; None for all that are neither held nor rejected.
            images: only these images; None for all.
        """
        current = self._labels.current(task, batches, images)
        current = current.filter(current["cls"].is_valid()).select(("image", "cls", "batch"))
        about = self.images(current["image"].to_pylist(), ("id", "post", "published", "split", "kind"))
        joined = current.join(about.rename_columns(["image", "post", "published", "split", "kind"]), "image", join_type="inner")
        return joined.select(LABELLED).sort_by("image")

    def add_embeddings(self, backbone: str, ids: Sequence[str], vectors: Vectors) -> int:
        """Store the vectors, int16 [n, d], of n images; those stored already stay. Returns how many were new."""
        return vectors_of.add_embeddings(self.objects, backbone, ids, vectors)

    def embeddings(self, backbone: str, ids: Sequence[str]) -> Vectors:
        """Return vectors, int16 [n, d], in the order of ``ids``.

        Raises:
            CatalogError: an image has no embedding under this backbone.
        """
        return vectors_of.embeddings(self.objects, backbone, ids)

    def without_embedding(self, backbone: str, ids: Sequence[str]) -> list[str]:
        """Return those of ``ids`` without an embedding under this backbone, in their order."""
        return vectors_of.without_embedding(self.objects, backbone, ids)

    def sql(self, query: str) -> pa.Table:
        """Answer a query over the catalog's views.

        They are images, labels (events), embeddings (image and backbone, no vectors), predictions, and feedback (with its state).

        Raises:
            CatalogError: the query is wrong.
        """
        events = self._labels.table.view().read(EVENTS, f"image != '{HEADER}'")
        views = {"images": self.images(), "labels": events, "embeddings": vectors_of.embedded(self.objects)}
        asked = "predictions" in query.lower()  # they may be many
        answered = predictions.table(self.objects).view().read(where=None if asked else "false")
        views |= {"predictions": answered, "feedback": feedback.view(self.objects)}
        return run_sql(query, views)
