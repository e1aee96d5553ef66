"""Pictures in class subfolders of one folder."""

import datetime
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from perennial.errors import ImageRejected, SourceError
from perennial.sources.images import MAX_BYTES
from perennial.sources.posts import ImageRef, Known, Post

PICTURES = (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
"""Names that are taken for pictures; what lies in them is judged by content."""


class FolderSource:
    """One post a file: its class is the first subfolder, its date the file's modification date in UTC."""

    workers = 4
    parser = 1

    def __init__(self, path: Path, *, alone: bool = True) -> None:
        """Read ``path``; ``alone`` says that a task has no other source, so that one class is too few."""
        self._path = path
        self._alone = alone
        self.name = self.key = folder_name(path)

    def posts(self, known: Known) -> Iterator[Post]:
        """Yield each picture whose path, size or time isn't known, in the order of the paths.

        Raises:
            SourceError: there is no such folder, or too little in it to begin with.
        """
        _check_there(self._path)
        if known.empty:
            survey(self._path, classes=2 if self._alone else 0)
        yield from known.fresh(_post(path, status) for path, status in _pictures(self._path))

    def complete(self, post: Post) -> Post:
        """Return the post as it is."""
        return post

    def read(self, image: ImageRef) -> bytes:
        """Return the file's bytes.

        Raises:
            ImageRejected: the file is too large, or can't be read.
        """
        return read_file(self._path / image.location)

    def address(self, image: ImageRef) -> str:
        """Return the path below the folder."""
        return image.location

    def close(self) -> None:
        """Hold nothing open."""


def read_file(path: Path) -> bytes:
    """Return a picture's bytes.

    Raises:
        ImageRejected: the file is too large, or can't be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImageRejected(f"The file can't be read: {error.strerror}. Check its permissions.") from None
    if len(data) > MAX_BYTES:
        raise ImageRejected(f"The file has more than {MAX_BYTES:,} bytes. Give a smaller copy of it.")
    return data


def folder_name(path: Path) -> str:
    """Return what a folder is called as a source: other folders' pictures of the same names are other posts."""
    return f"folder-{path_digest(path)}"


def path_digest(path: Path) -> str:
    """Return 12 hex digits that stand for a path."""
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]


def file_mark(status: os.stat_result) -> str:
    """Return what changes when a file does."""
    return f"{status.st_size}:{status.st_mtime_ns}"


def file_date(status: os.stat_result) -> datetime.date:
    """Return the day of a file's last change, in UTC."""
    return datetime.datetime.fromtimestamp(status.st_mtime, datetime.UTC).date()


def survey(path: Path, classes: int = 2) -> dict[str, int]:
    """Count the pictures of each class subfolder, in the order of the names; empty subfolders count 0.

    Raises:
        SourceError: there is no such folder, no picture in it, or fewer than ``classes`` subfolders with pictures.
    """
    _check_there(path)
    try:
        counts = {entry.name: 0 for entry in sorted(path.iterdir()) if entry.is_dir() and not entry.name.startswith(".")}
    except OSError as error:
        raise SourceError(f"The folder {path} can't be read: {error.strerror}. Check its permissions.") from None
    loose = 0
    for file, _ in _pictures(path):
        folder, apart, _ = file.partition("/")
        if apart:
            counts[folder] = counts.get(folder, 0) + 1
        else:
            loose += 1
    _check_counts(path, counts, loose, classes)
    return counts


def _post(path: str, status: os.stat_result) -> Post:
    folder, apart, _ = path.partition("/")
    mark = file_mark(status)
    return Post(
        id=path,
        url=path,
        published=file_date(status),
        title=os.path.splitext(os.path.basename(path))[0],  # noqa: PTH119, PTH122 (a Path costs as much as the rest)
        metadata={"folder": folder} if apart else {},
        images=(ImageRef(path, id=f"{path}#{mark}"),),
        mark=mark,
    )


def _check_there(path: Path) -> None:
    if not path.is_dir():
        raise SourceError(f"There is no folder {path}. Give the folder whose subfolders are the classes.")


def _check_counts(path: Path, counts: dict[str, int], loose: int, classes: int) -> None:
    filled = [name for name, count in counts.items() if count]
    if not filled and loose and classes:
        raise SourceError(
            f"The folder {path} has {loose} pictures but no class subfolders. Move them into one subfolder a class."
        )
    if not filled and not loose:
        raise SourceError(f"The folder {path} has no pictures. Put JPEG, PNG or WebP files into one subfolder a class.")
    if len(filled) < classes:
        empty = [name for name, count in counts.items() if not count]
        aside = f" (without pictures: {', '.join(empty)})" if empty else ""
        raise SourceError(
            f"The folder {path} has pictures of one class alone, {filled[0]}{aside}. "
            f"Add pictures of a second class in a subfolder of its own."
        )


def _pictures(path: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files that are called like pictures, by their paths below the folder; hidden ones and linked folders aside."""
    folders = [""]
    while folders:
        below = folders.pop()
        try:
            with os.scandir(path / below) as found:
                entries = sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            status = _status(entry) if entry.name.lower().endswith(PICTURES) else None
            if status:
                yield below + entry.name, status
        folders += [f"{below}{entry.name}/" for entry in reversed(entries) if entry.is_dir(follow_symlinks=False)]


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Return what the system knows of a file, through links; None where it is none, or has just gone."""
    try:
        return entry.stat() if entry.is_file() else None
    except OSError:
        return None
