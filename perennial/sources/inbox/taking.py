"""Taking objects from the inbox: read, checked, written as rows, and only then removed.

Whatever is killed in between is done again: the row's id is the digest of the normalised picture and its post is the object's
key, so that a second time adds nothing; and what is removed is the version that was read. A sidecar goes before its picture, so
that one that lies alone was never read with it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from perennial.catalog.catalog import Catalog
from perennial.catalog.inbox import FOLDER, Content, Drop
from perennial.catalog.inboxes import open_inbox
from perennial.catalog.rows import Image
from perennial.errors import ImageRejected, SourceError
from perennial.sources.images import MAX_BYTES
from perennial.sources.inbox.metadata import (
    MAX_SIDECAR_BYTES,
    SIDECAR,
    about,
    columns_of,
    fields_of,
    read_sidecar,
)
from perennial.sources.inbox.refusing import refuse
from perennial.sources.inbox.rows import post_of, row_of
from perennial.sources.inbox.took import Took
from perennial.sources.text import plain

BATCH = 64
"""Objects that become rows at once: each batch is one change of the table."""

READERS = 8
GRACE_S = 3.0
"""How long a picture of which nothing is said waits for its sidecar."""

LATE_S = 60.0
"""How long a sidecar waits for its picture; then it belongs to the one of that name that was taken in before."""


@dataclass
class _Read:
    """An object that was read: the row that it becomes, what of it was refused, what goes (in this order), or why it stays."""

    row: tuple[Image, bytes] | None = None
    refused: int = 0
    go: list[Content] = field(default_factory=list)
    stays: bool = False
    trouble: str = ""


class Taker:
    """Takes in what lies in a store's inbox; any number of them may be at it at once."""

    def __init__(self, catalog: Catalog, *, grace_s: float = GRACE_S, late_s: float = LATE_S) -> None:
        """Open the inbox.

        Args:
            catalog: where the rows go.
            grace_s: seconds that a picture of which nothing is said waits for its sidecar.
            late_s: seconds that a sidecar waits for its picture.
        """
        self.inbox = open_inbox(catalog.objects)
        self._catalog = catalog
        self._grace_s, self._late_s = grace_s, late_s

    def take_all(self, prefix: str = "", *, between: Callable[[Took], bool] = lambda _: True) -> Took:
        """Take in what lies below ``prefix``, batch by batch, until ``between`` two of them returns False.

        Raises:
            StoreError: the store is away, full or refuses; what wasn't taken in stays.
        """
        took = Took()
        late: list[str] = []
        for batch in _batches(self.inbox.drops(prefix)):
            late += [drop.key for drop in batch if _is_sidecar(drop.key) and _age(drop) >= self._late_s]
            done = self.take([drop.key for drop in batch if not _is_sidecar(drop.key)])
            took += done
            if not between(done):
                return took
        for key in late:
            done = self._take_late(key)
            took += done
            if not between(done):
                break
        return took

    def take(self, keys: Sequence[str]) -> Took:
        """Take in the pictures with these keys, those that are there.

        Raises:
            StoreError: the store is away, full or refuses; what wasn't taken in stays.
        """
        if not keys:
            return Took()
        with ThreadPoolExecutor(READERS, thread_name_prefix="inbox") as pool:
            found = [one for one in pool.map(self._read, dict.fromkeys(keys)) if one is not None]
            rows = [one.row for one in found if one.row]
            new = self._catalog.add_images(rows) if rows else 0
            amended = self._amend([image for image, _ in rows]) if new < len(rows) else 0
            troubles = [one.trouble for one in found] + list(pool.map(self._remove, found))
        return Took(
            taken=len(rows),
            new=new,
            refused=sum(one.refused for one in found),
            amended=amended,
            left=sum(one.stays for one in found),
            trouble=next(filter(None, troubles), ""),
        )

    def _read(self, key: str) -> _Read | None:
        """Read a picture and what is said of it; None where there is none."""
        try:
            content = self.inbox.read(key, MAX_BYTES)
            if content is None:
                return None
            tags = self.inbox.tags(content)
            sidecar = self.inbox.read(key + SIDECAR, MAX_SIDECAR_BYTES)
            if not tags and sidecar is None and "/" not in key and _age(content.drop) < self._grace_s:
                return _Read(stays=True)
            return self._check(content, fields_of(tags), sidecar)
        except SourceError as error:
            return _Read(stays=True, trouble=str(error))

    def _check(self, content: Content, fields: dict[str, str], sidecar: Content | None) -> _Read:
        """Make a row of a picture, or put it into quarantine; its bytes are let go of, so that a batch needs little memory."""
        read = _Read(go=[replace(one, data=None) for one in (sidecar, content) if one is not None])
        if sidecar is not None:
            try:
                fields |= read_sidecar(sidecar.data)
            except ImageRejected as error:
                if self.inbox.unfinished(sidecar):
                    return _Read(stays=True)
                self._refuse(sidecar, {}, error)
                read.refused += 1
        said = about(content.drop.key, fields, content.drop.modified)
        try:
            read.row = row_of(content, said)
        except ImageRejected as error:
            if self.inbox.unfinished(content):
                return _Read(stays=True)
            self._refuse(content, said.metadata, error)
            read.refused += 1
        return read

    def _refuse(self, content: Content, fields: Mapping[str, str], error: ImageRejected) -> None:
        refuse(self._catalog.objects, self.inbox, content, fields, str(error))

    def _amend(self, images: Sequence[Image]) -> int:
        """Add what is said now of pictures that were taken in before under the same key, and return of how many it is new."""
        rows = self._catalog.images([image.id for image in images], ("id", "post", "metadata")).to_pylist()
        before = {(row["id"], row["post"]): json.loads(row["metadata"]) for row in rows}
        changed = 0
        for image in images:
            old = before.get((image.id, image.post))
            if old is not None and old != {**old, **image.metadata}:
                changed += self._catalog.amend_image(image.id, columns_of(image.metadata), image.metadata)
        return changed

    def _remove(self, read: _Read) -> str:
        """Remove what was read, and return what stands in the way."""
        try:
            for content in read.go:
                self.inbox.remove(content)
        except SourceError as error:
            return str(error)
        return ""

    def _take_late(self, key: str) -> Took:
        """Give the picture that was taken in before what its sidecar says; one that never had a picture is refused."""
        name = key.removesuffix(SIDECAR)
        try:
            if self.inbox.read(name, 0) is not None:
                return Took()
            sidecar = self.inbox.read(key, MAX_SIDECAR_BYTES)
            if sidecar is None:
                return Took()
            reason = ""
            try:
                fields = read_sidecar(sidecar.data)
            except ImageRejected as error:
                fields, reason = {}, str(error)
            image = self._catalog.newest_image(post_of(name))
            if image is None and not reason:
                reason = (
                    f"No picture {FOLDER}/{plain(name)} came within {self._late_s:.0f} s of this sidecar. "
                    f"A sidecar is called like its picture with {SIDECAR} behind it, such as a.jpg{SIDECAR}; drop both again."
                )
            if reason:
                refuse(self._catalog.objects, self.inbox, sidecar, fields, reason)
            elif image is not None:
                self._catalog.amend_image(image, columns_of(fields), fields)
            self.inbox.remove(sidecar)
        except SourceError as error:
            return Took(left=1, trouble=str(error))
        return Took(refused=1) if reason else Took(amended=1)


def _is_sidecar(key: str) -> bool:
    return key.endswith(SIDECAR)


def _age(drop: Drop) -> float:
    return (datetime.now(UTC) - drop.modified).total_seconds()


def _batches(drops: Iterator[Drop]) -> Iterator[list[Drop]]:
    batch: list[Drop] = []
    for drop in drops:
        batch.append(drop)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
