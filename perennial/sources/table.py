"""Pictures that a table lists by path or URL, with what is known of each."""

import datetime
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from perennial.catalog.digests import digest_of
from perennial.catalog.objects import Objects
from perennial.errors import ImageRejected, SourceError
from perennial.sources.folder import file_date, file_mark, path_digest, read_file
from perennial.sources.images import MAX_BYTES
from perennial.sources.posts import Apart, Gone, ImageRef, Known, Post, RefusedRef
from perennial.sources.table_rows import Row, read_rows
from perennial.sources.web import Fetcher, Manners, contact_or_stop

DELAY_S = 0.5
"""Pause between two pictures of one host of a table's URLs."""

KINDS = ("photo", "exterior", "interior", "drawing")
OWN = ("image", "id", "post", "published", "title", "kind", "caption", "licence", "credit")
"""Columns with a meaning of their own; all others, ``place`` among them, are metadata."""


class _Wrong(Exception):
    """A row that can't be taken, and why."""


class TableSource:
    """One post a row, or one for the rows with the same ``post``; rows that are wrong are refused with number and reason."""

    workers = 4
    parser = 1

    def __init__(self, path: Path, objects: Objects, *, contact: str = "", allow_hosts: Collection[str] = ()) -> None:
        """Read ``path``; ``contact`` is told to the hosts of its URLs, of which ``allow_hosts`` may lie inside the network.

        Raises:
            SourceError: the contact can't stand in a request.
        """
        self._path = path
        self._contact = contact
        self._fetcher = Fetcher(objects, Manners(contact, DELAY_S, None), allowed=allow_hosts, connections=2)
        self.name = self.key = table_name(path)

    def posts(self, known: Known) -> Iterator[Post]:
        """Yield a post for each row that, with its file's size and time, isn't known, in the order of the rows.

        Raises:
            SourceError: the table can't be read, has no rows or no column ``image``, or has URLs and no contact is set.
        """
        try:
            self._date = file_date(self._path.stat())
        except OSError:
            raise SourceError(f"There is no table {self._path}. Give the CSV, JSONL or Parquet file of pictures.") from None
        yield from known.fresh(self._rows())

    def complete(self, post: Post) -> Post:
        """Return the post as it is."""
        return post

    def read(self, image: ImageRef) -> bytes:
        """Return the picture that a row names.

        Raises:
            Gone: its site hasn't got it.
            ImageRejected: its row is wrong, or its file is too large or can't be read.
            Apart: its site is away, or refuses.
        """
        if isinstance(image, RefusedRef):
            raise ImageRejected(image.reason)
        if _is_url(image.location):
            try:
                return self._fetcher.get(image.location, max_bytes=MAX_BYTES, expect="image")
            except Gone:
                raise
            except SourceError as error:
                raise Apart(str(error)) from None
        return read_file(self._path.parent / image.location)

    def address(self, image: ImageRef) -> str:
        """Return the URL, or the path below the table's folder."""
        return image.location

    def close(self) -> None:
        """Close the connections."""
        self._fetcher.close()

    def _rows(self) -> Iterator[Post]:
        number = 0
        for row in read_rows(self._path):
            number = row.number
            try:
                yield self._post(row)
            except _Wrong as wrong:
                yield self._refused(row, str(wrong))
        if not number:
            raise SourceError(f"The table {self._path} has no rows. Write one row a picture into it.")

    def _post(self, row: Row) -> Post:
        if row.wrong:
            raise _Wrong(row.wrong)
        cells = row.cells
        location = cells.get("image") or _missing()
        kind = cells.get("kind", "photo")
        if kind not in KINDS:
            raise _Wrong(f"The kind '{kind[:80]}' is none of {', '.join(KINDS)}.")
        changed, mark = self._web() if _is_url(location) else self._file(location)
        file = f"{location}{mark}"
        return Post(
            id=cells.get("post", cells.get("id", location)),
            url=location,
            published=_date(cells["published"]) if "published" in cells else changed,
            title=cells.get("title", PurePosixPath(location).stem),
            metadata={column: text for column, text in cells.items() if column not in OWN},
            images=(
                ImageRef(
                    location,
                    kind,
                    cells.get("caption", ""),
                    file,
                    licence=cells.get("licence", ""),
                    credit=cells.get("credit", ""),
                ),
            ),
            mark=f"{digest_of(cells)[:16]}{mark}",
        )

    def _web(self) -> tuple[datetime.date, str]:
        """Return the date of a picture on the web that has none: the table's."""
        contact_or_stop(self._contact, self._path.name)
        return self._date, ""

    def _file(self, location: str) -> tuple[datetime.date, str]:
        """Return a file's date and what changes when it does."""
        path = PurePosixPath(location)
        if path.is_absolute() or ".." in path.parts:
            raise _Wrong(f"The path {location[:200]} leads out of the table's folder. Give one below it.")
        try:
            status = (self._path.parent / path).stat()
        except (OSError, ValueError):
            raise _Wrong(f"There is no file {location[:200]} in the table's folder.") from None
        return file_date(status), f"#{file_mark(status)}"

    def _refused(self, row: Row, reason: str) -> Post:
        name = f"{self._path.name}, row {row.number}"
        mark = digest_of([row.cells, reason])[:16]
        reference = RefusedRef(name, id=f"{name}#{mark}", reason=f"Row {row.number} of {self._path.name}: {reason}")
        return Post(f"row {row.number}", name, self._date, name, images=(reference,), mark=mark)


def table_name(path: Path) -> str:
    """Return what a table is called as a source: other tables' rows of the same names are other posts."""
    return f"table-{path_digest(path)}"


def _is_url(location: str) -> bool:
    return location.lower().startswith(("http://", "https://"))


def _missing() -> str:
    raise _Wrong("The column 'image' is empty. Give a path or a URL.")


def _date(text: str) -> datetime.date:
    try:
        day = datetime.date.fromisoformat(text[:10])
    except ValueError:
        raise _Wrong(f"The date '{text[:80]}' in 'published' isn't written like 2025-05-31.") from None
    if day > datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1):
        raise _Wrong(f"It is said to be published on {day}, which is yet to come.")
    return day
