"""What goes and what stays, counted by kind."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from perennial.catalog.objects import Stored


@dataclass
class Kind:
    """What of one kind goes, and how many of it stay for which reason.

    ``bytes`` are those of objects, and of rows as they were read; where they are freed by Lance, they are known afterwards only.
    """

    name: str
    does: str
    count: int = 0
    bytes: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None
    stays: Counter[str] = field(default_factory=Counter)

    def add(self, oldest: datetime, newest: datetime, size: int, count: int = 1) -> None:
        """Count something that goes."""
        self.count += count
        self.bytes += size
        self.oldest = min(oldest, self.oldest or oldest)
        self.newest = max(newest, self.newest or newest)

    def go(self, objects: list[Stored], count: int = 1) -> None:
        """Count ``count`` things that go, whose objects these are."""
        written = [one.written for one in objects]
        self.add(min(written), max(written), sum(one.size for one in objects), count)

    def stay(self, reason: str, count: int = 1) -> None:
        """Count something that stays."""
        if count:
            self.stays[reason] += count

    def facts(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "kind": self.name,
            "does": self.does,
            "count": self.count,
            "bytes": self.bytes,
            "oldest": self.oldest.isoformat(timespec="seconds") if self.oldest else None,
            "newest": self.newest.isoformat(timespec="seconds") if self.newest else None,
            "stays": dict(self.stays),
        }


@dataclass(frozen=True)
class Now:
    """One moment, by which all ages are told, and whether anything is changed."""

    dry_run: bool
    at: datetime

    def before(self, days: float) -> datetime:
        """Return the moment so many days ago."""
        return self.at - timedelta(days=days)


def young(days: float) -> str:
    """Return the reason for which what is younger stays."""
    return f"younger than {days:g} day{'s' if days != 1 else ''}"


def folders(stored: list[Stored], depth: int) -> dict[str, list[Stored]]:
    """Return objects by the folder they lie in, which is so many parts deep; what lies above is left out."""
    found: dict[str, list[Stored]] = {}
    for one in stored:
        parts = one.key.split("/")
        if len(parts) > depth:
            found.setdefault("/".join(parts[:depth]), []).append(one)
    return found


def newest(stored: list[Stored]) -> datetime:
    """Return when the last of these objects was written."""
    return max(one.written for one in stored)
