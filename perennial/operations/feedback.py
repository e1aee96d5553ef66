"""What people said about pictures: taken in, listed, approved as label events, or rejected."""

import datetime
import getpass
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perennial.catalog import feedback, predictions
from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of
from perennial.catalog.feedback import Decision, State
from perennial.catalog.folding import Folded, endpoints, fold, picture_key
from perennial.catalog.images import FEEDBACK
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image, LabelEvent
from perennial.errors import CatalogError, ObjectMissing, TaskError
from perennial.operations.definitions import present
from perennial.operations.runs import reopen
from perennial.serving.pictures import catalog_form, size_of

Row = dict[str, Any]
SHORT = 12


@dataclass(frozen=True)
class Approved:
    """What approving did for one task: its images by the part that they play in learning."""

    task: str
    images: int
    learnt: int
    calibrating: int
    judging: int

    @property
    def sentence(self) -> str:
        """What the next run does with them."""
        parts = (
            (self.learnt, "learnt"),
            (self.calibrating, "used to calibrate"),
            (self.judging, "held out to judge by"),
        )
        said = ", ".join(f"{count} {what}" for count, what in parts if count)
        return f"{self.task}: {self.images} corrections approved. In the next run {said}."


def take_in(objects: Objects, endpoint: str) -> Folded:
    """Fold what an endpoint's servers noted into the catalog."""
    return fold(objects, endpoint, catalog_form)


def listed(catalog: Catalog, task: str = "", state: State | None = None) -> list[Row]:
    """Return what people said, oldest first, after taking in what servers noted.

    Each has the columns of the table, its decision, ``predicted`` (the class that was answered), ``image`` (the id of the
    picture, None where it isn't kept) and ``conflict`` (others say something else about the same picture).
    """
    for endpoint in endpoints(catalog.objects):
        take_in(catalog.objects, endpoint)
    return [row for row in _rows(catalog, task) if state in (None, row["state"])]


def approve(catalog: Catalog, prefixes: Sequence[str], folder: Path, task: str = "") -> list[Approved]:
    """Make label events of statements, named by their ids or the ids' beginnings; the next run of their tasks learns them.

    All or none: what stands in the way is told before anything is changed. Of statements that disagree about a picture, the
    one that is approved last counts. ``folder`` has the task files; with ``task``, only that one's are meant.

    Raises:
        CatalogError: an id isn't known, was rejected, has no picture or a class that the task hasn't got, or two disagree.
    """
    chosen = [row for row in _chosen(catalog, prefixes, task) if row["state"] != "approved"]
    tasks = sorted({row["task"] for row in chosen})
    _check(chosen, {name: classes for name in tasks if (classes := _classes(catalog, name, folder))})
    done = []
    for name in tasks:
        rows = [row for row in chosen if row["task"] == name]
        catalog.add_images(list(_unknown(catalog, name, rows)))
        events = [LabelEvent(row["image"], name, row["cls"], "feedback", row["who"], row["at"].date()) for row in rows]
        catalog.append_labels(name, events)
        reopen(catalog.objects, name, f"feedback-{digest_of([row['feedback'] for row in rows])[:SHORT]}")
        _decide(catalog, rows, "approved", "")
        splits = Counter(catalog.images(sorted({row["image"] for row in rows}), ("id", "split"))["split"].to_pylist())
        done.append(Approved(name, splits.total(), splits["train"], splits["calibrate"], splits["hold_out"]))
    return done


def reject(catalog: Catalog, prefixes: Sequence[str], reason: str, task: str = "") -> int:
    """Reject statements and return how many; they stay in the table, with the reason. With ``task``, only that one's are meant.

    Raises:
        CatalogError: an id isn't known, or was approved before.
    """
    chosen = _chosen(catalog, prefixes, task)
    for row in chosen:
        if row["state"] == "approved":
            raise CatalogError(
                f"{row['feedback'][:SHORT]} was approved by {row['decided_by']} and can't be rejected any more. "
                "Say what is right with another piece of feedback, and approve that."
            )
    _decide(catalog, chosen, "rejected", reason)
    return len(chosen)


