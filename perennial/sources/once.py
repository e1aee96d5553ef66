"""Each image of a source once, however many posts show it and however often runs are killed."""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from perennial.catalog.catalog import Catalog
from perennial.catalog.near_duplicates import perceptual_hash
from perennial.catalog.quarantine import quarantine
from perennial.errors import ImageRejected
from perennial.sources.fetched import Fetched, Taken
from perennial.sources.images import normalise
from perennial.sources.posts import Gone, ImageRef, Post, Source
from perennial.sources.state import State
from perennial.sources.text import plain, plain_id


class Images:
    """A source's images: each is asked for once, whichever posts show it, and however often runs are killed.

    Its pixels go into the store as soon as they are normalised, and a record of it right after. What a kill can still cost is an
    answer that was on its way, or was being normalised: at most one image for each of the source's workers is asked for again.
    """

    def __init__(self, source: Source, catalog: Catalog, state: State, pool: ThreadPoolExecutor) -> None:
        self._source, self._catalog, self._state, self._pool = source, catalog, state, pool
        self._open: dict[str, Future[Fetched]] = {}
        for record in state.leftover():
            self._open[record.image] = Future()
            self._open[record.image].set_result(record)

    def ask(self, posts: Sequence[Post]) -> list[tuple[Future[Fetched] | None, ...]]:
        """Start to fetch what isn't known of these posts' images; None stands for one that is."""
        names = [[self._name(reference) for reference in post.images] for post in posts]
        unseen = {name for several in names for name in several if name not in self._open}
        known = self._state.fetched(unseen) if unseen else set()
        return [
            tuple(
                None if name in known else self._future(name, reference)
                for name, reference in zip(several, post.images, strict=True)
            )
            for several, post in zip(names, posts, strict=True)
        ]

    def news(self, chunk: Sequence[Taken]) -> list[Fetched]:
        """Return what became of a chunk's images, as far as the tables don't hold it."""
        found = {one.image: one for taken in chunk for _, one in taken.images if one is not None and one.image in self._open}
        return list(found.values())

    def settle(self, fetched: Iterable[Fetched]) -> None:
        """Forget images that the tables hold."""
        for one in fetched:
            self._open.pop(one.image, None)

    def _future(self, name: str, reference: ImageRef) -> Future[Fetched]:
        future = self._open.get(name)
        if future is None or (future.done() and future.exception()):
            future = self._open[name] = self._pool.submit(self._fetch, name, reference)
        return future

    def _name(self, reference: ImageRef) -> str:
        return plain_id(reference.id or self._source.address(reference))

    def _fetch(self, name: str, reference: ImageRef) -> Fetched:
        data: bytes | None = None
        now = int(time.time())
        try:
            data = self._source.read(reference)
            normal = normalise(data)
        except (ImageRejected, Gone) as error:
            reason = plain(str(error))
            quarantine(self._catalog.objects, self._source.name, plain(self._source.address(reference)), data, reason)
            fetched = Fetched(name, "gone" if isinstance(error, Gone) else "refused", now, reason=reason)
        else:
            about = {name: value for name, value in vars(normal).items() if name != "jpeg"}
            about["hash"] = perceptual_hash(normal.jpeg)
            fetched = Fetched(name, "taken", now, self._catalog.store_pixels(normal.jpeg), about)
        self._state.journal.note(fetched)
        return fetched
