"""What was taken from a source before, so that nothing is fetched twice, whichever task asks for it.

Two Lance tables hold what every source gave, ``posts`` and ``fetched``; ``sources/<key>.json`` says how far the last complete
run came. A source's key is made of its type, its address and what is chosen there, so tasks that share a source share this.
"""

import datetime
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from perennial.catalog.digests import canonical
from perennial.catalog.objects import Objects
from perennial.catalog.tables import Layout, Table, key_field, quoted
from perennial.sources.posts import Known, Post

POSTS = Layout(
    pa.schema(
        [
            key_field("key"),
            pa.field("source", pa.string()),
            pa.field("post", pa.string()),
            pa.field("published", pa.date32()),
            pa.field("status", pa.string()),
            pa.field("parser", pa.int32()),
            pa.field("at", pa.timestamp("s", tz="UTC")),
            pa.field("images", pa.int32()),
        ]
    ),
    indexed=("key",),
)


class State:
    """One source's state."""

    def __init__(self, objects: Objects, key: str, parser: int) -> None:
        self.key = key
        self._objects = objects
        self._parser = parser
        self._document = f"sources/{key}.json"
        self._posts = Table(objects, "posts", POSTS)

    def known(self) -> Known:
        """Return the lookup of what is known."""
        return Known(self._taken, _date(self._read().get("watermark")), empty=self.count() == 0)

    def count(self) -> int:
        """Return how many posts are known."""
        dataset = self._posts.view().dataset
        return dataset.count_rows(f"source = {quoted(self.key)}") if dataset is not None else 0

    def remember(self, posts: Sequence[Post]) -> None:
        """Remember posts whose images lie in the catalog."""
        now = datetime.datetime.now(datetime.UTC)
        rows = [
            {
                "key": self._key(post),
                "source": self.key,
                "post": post.id,
                "published": post.published,
                "status": "taken",
                "parser": self._parser,
                "at": now,
                "images": len(post.images),
            }
            for post in posts
        ]
        self._posts.insert(pa.Table.from_pylist(rows, schema=POSTS.schema))
        newest = max(post.published for post in posts).isoformat()
        self._change(lambda old: {**old, "newest": max(newest, old.get("newest") or "")})

    def complete(self) -> None:
        """Move the watermark to the newest post, or to today where that is dated later: the listing was read to its end."""
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        self._change(lambda old: {**old, "watermark": min(old["newest"], today)} if old.get("newest") else dict(old))

    def _taken(self, posts: Sequence[Post]) -> list[bool]:
        found = self._posts.view().lookup("key", [self._key(post) for post in posts], ("key",))
        there = set(found["key"].to_pylist())
        return [self._key(post) in there for post in posts]

    def _key(self, post: Post) -> str:
        return f"{self.key}/{post.id}#{post.mark}"

    def _read(self) -> dict[str, Any]:
        document: dict[str, Any] = self._objects.get_json(self._document) if self._objects.exists(self._document) else {}
        return document

    def _change(self, change: Any) -> None:
        self._objects.update(self._document, lambda old: canonical(change(json.loads(old) if old else {})))


def _date(text: str | None) -> datetime.date | None:
    return datetime.date.fromisoformat(text) if text else None
