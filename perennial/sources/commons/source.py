"""The source: items by country and class from Wikidata, their files from Commons."""

import datetime
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode, urlsplit

from perennial.catalog.digests import digest_of
from perennial.catalog.objects import Objects
from perennial.errors import ImageRejected, SourceError
from perennial.sources.commons.files import File, read_files
from perennial.sources.commons.probe import probe
from perennial.sources.commons.query import Facts, Listed, facts_query, listing_query, read_facts, read_listing
from perennial.sources.commons.rounds import Rounds, Slice, slices
from perennial.sources.images import MAX_BYTES
from perennial.sources.posts import ImageRef, Known, Paused, Post, RefusedRef, source_key
from perennial.sources.probe import Finding
from perennial.sources.web import Fetcher, Limits, Manners, contact_or_stop
from perennial.task import CommonsSource as Spec

PAGE = 50
"""Items listed at once: as many as Commons describes in one request."""

GIVE_UP = 3
"""Queries in a row that fail before the service counts as away."""

DELAY_S = 1.0
FILES_DELAY_S = 0.3
LOOPBACK = ("127.0.0.1", "::1", "localhost")
SERVICES = Limits(silence_s=75.0, deadline_s=90.0, attempts=2)
"""The query service is silent for up to 60 s while it works, and works as long on the same query again."""

UNDATED = datetime.date.min
"""The date of an item none of whose files can be had."""

ANSWER_BYTES = 10 * 1024 * 1024


