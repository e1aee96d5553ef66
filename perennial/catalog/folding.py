"""Folding: what servers noted becomes rows of the catalog, once each, and the segments go.

Rows come first, then pictures and segments are deleted. A fold that is killed between the two is done again, and finds the rows
there by their keys. What can't be read is set aside with the reason.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from pydantic import ValidationError

from perennial.catalog import feedback, predictions
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.feedback import FeedbackRecord
from perennial.catalog.locks import exclusive
from perennial.catalog.objects import Objects
from perennial.catalog.predictions import SHA256, PredictionRecord
from perennial.catalog.quarantine import quarantine
from perennial.catalog.segments import FOLDER, Segment, decode, is_segment, line, pictures_of
from perennial.errors import CatalogError, ImageRejected, ObjectMissing

Form = Callable[[bytes], bytes]
"""Brings a picture into the catalog's form, or raises ImageRejected."""

AT_ONCE = 100
PICTURES = "pictures"
"""The lock of whoever keeps pictures and names them in the tables, or deletes those that no row names."""

_READERS = 16


@dataclass
class Folded:
    """New rows, records that servers lost, what was set aside (segments, records, pictures), segments of a newer version."""

    predictions: int = 0
    feedback: int = 0
    lost: int = 0
    set_aside: int = 0
    newer: int = 0

    @property
    def sentence(self) -> str:
        """What came in, in words; "" where nothing did."""
        counts = (
            (self.predictions, "predictions"),
            (self.feedback, "pieces of feedback"),
            (self.lost, "records lost by servers"),
            (self.set_aside, "set aside"),
            (self.newer, "segments of a newer version left"),
        )
        return ", ".join(f"{count} {what}" for count, what in counts if count)


@dataclass
class _Pile:
    """What a handful of segments holds."""

    segments: list[Segment] = field(default_factory=list)
    predictions: list[PredictionRecord] = field(default_factory=list)
    feedback: list[FeedbackRecord] = field(default_factory=list)


def picture_key(id: str) -> str:
    """Return where a picture is kept that people sent, or that a task keeps of its predictions."""
    return f"pictures/{id[:2]}/{id}.jpg"


def endpoints(objects: Objects) -> list[str]:
    """Return the endpoints whose servers noted something that isn't folded yet."""
    return sorted({key.split("/")[1] for key in objects.keys(FOLDER) if is_segment(key)})


def fold(objects: Objects, endpoint: str, form: Form) -> Folded:
    """Take all that an endpoint's servers noted into the tables; several may fold at once, and each may be killed."""
    folded = Folded()
    keys = (key for key in objects.keys(f"{FOLDER}/{endpoint}") if is_segment(key))
    with ThreadPoolExecutor(_READERS) as pool:
        while some := list(islice(keys, AT_ONCE)):
            with exclusive(objects, PICTURES) as check:
                _take(objects, some, pool, form, folded, check)
    return folded


def _take(
    objects: Objects, keys: Sequence[str], pool: ThreadPoolExecutor, form: Form, folded: Folded, check: Callable[[], None]
) -> None:
    """Take what these segments hold into the tables, then delete them."""
    pile = _Pile()
    for key, data in zip(keys, pool.map(lambda key: _get(objects, key), keys), strict=True):
        _read(objects, key, data, pile, form, folded)
    check()
    folded.predictions += predictions.add(objects, pile.predictions)
    folded.feedback += feedback.add(objects, pile.feedback)
    list(pool.map(objects.delete, list(_spent(objects, pile.segments))))
    list(pool.map(objects.delete, [segment.key for segment in pile.segments]))


def _read(objects: Objects, key: str, data: bytes | None, pile: _Pile, form: Form, folded: Folded) -> None:
    """Add a segment's records to the pile, with their pictures kept, or set the segment aside."""
    if data is None:
        return
    try:
        segment = decode(key, data)
        if segment is None:
            folded.newer += 1
            return
    except CatalogError as error:
        quarantine(objects, FOLDER, key, data, str(error))
        objects.delete(key)
        folded.set_aside += 1
        return
    said, answered = _records(objects, segment, folded)
    kept = {sha256: _keep(objects, segment, sha256, form, folded) for sha256 in _named([*said, *answered])}
    pile.segments.append(segment)
    pile.feedback += [record.model_copy(update={"picture": kept.get(record.picture or "")}) for record in said]
    pile.predictions += [record.model_copy(update={"picture": kept.get(record.picture or "")}) for record in answered]
    folded.lost += segment.lost


def _records(objects: Objects, segment: Segment, folded: Folded) -> tuple[list[FeedbackRecord], list[PredictionRecord]]:
    """Return what a segment's records say; a record that no server writes is set aside."""
    said, answered = [], []
    for record in segment.records:
        try:
            if record.get("kind") == "feedback":
                said.append(FeedbackRecord.model_validate(record))
            elif record.get("kind") == "prediction":
                answered.append(PredictionRecord.model_validate(record))
        except ValidationError as error:
            wrong = error.errors()[0]
            reason = f"A record in {segment.key} is none that servers write: {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}."
            quarantine(objects, FOLDER, segment.key, line(record), reason)
            folded.set_aside += 1
    return said, answered


def _keep(objects: Objects, segment: Segment, sha256: str, form: Form, folded: Folded) -> str | None:
    """Keep a picture in the catalog's form and return its id; None where it isn't there or isn't one."""
    data = _get(objects, segment.picture(sha256))
    if data is None:
        return None
    try:
        if digest_of_bytes(data) != sha256:
            raise ImageRejected(f"The picture {sha256} has other bytes than its name says. It was changed after it was noted.")
        jpeg = form(data)
    except ImageRejected as error:
        quarantine(objects, FOLDER, segment.picture(sha256), data, str(error))
        folded.set_aside += 1
        return None
    id = digest_of_bytes(jpeg)
    objects.create(picture_key(id), jpeg)
    return id


def _named(records: Sequence[FeedbackRecord | PredictionRecord]) -> set[str]:
    return {record.picture for record in records if record.picture}


def _spent(objects: Objects, segments: Sequence[Segment]) -> Iterator[str]:
    """Yield the keys of pictures that aren't needed any more: those of these segments, and all of a writer that has ended."""
    for segment in segments:
        if segment.last:
            yield from objects.keys(pictures_of(segment.endpoint, segment.writer))
        else:
            named = (str(record.get("picture")) for record in segment.records)
            yield from (segment.picture(sha256) for sha256 in named if re.fullmatch(SHA256, sha256))


def _get(objects: Objects, key: str) -> bytes | None:
    """Return an object, None where another fold was faster."""
    try:
        return objects.get(key)
    except ObjectMissing:
        return None
