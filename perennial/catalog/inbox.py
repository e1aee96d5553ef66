"""The inbox: objects that anybody may drop below ``inbox/`` of a store, and how exactly the version that was read goes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

FOLDER = "inbox"


@dataclass(frozen=True, slots=True)
class Drop:
    """An object as it was listed: its key below ``inbox/``, its size in bytes and when it came to lie there."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Content:
    """An object as it was read; ``version`` names what was read, and ``data`` is None where it is too large."""

    drop: Drop
    version: str
    data: bytes | None


class Inbox(Protocol):
    """What can be done with what lies in an inbox.

    A store that is away is a StoreError; a single object that can't be read or removed is a SourceError.
    """

    def drops(self, prefix: str = "") -> Iterator[Drop]:
        """Yield what lies below ``prefix``, sorted by key; what is hidden, still being written or a folder isn't among it."""
        ...

    def read(self, key: str, limit: int) -> Content | None:
        """Return an object, with its bytes if they are at most ``limit``; None where there is none, or not yet."""
        ...

    def tags(self, content: Content) -> dict[str, str]:
        """Return the tags of what was read."""
        ...

    def unfinished(self, content: Content) -> bool:
        """Say whether somebody may still be writing what was read."""
        ...

    def keep(self, content: Content, key: str) -> None:
        """Copy what was read, however large, to a key of the store."""
        ...

    def remove(self, content: Content) -> None:
        """Remove what was read and what it had replaced; what was written over it since stays."""
        ...
