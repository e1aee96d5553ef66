"""The inbox of a store in a folder."""

import os
import shutil
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from perennial.catalog.failures import told
from perennial.catalog.inbox import FOLDER, Content, Drop
from perennial.catalog.stores import local_root
from perennial.errors import SourceError

SETTLE_S = 0.2
"""A file that was written to so recently isn't looked at yet."""

GROWING_S = 10.0
"""One that can't be decoded may be half of what it will be, until nobody has written to it for so long."""


class FolderInbox:
    """Regular files below ``inbox/``, but for those whose path has a part that begins with a dot; they have no tags."""

    def __init__(self, url: str) -> None:
        """Open the inbox, and make its folder."""
        store = local_root(url)
        assert store is not None  # noqa: S101 (only a store in a folder comes here)
        self._store = store
        self._root = store / FOLDER
        with told(url, "making the folder inbox", writing=True):
            self._root.mkdir(parents=True, exist_ok=True)

    def drops(self, prefix: str = "") -> Iterator[Drop]:
        """Yield what lies below ``prefix``, sorted by folder and name."""
        if not _plain(prefix.strip("/") or "."):
            return
        for folder, names, files in os.walk(self._root / prefix.strip("/")):
            names[:] = sorted(name for name in names if not name.startswith("."))
            for name in sorted(files):
                path = Path(folder, name)
                found = _status(path)
                if found is not None and not name.startswith(".") and not _age(found) < SETTLE_S:
                    yield _drop(path.relative_to(self._root).as_posix(), found)

    def read(self, key: str, limit: int) -> Content | None:
        """Return a file, with its bytes if they are at most ``limit``; None where there is none, or it changed meanwhile."""
        path = self._root / key
        before = _status(path) if _plain(key) else None
        if before is None or _age(before) < SETTLE_S:
            return None
        data = None
        if before.st_size <= limit:
            try:
                with path.open("rb") as file:
                    data = file.read(limit + 1)
            except FileNotFoundError:
                return None
            except OSError as error:
                raise SourceError(
                    f"{FOLDER}/{key} can't be read ({error.strerror}) and stays there. Check its permissions."
                ) from None
        after = _status(path)
        if after is None or _version(after) != _version(before):
            return None
        return Content(_drop(key, before), _version(before), data)

    def tags(self, content: Content) -> dict[str, str]:  # noqa: ARG002 (files have none)
        """Return none."""
        return {}

    def unfinished(self, content: Content) -> bool:
        """Say whether the file was written to in the last seconds."""
        found = _status(self._root / content.drop.key)
        return found is not None and _age(found) < GROWING_S

    def keep(self, content: Content, key: str) -> None:
        """Give the file a second name, or where that can't be a copy."""
        source, target = self._root / content.drop.key, self._store / key
        with told(self._store.as_uri(), f"writing {key}", writing=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.hardlink_to(source)
            except FileExistsError:
                return
            except OSError:
                partial = target.with_name(f".{target.name}.partial")
                shutil.copyfile(source, partial)
                partial.replace(target)

    def remove(self, content: Content) -> None:
        """Remove the file if it is still the one that was read."""
        path = self._root / content.drop.key
        found = _status(path)
        if found is not None and _version(found) == content.version:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise SourceError(
                    f"{FOLDER}/{content.drop.key} is taken in and can't be removed ({error.strerror}). "
                    "Give this user the right to write to its folder."
                ) from None


def _plain(key: str) -> bool:
    return not any(part in ("", "..") for part in key.split("/")) and "\0" not in key


def _status(path: Path) -> os.stat_result | None:
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _age(found: os.stat_result) -> float:
    """Return the seconds since a file was written to; what is dated ahead is old."""
    age = time.time() - found.st_mtime
    return age if age >= 0 else float("inf")


def _version(found: os.stat_result) -> str:
    return f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"


def _drop(key: str, found: os.stat_result) -> Drop:
    """Describe a file; it is as old as its coming here, whatever its own time says."""
    return Drop(key, found.st_size, datetime.fromtimestamp(found.st_ctime, UTC))
