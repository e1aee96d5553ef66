"""Images whose label is unknown: listed by the value that no rule knew, and labelled by people."""

import datetime
import getpass
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of
from perennial.catalog.rows import LabelEvent
from perennial.errors import ReviewError
from perennial.operations.runs import reopen
from perennial.rules.folding import fold
from perennial.task import Task

Row = dict[str, Any]
SHORT = 12
SHOWN = 8


@dataclass(frozen=True)
class Group:
    """The images that wait with one value: the value as it is written first, how many, and one of them as an example."""

    value: str
    images: int
    image: str
    title: str
    url: str


def waiting(catalog: Catalog, task: str, *, silent: bool = False) -> list[Row]:
    """Return the images that wait with a value, by value and id; with ``silent`` those too of which nothing was said."""
    rows = catalog.to_review(task).to_pylist()
    return sorted((row for row in rows if row["value"] or silent), key=lambda row: (fold(row["value"]), row["id"]))


def grouped(rows: list[Row]) -> list[Group]:
    """Group waiting images by their values, in any case; the commonest value first."""
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[fold(row["value"])].append(row)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return [Group(own[0]["value"], len(own), own[0]["id"], own[0]["title"], own[0]["url"]) for _, own in ordered]


def label_image(catalog: Catalog, task: Task, prefix: str, cls: str) -> int:
    """Label one image, named by its id or the beginning of one that waits; return 1, or 0 where that was said before.

    Raises:
        ReviewError: no image, or more than one, is meant, or the task hasn't got the class.
    """
    check_class(task, cls)
    ids = sorted(row["id"] for row in waiting(catalog, task.name, silent=True) if prefix and row["id"].startswith(prefix))
    if not ids:
        ids = catalog.images([prefix], ("id",))["id"].to_pylist()
    if len(ids) != 1:
        raise ReviewError(
            f"{len(ids)} images of {task.name} begin with '{prefix}'. See those that wait with 'perennial review unknown "
            f"{task.name}' and name one."
        )
    return answer(catalog, task, {ids[0]: cls})


def label_value(catalog: Catalog, task: Task, value: str, cls: str) -> int:
    """Label all images that wait with a value, in any case; return how many.

    Raises:
        ReviewError: no image waits, or ever waited, with this value, or the task hasn't got the class.
    """
    check_class(task, cls)
    rows = waiting(catalog, task.name)
    images = [row["id"] for row in rows if fold(row["value"]) == fold(value)]
    if not images and fold(value) not in map(fold, catalog.unknown_values(task.name)):
        known = [group.value for group in grouped(rows)]
        listed = ", ".join(known[:SHOWN]) + (f" and {len(known) - SHOWN} more" if len(known) > SHOWN else "")
        raise ReviewError(f"No image of {task.name} waits with the value '{value}'. Values that wait: {listed or 'none'}.")
    return answer(catalog, task, dict.fromkeys(images, cls))


def check_class(task: Task, cls: str) -> None:
    """Raise ReviewError where the task hasn't got a class."""
    if cls not in task.classes:
        raise ReviewError(f"'{cls}' is no class of {task.name}. Its classes: {', '.join(task.classes)}.")


def answer(catalog: Catalog, task: Task, answers: Mapping[str, str]) -> int:
    """Append what a person says of images as label events, which the next run learns; return how many weren't said before.

    The run is asked for before and after, so that it isn't lost where this process is killed in between.
    """
    before = catalog.last_said(task.name, sorted(answers))
    new = {image: cls for image, cls in answers.items() if not _said(before.get(image), cls)}
    if not new:
        return 0
    reason = f"review-{digest_of(sorted(new.items()))[:SHORT]}"
    today, who = datetime.datetime.now(datetime.UTC).date(), getpass.getuser()
    reopen(catalog.objects, task.name, reason)
    catalog.append_labels(task.name, [LabelEvent(image, task.name, cls, "review", who, today) for image, cls in new.items()])
    reopen(catalog.objects, task.name, reason)
    return len(new)


def _said(last: tuple[str | None, str] | None, cls: str) -> bool:
    """Say whether a person said this last; a source's word isn't a person's, also where it is the same."""
    return last is not None and last[0] == cls and last[1] != "source"
