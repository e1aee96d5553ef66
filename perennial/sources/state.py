"""What was taken from a source before, so that nothing is fetched twice and a killed run goes on where it stopped.

``sources/<task>/<key>.json`` is what runs up to the last complete one took; each chunk of an unfinished run is an object
of its own beside it, so that remembering a chunk costs what is new.
"""

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any

from perennial.catalog.digests import canonical, digest_of
from perennial.catalog.objects import Objects
from perennial.sources.posts import Known, Post


class State:
    """One source's state under one task."""

    def __init__(self, objects: Objects, task: str, key: str) -> None:
        self._objects = objects
        self._key = f"sources/{task}/{key}.json"
        self._parts = f"sources/{task}/{key}"

    def load(self) -> Known:
        """Return what is known, chunks of an unfinished run among it."""
        document: Any = self._objects.get_json(self._key) if self._objects.exists(self._key) else _EMPTY
        posts: dict[str, str] = dict(document["posts"])
        for name in self._objects.keys(self._parts):
            posts |= self._objects.get_json(name)["posts"]
        return Known(posts, _date(document["watermark"]))

    def remember(self, posts: Sequence[Post]) -> None:
        """Remember posts whose images lie in the catalog."""
        newest = max(post.published for post in posts).isoformat()
        document = {"posts": {post.id: post.mark for post in posts}, "newest": newest}
        self._objects.create_json(f"{self._parts}/{digest_of(document)[:20]}.json", document)

    def complete(self) -> None:
        """Fold the chunks into one object and move the watermark to the newest post: the listing was read to its end."""
        names = list(self._objects.keys(self._parts))
        if not names:
            return
        parts = [self._objects.get_json(name) for name in names]
        self._objects.update(self._key, lambda old: canonical(_folded(json.loads(old) if old else _EMPTY, parts)))
        for name in names:
            self._objects.delete(name)


_EMPTY: Mapping[str, Any] = {"posts": {}, "watermark": None}


def _folded(document: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    posts = dict(document["posts"])
    for part in parts:
        posts |= part["posts"]
    dates = [part["newest"] for part in parts] + [document["watermark"] or ""]
    return {"posts": posts, "watermark": max(dates)}


def _date(text: str | None) -> datetime.date | None:
    return datetime.date.fromisoformat(text) if text else None
