"""What runs and sources leave behind: folders of runs, what was refused, pixels without a row, old versions of tables."""

from collections import defaultdict
from contextlib import suppress
from datetime import datetime

import pyarrow as pa

from perennial.catalog.catalog import Catalog
from perennial.catalog.leases import taken
from perennial.catalog.objects import Objects, Stored
from perennial.catalog.quarantine import FOLDER as QUARANTINE
from perennial.catalog.tables import Layout, Table, key_field
from perennial.errors import ObjectMissing, StoreError
from perennial.operations.retention.needed import under_way
from perennial.operations.retention.tally import Kind, Now, folders, newest, young
from perennial.operations.runs import open_runs

DAY = 1
_ANY = Layout(pa.schema([key_field("id")]), indexed=())


def expire_runs(objects: Objects, days: int, runs: set[tuple[str, str]], now: Now) -> Kind:
    """Delete the folders of runs that are older than so many days.

    The newest of each task stays, those that aren't concluded, and ``runs`` (task, id): those that made models that stay.
    """
    kind = Kind("runs", "deleted")
    by_task: defaultdict[str, dict[str, list[Stored]]] = defaultdict(dict)
    for prefix, stored in folders(objects.stored("runs"), 3).items():
        _, task, run = prefix.split("/")
        by_task[task][run] = stored
    for task, found in by_task.items() if days else ():
        last = max(found, key=lambda run: newest(found[run]))
        busy, began = under_way(objects, task, now), open_runs(objects, task)
        for run, stored in found.items():
            if newest(stored) > now.before(days):
                kind.stay(young(days))
            elif run == last:
                kind.stay("the newest of its task")
            elif run in began:
                kind.stay("it isn't concluded")
            elif (task, run) in runs:
                kind.stay("it made a model that stays")
            elif busy:
                kind.stay("a run of the task is under way")
            else:
                _delete(objects, stored, kind, now)
    return kind


def expire_quarantine(objects: Objects, days: int, now: Now) -> Kind:
    """Delete what was refused more than so many days ago."""
    kind = Kind("quarantine", "deleted")
    found: defaultdict[str, list[Stored]] = defaultdict(list)
    for one in objects.stored(QUARANTINE):
        found[one.key.rpartition(".")[0]].append(one)
    for stored in found.values() if days else ():
        if newest(stored) > now.before(days):
            kind.stay(young(days))
        else:
            _delete(objects, sorted(stored, key=lambda one: one.key.endswith(".json")), kind, now)
    return kind


def clear_pixels(catalog: Catalog, now: Now) -> Kind:
    """Delete pixels that no row names and that were stored more than a day ago.

    What a killed run fetched and the next one makes rows of stays, and while a source is read, all do.
    """
    objects, kind = catalog.objects, Kind("pixels without a row", "deleted")
    stored = objects.stored("images")
    fetched = _fetched(objects)  # before the rows: what is struck there is a row by then
    known = {*fetched, *catalog.image_ids()}
    orphans = [one for one in stored if _id(one) not in known]
    reading = not now.dry_run and bool(orphans) and _reading(objects)
    for one in orphans:
        if one.written > now.before(DAY):
            kind.stay(young(DAY))
        elif reading:
            kind.stay("a source is being read")
        elif now.dry_run:
            kind.go([one])
        elif (written := objects.written(one.key)) and written <= now.before(DAY):  # else it was stored again just now
            _delete(objects, [one], kind, now)
    return kind


def clean_tables(objects: Objects, now: Now) -> Kind:
    """Drop old versions of tables, and with them the rows that were deleted before."""
    kind = Kind("old versions of tables", "deleted")
    for name in sorted({key.removeprefix("catalog/").split(".lance/")[0] for key in objects.keys("catalog") if ".lance/" in key}):
        table = Table(objects, name, _ANY)
        outdated: list[datetime] = table.outdated()
        if outdated:
            kind.add(min(outdated), max(outdated), 0, len(outdated))
        if not now.dry_run:
            kind.bytes += table.clean()
    return kind


def _delete(objects: Objects, stored: list[Stored], kind: Kind, now: Now) -> None:
    if not now.dry_run:
        for one in stored:
            objects.delete(one.key)
    kind.go(stored)


def _id(one: Stored) -> str:
    return one.key.rpartition("/")[2].removesuffix(".jpg")


def _fetched(objects: Objects) -> set[str]:
    """Return the images that killed runs fetched and that have no rows yet."""
    found = set()
    for key in objects.keys("sources"):
        if "/taken/" in key:
            with suppress(ObjectMissing):
                found.add(_sha(objects, key))
    return found


def _sha(objects: Objects, key: str) -> str:
    try:
        return str(objects.get_json(key)["sha"])
    except (TypeError, KeyError):
        raise StoreError(
            f"{key} in {objects.url} is damaged: it doesn't say which image was fetched. Delete it, and the source's next run "
            "fetches that again; then run this again."
        ) from None


def _reading(objects: Objects) -> bool:
    return any(taken(objects, key.removeprefix("leases/").removesuffix(".json")) for key in objects.keys("leases/sources"))
