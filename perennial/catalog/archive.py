"""The archive: what nothing needs any more but somebody may, under ``archive/`` of the store, each object with its old key.

A bucket's rules can move that prefix to cheaper storage, or delete it after a time.
"""

from collections.abc import Sequence

from perennial.catalog.objects import MARKERS, Objects
from perennial.errors import ObjectMissing

FOLDER = "archive"


def archived_key(key: str) -> str:
    """Return where an object lies once it is archived."""
    return f"{FOLDER}/{key}"


def archive(objects: Objects, keys: Sequence[str]) -> None:
    """Move objects to the archive; killed anywhere and done again, it goes on.

    All are copied before any is deleted. Of a folder that was published, what makes it whole is copied last and deleted first.
    """
    ordered = sorted(keys, key=lambda key: (key.rpartition("/")[2] in MARKERS, key))
    for key in ordered:
        try:
            objects.copy(key, archived_key(key))
        except ObjectMissing:
            continue  # another process was faster
    for key in reversed(ordered):
        objects.delete(key)