class CommonsSource:
    """Buildings with photographs; one post an item of Wikidata, dated the day its newest picture was uploaded.

    A run takes up to ``images_per_run`` images, at most ``images_per_country`` of one country, and goes on the next time where it
    stopped. The two services are asked one thing at a time, files are fetched two at once.
    """

    name = "commons"
    workers = 2
    parser = 1

    def __init__(self, spec: Spec, objects: Objects, *, contact: str) -> None:
        """Read what ``spec`` chooses; ``contact`` is told to both services, as their rules ask.

        Raises:
            SourceError: there is no contact.
        """
        who = contact_or_stop(contact, self.name)
        self._spec = spec
        chosen = (spec.query_url, spec.api_url)
        self.key = source_key(self.name, *chosen)  # an item is the same whatever else a task chooses
        self._rounds = Rounds(objects, self.key, slices(spec.countries, spec.kinds), spec.overlap_days)
        hosts = [urlsplit(url).netloc for url in chosen]
        here = all(urlsplit(url).hostname in LOOPBACK for url in chosen)
        asking = Manners(who, 0.0 if here else DELAY_S, None, robots=False)
        fetching = Manners(who, 0.0 if here else FILES_DELAY_S, None)
        self._services = Fetcher(objects, asking, allowed=hosts, connections=1, limits=SERVICES)
        self._files = Fetcher(objects, fetching, allowed=hosts, connections=self.workers)

    def posts(self, known: Known) -> Iterator[Post]:
        """Yield items that aren't known, whole, a slice's page at a time; an image under a licence that isn't free is refused.

        Raises:
            Paused: a service asks to wait for longer than a run does.
            SourceError: a service is away, or answers in another shape.
        """
        self._rounds.begin(known)
        taken: Counter[str] = Counter()
        seen = set[str]()
        failing: list[str] = []
        for _ in range(self._spec.queries_per_run):
            name = self._rounds.next(self._open(taken))
            if name is None:
                break
            country = name.partition("/")[0]
            try:
                whole = self._page(name, self._left(taken, country), known, seen)
            except Paused:
                raise
            except SourceError:
                failing.append(name)
                if len(failing) == GIVE_UP:
                    raise
                self._rounds.leave(name)
                continue
            while failing:
                self._rounds.skip(failing.pop())
            taken[country] += sum(not isinstance(image, RefusedRef) for post in whole for image in post.images)
            yield from whole

    def complete(self, post: Post) -> Post:
        """Return the post as it is."""
        return post

    def read(self, image: ImageRef) -> bytes:
        """Return the thumbnail's bytes.

        Raises:
            Gone: it isn't there any more.
            ImageRejected: its licence isn't free, or it is no photograph.
            SourceError: Commons is away.
        """
        if isinstance(image, RefusedRef):
            raise ImageRejected(image.reason)
        return self._files.get(image.location, max_bytes=MAX_BYTES, expect="image")

    def address(self, image: ImageRef) -> str:
        """Return the file's page on Commons, which names its author and licence."""
        return image.id.partition("#")[0]

    def close(self) -> None:
        """Close the connections."""
        self._services.close()
        self._files.close()

    def probe(self) -> list[Finding]:
        """Look at one list of items, and at what both services say of them; nothing is remembered.

        Raises:
            SourceError: a service is away, or answers in another shape.
        """
        return probe(self, slices(self._spec.countries, self._spec.kinds), self._spec.images_per_country)

    def listing(self, name: str, limit: int, at: Slice) -> list[Listed]:
        """Ask the query service for the next items of a slice such as "PT/Q16970"."""
        country, kind = name.split("/")
        return read_listing(self._select(listing_query(country, kind, after=at.after, since=at.since, limit=limit)))

    def facts(self, items: Sequence[Listed]) -> dict[int, Facts]:
        """Ask the query service what is said of items, by their numbers."""
        return read_facts(self._select(facts_query([item.number for item in items])))

    def files(self, items: Sequence[Listed]) -> dict[str, File]:
        """Ask Commons about the files of items, by their titles."""
        titles = [title for item in items for title in self._chosen(item)]
        return read_files(self._get, self._spec.api_url, titles, self._spec.width)

    def post(self, item: Listed, facts: Facts, files: Mapping[str, File]) -> Post:
        """Return an item as a post."""
        return self._post(item, facts, [files[title] for title in self._chosen(item)])

    def _page(self, name: str, limit: int, known: Known, seen: set[str]) -> list[Post]:
        """Return what is new on a slice's next page of at most ``limit`` items."""
        listed = self.listing(name, limit, self._rounds.at(name))
        items = {f"Q{item.number}": item for item in listed if item.files and f"Q{item.number}" not in seen}
        stubs = [_stub(id, self._chosen(item)) for id, item in items.items()]
        fresh = [items[post.id] for post in known.fresh(stubs)]
        whole = self._whole(fresh) if fresh else []
        seen.update(items)
        self._rounds.listed(name, stubs, last=listed[-1].number if listed else 0, done=len(listed) < limit)
        return whole

    def _whole(self, items: Sequence[Listed]) -> list[Post]:
        """Ask both services about items, and return them as posts."""
        facts, files = self.facts(items), self.files(items)
        return [self.post(item, facts.get(item.number, Facts()), files) for item in items]

    def _chosen(self, item: Listed) -> tuple[str, ...]:
        return item.files[: self._spec.images_per_post]

    def _post(self, item: Listed, facts: Facts, files: Sequence[File]) -> Post:
        names = [name for number, name in self._spec.kinds.items() if number in facts.types]
        metadata = {
            "place": _place(facts),
            "country": ", ".join(sorted(facts.countries)),
            "type": ", ".join(names),
            "instance_of": ", ".join(sorted(name for name in facts.types.values() if name)),
            "style": ", ".join(sorted(facts.styles)),
            "architect": ", ".join(sorted(facts.architects)),
            "year": str(min(facts.years)) if facts.years else "",
        }
        dates = [file.uploaded for file in files if file.uploaded]
        return replace(
            _stub(f"Q{item.number}", self._chosen(item)),
            published=max(dates, default=UNDATED),
            title=facts.label or files[0].title.removeprefix("File:").rpartition(".")[0],
            metadata={name: text for name, text in metadata.items() if text},
            images=tuple(map(_reference, files)),
        )

    def _select(self, query: str) -> bytes:
        return self._get(f"{self._spec.query_url}?{urlencode({'query': query, 'format': 'json'})}")

    def _get(self, url: str) -> bytes:
        return self._services.get(url, max_bytes=ANSWER_BYTES)

    def _open(self, taken: Counter[str]) -> set[str]:
        """Return the countries of which this run may take more."""
        if taken.total() >= self._spec.images_per_run:
            return set()
        return {country for country in self._spec.countries if taken[country] < self._spec.images_per_country}

    def _left(self, taken: Counter[str], country: str) -> int:
        """Return how many items to list at once."""
        images = min(self._spec.images_per_run - taken.total(), self._spec.images_per_country - taken[country])
        return max(1, min(PAGE, images // self._spec.images_per_post))


def _stub(id: str, files: Sequence[str]) -> Post:
    return Post(id, f"https://www.wikidata.org/wiki/{id}", UNDATED, "", mark=_mark(files))


def _mark(files: Sequence[str]) -> str:
    return digest_of(list(files))[:16]


def _place(facts: Facts) -> str:
    """Return "City, Country"; of a building that several countries hold or claim, all of them."""
    country = " / ".join(sorted(set(facts.countries.values())))
    city = min(facts.cities - set(facts.countries.values()), default="")
    return ", ".join(part for part in (city, country) if part)


def _reference(file: File) -> ImageRef:
    if file.refused:
        return RefusedRef(file.page, id=f"{file.page}#{digest_of(file.refused)[:12]}", reason=file.refused)
    kind = "drawing" if file.mime == "image/svg+xml" else "photo"
    return ImageRef(file.location, kind, file.caption, f"{file.page}#{file.sha1}", file.licence, file.credit)
