"""The archive: what nothing needs any more but somebody may, under ``archive/`` of the store, each object with its old key.

A bucket's rules can move that prefix to cheaper storage, or delete it after a time.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from perennial.catalog.objects import MARKERS, Objects
from perennial.errors import ObjectMissing

FOLDER = "archive"
_AT_ONCE = 16


def archived_key(key: str) -> str:
    """Return where an object lies once it is archived."""
    return f"{FOLDER}/{key}"


def archive(objects: Objects, keys: Sequence[str]) -> None:
    """Move objects to the archive; killed anywhere and done again, it goes on.

    All are copied before any is deleted. Of a folder that was published, what makes it whole is copied last and deleted first.
    """
    marks = sorted(key for key in keys if key.rpartition("/")[2] in MARKERS)
    others = sorted(set(keys) - set(marks))

    def copy(key: str) -> None:
        with suppress(ObjectMissing):  # another process was faster
            objects.copy(key, archived_key(key))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(copy, others))
    for key in marks:
        copy(key)
    for key in reversed(marks):
        objects.delete(key)
    objects.delete_all(others)
