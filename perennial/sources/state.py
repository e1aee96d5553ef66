"""What was taken from a source before, so that nothing is fetched twice, whichever task asks for it.

Two Lance tables hold what every source gave: ``posts``, and ``fetched`` with what became of each image. ``sources/<key>.json``
says how far the last complete run came, and how the last one ended. A source's key is made of its type, its address and what is
chosen there, so tasks that share a source share all this.
"""

import datetime
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa

from perennial.catalog.digests import canonical
from perennial.catalog.objects import Objects
from perennial.catalog.tables import Layout, Table, among, key_field, quoted
from perennial.sources.fetched import Fetched, Journal, Taken
from perennial.sources.fill import Counts, added, alarm
from perennial.sources.posts import Known, Post
from perennial.sources.text import plain_id

DAY = datetime.timedelta(days=1)
GONE_DAYS = 30
"""Days after which what was gone is asked for again, if something still names it."""

KEPT_FAILING = 1_000
_AT = pa.timestamp("s", tz="UTC")
POSTS = Layout(
    pa.schema(
        [
            key_field("key"),
            pa.field("source", pa.string()),
            pa.field("post", pa.string()),
            pa.field("published", pa.date32()),
            pa.field("status", pa.string()),
            pa.field("parser", pa.int32()),
            pa.field("at", _AT),
            pa.field("images", pa.int32()),
        ]
    ),
    indexed=("key",),
)
FETCHED = Layout(
    pa.schema(
        [
            key_field("key"),
            pa.field("source", pa.string()),
            pa.field("image", pa.string()),
            pa.field("sha", pa.string()),
            pa.field("status", pa.string()),
            pa.field("reason", pa.string()),
            pa.field("at", _AT),
        ]
    ),
    indexed=("key",),
)


