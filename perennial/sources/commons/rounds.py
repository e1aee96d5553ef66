"""Which slice of Wikidata is next: each country's items of each class, page by page, round after round.

A page counts as read once all its posts are known, which only a later run can say: a run that is killed lists the pages again
that it hadn't finished, and no others. Within a round each visit to a slice asks for what comes after its last item. Later
rounds ask only for what changed since the round before, so that one in which nothing did costs a query a slice, however much is
known.
"""

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from perennial.catalog.objects import Objects
from perennial.sources.posts import Known, Post


@dataclass(frozen=True)
class Slice:
    """How far a slice has been read: ``after`` is its last item, ``pages`` counts this round's visits.

    ``began`` is the day of this round's first visit, ``since`` that from which on changes count; both "" at first. ``skipped``
    says that the service couldn't answer, so that the next round goes on with what this one left.
    """

    after: int = 0
    pages: int = 0
    done: bool = False
    began: str = ""
    since: str = ""
    skipped: bool = False


@dataclass(frozen=True)
class _Page:
    """A page that was listed: its slice, how far that is read once its posts are known, and their ids and marks."""

    slice: str
    then: Slice
    posts: Mapping[str, str] = field(default_factory=dict)


def slices(countries: Sequence[str], kinds: Collection[str]) -> list[str]:
    """Return every pair of country and class once, such as "PT/Q16970", so that neighbours differ in both."""
    classes = list(kinds)
    turns = range(len(classes))
    return [f"{country}/{classes[(place + turn) % len(classes)]}" for turn in turns for place, country in enumerate(countries)]


class Rounds:
    """Where the slices of one source stand, kept in the store.

    Args:
        objects: the store.
        key: the source's.
        names: the slices that are wanted, in the order of a round.
        overlap_days: how many days before its last listing a slice's changes count again.
    """

    def __init__(self, objects: Objects, key: str, names: Sequence[str], overlap_days: int) -> None:
        self._objects = objects
        self._key = f"sources/slices/{key}.json"
        self._order = {name: place for place, name in enumerate(names)}
        self._overlap = datetime.timedelta(days=overlap_days)
        self._sure: dict[str, Slice] = {}
        self._slices: dict[str, Slice] = {}
        self._open: list[_Page] = []

    def begin(self, known: Known) -> None:
        """Take up where earlier runs stopped; where they completed a round of the wanted slices, start the next."""
        document: Any = self._objects.get_json(self._key) if self._objects.exists(self._key) else {}
        self._sure = {name: Slice(**entry) for name, entry in document.get("slices", {}).items()}
        self._confirm(known, [_Page(page["slice"], Slice(**page["then"]), page["posts"]) for page in document.get("open", ())])
        if all(self._sure.get(name, Slice()).done for name in self._order):
            self._sure |= {name: self._again(self._sure[name]) for name in self._order}
        self._slices = {name: self._sure.get(name, Slice()) for name in self._order}

    def next(self, countries: Collection[str]) -> str | None:
        """Return the slice of these countries that was visited least in this round; None where all are done."""
        left = [name for name, entry in self._slices.items() if not entry.done and name.partition("/")[0] in countries]
        return min(left, key=lambda name: (self._slices[name].pages, self._order[name]), default=None)

    def at(self, name: str) -> Slice:
        """Return how far a slice is read."""
        return self._slices[name]

    def listed(self, name: str, posts: Sequence[Post], *, last: int, done: bool) -> None:
        """Remember a page before its posts are read: ``last`` is its last item, ``done`` that nothing comes after it."""
        before = self._slices[name]
        then = replace(before, after=max(before.after, last), pages=before.pages + 1, done=done, began=before.began or _today())
        self._slices[name] = then
        self._open.append(_Page(name, then, {post.id: post.mark for post in posts}))
        self._save()

    def leave(self, name: str) -> None:
        """Leave a slice alone for the rest of this run."""
        self._slices[name] = replace(self._slices[name], done=True)

    def skip(self, name: str) -> None:
        """Leave a slice alone until the next round: the service can't answer it."""
        then = replace(self._slices[name], done=True, skipped=True)
        self._slices[name] = then
        self._open.append(_Page(name, then))
        self._save()

    def _confirm(self, known: Known, pages: Sequence[_Page]) -> None:
        """Count the pages as read whose posts are all known; what comes after one in its slice waits for it."""
        waiting = set[str]()
        for page in pages:
            posts = [Post(id, "", datetime.date.min, "", mark=mark) for id, mark in page.posts.items()]
            if page.slice not in waiting and next(iter(known.fresh(posts)), None) is None:
                self._sure[page.slice] = page.then
            else:
                waiting.add(page.slice)

    def _again(self, done: Slice) -> Slice:
        """Return the beginning of a slice's next round."""
        if done.skipped:
            return replace(done, pages=0, done=False, skipped=False)
        since = datetime.date.fromisoformat(done.began) - self._overlap if done.began else None
        return Slice(since=since.isoformat() if since else done.since)

    def _save(self) -> None:
        document = {"slices": {name: asdict(entry) for name, entry in self._sure.items()}, "open": list(map(asdict, self._open))}
        self._objects.put_json(self._key, document)


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
