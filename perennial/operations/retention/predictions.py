"""Predictions that are old, and the pictures that nothing names any more."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import nullcontext, suppress
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from perennial.catalog import feedback, predictions
from perennial.catalog.folding import AT_ONCE, PICTURES, endpoints, fold
from perennial.catalog.locks import exclusive
from perennial.catalog.objects import Objects
from perennial.catalog.segments import FOLDER, decode, is_segment
from perennial.catalog.tables import VALUES_A_FILTER, among
from perennial.errors import CatalogError, ObjectMissing
from perennial.operations.retention.tally import Kind, Now, young
from perennial.serving.pictures import catalog_form

DAY = 1
_WAITS = "feedback about it waits or was learnt"


def expire_predictions(objects: Objects, days: int, holds: Mapping[str, datetime], now: Now) -> Iterator[Kind]:
    """Take in what servers noted, delete predictions older than so many days, then pictures that nothing names any more.

    Those that feedback is about stay, unless it was rejected, and those that an A/B counts: ``holds`` has the tasks with one,
    and since when. With 0 days only pictures go that nothing ever named.

    Raises:
        LeaseHeld: servers' notes were being taken in for ten minutes.
        CatalogError, StoreError: a table or the store can't be read or written.
    """
    if not now.dry_run:
        for endpoint in endpoints(objects):
            fold(objects, endpoint, catalog_form)
    with nullcontext(_unguarded) if now.dry_run else exclusive(objects, PICTURES) as check:
        said = [row for row in feedback.rows(objects) if row["state"] != "rejected"]
        rows, waiting, gone = Kind("predictions", "deleted"), _about(objects), list[str]()
        if waiting is None:
            rows.stay("servers of a newer version noted something", len(predictions.table(objects).view()))
        elif days:
            about = {row["prediction_id"] for row in said if row["prediction_id"]} | waiting
            gone = sorted(_old(objects, days, about, holds, rows, now))
        if not now.dry_run:
            for start in range(0, len(gone), VALUES_A_FILTER):
                check()
                predictions.table(objects).delete(among("prediction_id", gone[start : start + VALUES_A_FILTER]))
        yield rows
        yield _pictures(objects, {row["picture"] for row in said} | _named(objects, gone), check, now)


def _unguarded() -> None:
    """Guard nothing, where nothing is changed."""


def _pictures(objects: Objects, named: set[str], check: Callable[[], None], now: Now) -> Kind:
    kind, gone = Kind("pictures", "deleted"), []
    for one in objects.stored("pictures"):
        if one.key.rpartition("/")[2].removesuffix(".jpg") in named:
            kind.stay("a prediction or feedback names it")
        elif one.written > now.before(DAY):
            kind.stay(young(DAY))
        else:
            kind.go([one])
            gone.append(one.key)
    if not now.dry_run:
        for start in range(0, len(gone), AT_ONCE):
            check()
            objects.delete_all(gone[start : start + AT_ONCE])
    return kind


def _about(objects: Objects) -> set[str] | None:
    """Return the predictions that feedback is about which isn't taken in yet; None where only a newer version can read it."""
    found = set()
    for key in objects.keys(FOLDER):
        if is_segment(key):
            with suppress(ObjectMissing, CatalogError):  # folded by now, or set aside by the next fold
                segment = decode(key, objects.get(key))
                if segment is None:
                    return None
                found |= {str(record.get("prediction_id")) for record in segment.records}
    return found


def _old(objects: Objects, days: int, about: set[str], holds: Mapping[str, datetime], kind: Kind, now: Now) -> set[str]:
    """Count predictions, and return the ids of those that go."""
    before = now.before(days)
    view = predictions.table(objects).view()
    old = view.read(where=f"at < timestamp '{before.astimezone(UTC).isoformat()}'")
    kind.stay(young(days), len(view) - old.num_rows)
    spoken = pc.is_in(old["prediction_id"], pa.array(sorted(about), pa.string()))
    kind.stay(_WAITS, pc.sum(spoken).as_py() or 0)
    old = old.filter(pc.invert(spoken))
    for task, began in holds.items():
        counted = pc.and_(pc.equal(old["task"], task), pc.greater_equal(old["at"], pa.scalar(began, old["at"].type)))
        kind.stay("an A/B counts it", pc.sum(counted).as_py() or 0)
        old = old.filter(pc.invert(counted))
    if old.num_rows:
        kind.add(pc.min(old["at"]).as_py(), pc.max(old["at"]).as_py(), old.nbytes, old.num_rows)
    return set(old["prediction_id"].to_pylist())


def _named(objects: Objects, gone: Collection[str]) -> set[str]:
    """Return the pictures that predictions name, but these."""
    rows = predictions.table(objects).view().read(("prediction_id", "picture"), "picture IS NOT NULL").to_pylist()
    away = set(gone)
    return {row["picture"] for row in rows if row["prediction_id"] not in away}