class State:
    """One source's state; who changes it holds the lease ``sources/<key>``."""

    def __init__(self, objects: Objects, key: str, parser: int = 1) -> None:
        self.key = key
        self.journal = Journal(objects, key)
        self._objects = objects
        self._parser = parser
        self._posts = Table(objects, "posts", POSTS)
        self._fetched = Table(objects, "fetched", FETCHED)
        self._stale: dict[str, list[str]] = {"posts": [], "fetched": []}

    def known(self) -> Known:
        """Return the lookup of what is known.

        After a run that took something and was killed, only posts before the watermark's day count as seen: it may have left
        others of that very day.
        """
        document = self.document()
        watermark = document.get("watermark")
        day = datetime.date.fromisoformat(watermark) if watermark else None
        if day and document.get("unfinished"):
            day -= DAY
        if self.count() == 0:
            return Known(lambda posts: [False] * len(posts), day, empty=True)
        return Known(self._taken, day)

    def count(self) -> int:
        """Return how many posts are known, each version of a post by itself."""
        dataset = self._posts.view().dataset
        return dataset.count_rows(f"source = {quoted(self.key)}") if dataset is not None else 0

    def document(self) -> dict[str, Any]:
        """Return what ``sources/<key>.json`` says, {} where no run came that far: ``watermark``, ``last``, ``fill``."""
        key = _document(self.key)
        document: dict[str, Any] = self._objects.get_json(key) if self._objects.exists(key) else {}
        return document

    def fetched(self, images: Collection[str]) -> set[str]:
        """Return those of these images that needn't be asked for again."""
        return self._there(self._fetched, "fetched", [self._key(image) for image in images])

    def leftover(self) -> list[Fetched]:
        """Return what became of images that a run asked for before it was killed; what the tables hold already is struck."""
        records = self.journal.read()
        done = self.fetched([record.image for record in records])
        self.journal.strike([record.image for record in records if record.image in done])
        return [record for record in records if record.image not in done]

    def remember(self, chunk: Sequence[Taken], fetched: Sequence[Fetched]) -> None:
        """Remember posts whose images lie in the catalog; killed in between, a run does the rest again and asks no site."""
        newest = max(taken.post.published for taken in chunk).isoformat()
        document = self.document()
        if newest > (document.get("newest") or "") or not document.get("unfinished"):
            self._change(lambda old: {**old, "newest": max(newest, old.get("newest") or ""), "unfinished": True})
        self._replace(self._fetched, "fetched", [self._image_row(one) for one in fetched])
        self._replace(self._posts, "posts", [self._post_row(taken) for taken in chunk])
        self.journal.strike([one.image for one in fetched])

    def complete(self, failing: Mapping[str, str], oldest_failed: datetime.date | None) -> None:
        """Move the watermark to the newest post: the listing was read to its end.

        It never lies after today, whatever posts are dated, else those between today and then would be missed; nor after a post
        that couldn't be read and has another chance, nor on its day: ``failing`` says since when, by the posts' keys.
        """
        limits = [datetime.datetime.now(datetime.UTC).date(), *([oldest_failed - DAY] if oldest_failed else ())]

        def change(old: dict[str, Any]) -> dict[str, Any]:
            newest = max(old.get("newest") or "", old.get("watermark") or "")
            moved = {"watermark": min(newest, min(limits).isoformat())} if newest else {}
            return {**old, **moved, "unfinished": False, "failing": dict(list(failing.items())[:KEPT_FAILING])}

        self._change(change)
        if not failing:
            self.journal.strike([record.image for record in self.journal.read()])

    def filled(self, said: Counts, name: str) -> str:
        """Keep how many of a run's posts said what, and return the alarm that this calls for, or ""."""
        fill = added(self.document().get("fill"), said, parser=self._parser)
        self._change(lambda old: {**old, "fill": fill})
        return alarm(fill, name)

    def ended(self, last: Mapping[str, Any]) -> None:
        """Keep how a run ended."""
        self._change(lambda old: {**old, "last": dict(last), "parser": self._parser})

    def _taken(self, posts: Sequence[Post]) -> list[bool]:
        there = self._there(self._posts, "posts", [self._key(post.key) for post in posts])
        return [post.key in there for post in posts]

    def _there(self, table: Table, name: str, keys: Sequence[str]) -> set[str]:
        """Return those keys, without the source's, that the table holds.

        What was gone long ago is to be replaced, and so is a post in which an older parser found no image.
        """
        long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=GONE_DAYS)
        columns = ("key", "status", "at", "parser", "images") if table is self._posts else ("key", "status", "at")
        found = table.view().lookup("key", keys, columns).to_pylist()
        stale = {row["key"] for row in found if row["status"] == "gone" and row["at"] < long_ago}
        stale |= {
            row["key"] for row in found if row.get("images") == 0 and row["status"] == "taken" and row["parser"] < self._parser
        }
        self._stale[name] += stale
        return {row["key"].removeprefix(f"{self.key}/") for row in found if row["key"] not in stale}

    def _replace(self, table: Table, name: str, rows: Sequence[dict[str, Any]]) -> None:
        stale = sorted({row["key"] for row in rows} & set(self._stale[name]))
        if stale:
            table.delete(among("key", stale))
        if rows:
            table.insert(pa.Table.from_pylist(list({row["key"]: row for row in rows}.values()), schema=table.layout.schema))

    def _post_row(self, taken: Taken) -> dict[str, Any]:
        post = taken.post
        return {
            "key": self._key(post.key),
            "source": self.key,
            "post": plain_id(post.id),
            "published": post.published,
            "status": taken.status,
            "parser": self._parser,
            "at": datetime.datetime.now(datetime.UTC),
            "images": len(post.images),
        }

    def _image_row(self, one: Fetched) -> dict[str, Any]:
        at = datetime.datetime.fromtimestamp(one.at, datetime.UTC)
        about = {"image": one.image, "sha": one.sha, "status": one.status, "reason": one.reason, "at": at}
        return {"key": self._key(one.image), "source": self.key, **about}

    def _key(self, name: str) -> str:
        return f"{self.key}/{name}"

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._objects.update(_document(self.key), lambda old: canonical(change(json.loads(old) if old else {})))


def _document(key: str) -> str:
    return f"sources/{key}.json"
