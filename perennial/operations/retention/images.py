"""Images that tasks let go to the archive: their pixels move, and are found there; rows, labels and embeddings stay."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time

from perennial.catalog.archive import archive
from perennial.catalog.catalog import Catalog
from perennial.catalog.images import pixels_key
from perennial.errors import TaskError
from perennial.operations.retention.needed import tasks_known
from perennial.operations.retention.tally import Kind, Now, young
from perennial.task import Task

AT_ONCE = 1000


def archive_images(catalog: Catalog, definition: Callable[[str], Task], now: Now) -> Kind:
    """Archive the pixels of images that are older than each task wants that has a label for them, and none forbids it."""
    kind = Kind("images", "archived")
    wanted = _days(catalog, definition)
    if not any(days for _, days in wanted):
        return kind
    longest, kept = _ages(catalog, wanted)
    there = {one.key: one for one in catalog.objects.stored("images")}
    rows = catalog.images(sorted(longest), ("id", "published")).to_pylist()
    kind.stay("no task has a label for it", sum(pixels_key(id) in there for id in catalog.image_ids() if id not in longest))
    old = []
    for row in rows:
        stored = there.get(pixels_key(row["id"]))
        if stored is None:
            continue
        if row["id"] in kept:
            kind.stay("a task keeps all its images")
        elif row["published"] > now.before(longest[row["id"]]).date():
            kind.stay(young(longest[row["id"]]))
        else:
            old.append(stored.key)
            at = _moment(row["published"])
            kind.add(at, at, stored.size)
    if not now.dry_run:
        for start in range(0, len(old), AT_ONCE):
            archive(catalog.objects, old[start : start + AT_ONCE])
    return kind


def _ages(catalog: Catalog, wanted: list[tuple[str, int]]) -> tuple[dict[str, int], set[str]]:
    """Return for each labelled image the most days that a task of its wants, and those images that a task keeps."""
    longest: dict[str, int] = {}
    kept: set[str] = set()
    for task, days in wanted:
        for image in catalog.labelled(task)["image"].to_pylist():
            longest[image] = max(days, longest.get(image, 0))
            if not days:
                kept.add(image)
    return longest, kept


def _days(catalog: Catalog, definition: Callable[[str], Task]) -> list[tuple[str, int]]:
    """Return the tasks with the days that they give; 0 where the task's file lies elsewhere."""
    found = []
    for task in tasks_known(catalog.objects):
        try:
            found.append((task, definition(task).archive_images_days))
        except TaskError:
            found.append((task, 0))
    return found


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
