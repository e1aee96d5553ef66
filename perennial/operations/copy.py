"""Copying a store's objects elsewhere: a backup, its way back, or a move from files to a bucket."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from perennial.catalog.archive import archived_key
from perennial.catalog.objects import MARKERS, Objects
from perennial.errors import StoreError

Progress = Callable[[int, int], None]
TRANSFERS = 8
GATHERED = (archived_key("images"), "backbones", "catalog", "images", "quarantine", "sources")
"""Folders of what a new installation learns from: no models, releases and runs, which go with a registry and an endpoint."""


@dataclass(frozen=True)
class Copied:
    """How many objects and bytes were written, and how many objects were there already."""

    objects: int
    bytes: int
    kept: int


def copy(
    source: Objects, target: Objects, *, folders: Sequence[str] = (), progress: Progress = lambda _done, _total: None
) -> Copied:
    """Copy all objects but leases; interrupted and called again, it goes on.

    What names others is written after them, so that a copy that was cut off names nothing that it lacks. An object of the same
    size is taken to be the same, except JSON, which is written anew.

    Args:
        source: what is copied; nothing should write to it meanwhile.
        target: where to; objects that are there alone stay.
        folders: copy what lies in these alone; the target may hold nothing else there.
        progress: called with the number of objects done and of all to write.

    Raises:
        StoreError: one of the stores can't do it, there is nothing to copy, or one of the folders holds something else.
    """
    below = tuple(f"{folder}/" for folder in folders) or ("",)
    wanted = {key: size for key, size in source.sizes().items() if key.startswith(below) and not _is_lease(key)}
    if not wanted:
        raise StoreError(f"There is nothing to copy in {source.url}. Correct the address.")
    there = target.sizes()
    if folders and (own := [key for key in there if key.startswith(below) and not _is_lease(key) and key not in wanted]):
        raise StoreError(
            f"{target.url} has {own[0]}, which isn't in {source.url}: two catalogs can't become one. "
            "Copy into a store that has gathered nothing yet."
        )
    missing = [key for key, size in wanted.items() if there.get(key) != size or key.endswith(".json")]
    done = 0
    for rank in range(3):
        group = sorted(key for key in missing if _rank(key) == rank)
        with ThreadPoolExecutor(TRANSFERS, "copy") as pool:
            for _ in pool.map(lambda key: target.put(key, source.get(key)), group):
                done += 1
                progress(done, len(missing))
    return Copied(len(missing), sum(wanted[key] for key in missing), len(wanted) - len(missing))


def _is_lease(key: str) -> bool:
    return "leases" in key.split("/")[:-1]


def _rank(key: str) -> int:
    """Return 0 for what others name, 1 for what makes tables and folders whole, 2 for what says where everything stands."""
    parts = key.split("/")
    if "endpoints" in parts or "runs" in parts:
        return 2
    return int("_versions" in parts or parts[-1] in MARKERS)