def _rows(catalog: Catalog, task: str) -> list[Row]:
    """Return the statements with what is known of their pictures."""
    rows = feedback.rows(catalog.objects, task)
    answers = predictions.find(catalog.objects, [row["prediction_id"] for row in rows if row["prediction_id"]])
    pictures = {row["feedback"]: _pictures(row, answers.get(row["prediction_id"])) for row in rows}
    named = sorted({id for kept, known in pictures.values() for id in (*kept, *known)})
    there = set(catalog.images(named, ("id",))["id"].to_pylist())
    said: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        kept, known = pictures[row["feedback"]]
        row["image"] = next((id for id in (*kept, *known) if id in there), None) or next(iter(kept), None)
        row["predicted"] = answers.get(row["prediction_id"], {}).get("cls")
        row["about"] = row["image"] or next(iter(known), None) or row["prediction_id"]
        if row["state"] != "rejected":
            said[row["task"], row["about"]].add(row["cls"])
    for row in rows:
        row["conflict"] = len(said[row["task"], row.pop("about")] | {row["cls"]}) > 1
    return rows


def _pictures(row: Row, answer: Row | None) -> tuple[list[str], list[str]]:
    """Return the ids of pictures that were kept for a statement, and of one that the catalog may know by the bytes it came in."""
    kept = [row["picture"], answer["picture"] if answer else None]
    return [id for id in kept if id], [answer["image"]] if answer and answer["image"] else []


def _classes(catalog: Catalog, task: str, folder: Path) -> Sequence[str]:
    """Return a task's classes; none where it runs elsewhere, and its file is there."""
    try:
        return present(task, catalog.objects, folder).classes
    except TaskError:
        return ()


def _chosen(catalog: Catalog, prefixes: Sequence[str], task: str) -> list[Row]:
    """Return the statements that these ids, or beginnings of ids, name."""
    rows = listed(catalog, task)
    chosen: dict[str, Row] = {}
    for prefix in prefixes:
        matching = [row for row in rows if row["feedback"].startswith(prefix)]
        if len(matching) != 1 or not prefix:
            raise CatalogError(
                f"{len(matching)} pieces of feedback begin with '{prefix}'. See them with 'perennial feedback list' and name one."
            )
        chosen[matching[0]["feedback"]] = matching[0]
    return list(chosen.values())


def _check(chosen: Sequence[Row], classes: dict[str, Sequence[str]]) -> None:
    """Refuse what can't be learnt."""
    said: dict[tuple[str, str], Row] = {}
    for row in chosen:
        name, known = row["feedback"][:SHORT], classes.get(row["task"])
        if row["state"] == "rejected":
            raise CatalogError(f"{name} was rejected by {row['decided_by']}. Whoever holds it to be right can say it again.")
        if row["image"] is None:
            raise CatalogError(
                f"{name} can't be approved: its picture isn't kept. Let {row['who']} send the image with it, or set "
                f"'keep_pictures: true' in the task {row['task']}, which holds from its next release on."
            )
        if known is not None and row["cls"] not in known:
            raise CatalogError(
                f"{name} says '{row['cls']}', which is no class of {row['task']}. Its classes: {', '.join(known)}."
            )
        other = said.setdefault((row["task"], row["image"]), row)
        if other["cls"] != row["cls"]:
            raise CatalogError(
                f"{other['feedback'][:SHORT]} says '{other['cls']}' and {name} says '{row['cls']}' about the same picture. "
                "Approve one of them."
            )


def _unknown(catalog: Catalog, task: str, rows: Sequence[Row]) -> Iterator[tuple[Image, bytes]]:
    """Yield the pictures that the catalog hasn't got, as images of their own.

    Each is dated the day it was given, but no later than the newest image of the task's sources: else a handful of pictures
    would be all that is recent, and what an archive holds would fade beside them.
    """
    there = set(catalog.images(sorted({row["image"] for row in rows}), ("id",))["id"].to_pylist())
    newest = max((batch.last for batch in catalog.batches(task) if batch.origin == "source"), default=datetime.date.max)
    for row in rows:
        id, name = row["image"], row["feedback"]
        if id in there:
            continue
        try:
            jpeg = catalog.objects.get(picture_key(id))
        except ObjectMissing:
            raise CatalogError(
                f"{name[:SHORT]} can't be approved: its picture was deleted from {picture_key(id)} in the store. Reject it."
            ) from None
        published = min(row["at"].date(), newest)
        size = size_of(jpeg)
        yield Image(id, FEEDBACK, f"{FEEDBACK}/{name}", "", published, f"said by {row['who']}", "", "photo", {}, *size), jpeg


def _decide(catalog: Catalog, rows: Sequence[Row], state: State, reason: str) -> None:
    now, who = datetime.datetime.now(datetime.UTC), getpass.getuser()
    image = {row["feedback"]: row["image"] if state == "approved" else None for row in rows}
    feedback.decide(catalog.objects, [Decision(id, state, who, now, reason, about) for id, about in image.items()])
