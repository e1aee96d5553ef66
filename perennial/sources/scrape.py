"""Take in what is new at a task's sources."""

import datetime
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict

from perennial.catalog.catalog import Catalog
from perennial.catalog.leases import Held, lease
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image
from perennial.catalog.tables import bound_cache
from perennial.errors import LeaseHeld, SourceError, SourceOff
from perennial.processes import give_memory_back, share_heaps
from perennial.settings import Settings
from perennial.sources.fetched import Fetched, Taken
from perennial.sources.fill import Counts, added_up, counts
from perennial.sources.inbox.source import InboxSource
from perennial.sources.once import Images
from perennial.sources.posts import ImageRef, Paused, Post, Source
from perennial.sources.reading import Reader, workers
from perennial.sources.scraped import Scraped, SourceRun, Status
from perennial.sources.state import State
from perennial.sources.text import plain, plain_id
from perennial.task import ArchDailySource as ArchDailySpec
from perennial.task import CommonsSource as CommonsSpec
from perennial.task import DemoSource as DemoSpec
from perennial.task import InboxSource as InboxSpec
from perennial.task import SourceSpec, Task
from perennial.task import TableSource as TableSpec

CHUNK = 512
CHUNK_S = 60.0
"""Posts, or seconds, after which rows are written; a killed run reads the pages of at most these posts again, no image."""

CACHE_MB = 16

TURN_S = 5.0
PATIENCE_S = 6 * 3600.0
"""Seconds that a run waits for another one that reads the same source."""

Progress = Callable[[int, int], None]
Say = Callable[[str], None]


def _silent(*_: object) -> None:
    """Show nothing."""


def scrape(
    task: Task, catalog: Catalog, settings: Settings | None = None, *, progress: Progress = _silent, say: Say = _silent
) -> Scraped:
    """Read what is new at each source of a task into the catalog; a run that was killed goes on where it stopped.

    An image that can't be taken is put into quarantine with its reason, a source that fails or is off is told of, and the run
    goes on.
    While another run reads a source, this one waits. ``progress`` gets the posts done and the posts listed so far, of one source
    after the other; ``say`` gets sentences.

    Raises:
        SourceError: none of the sources can be read; what was read before is kept.
        LeaseHeld: another run reads one of them, and didn't end for hours.
        LeaseLost: this run was taken for dead, and another one reads the source now.
    """
    share_heaps()
    bound_cache(CACHE_MB)
    settings = settings or Settings.load()
    runs = []
    for spec in task.sources:
        try:
            source = open_source(spec, catalog.objects, settings, alone=len(task.sources) == 1)
        except SourceError as error:
            status: Status = "off" if isinstance(error, SourceOff) else "failed"
            runs.append(SourceRun(spec.type, status=status, sentence=str(error)))
            continue
        try:
            if isinstance(source, InboxSource):
                runs.append(_take_in(source, catalog, progress))
            else:
                runs.append(scrape_source(source, catalog, progress=progress, say=say))
        finally:
            source.close()
    if all(run.status in ("failed", "off") for run in runs):
        raise SourceError(" ".join(dict.fromkeys(run.sentence for run in runs)))
    return Scraped.of(runs)


def open_source(spec: SourceSpec, objects: Objects, settings: Settings, *, alone: bool = True) -> Source:
    """Return the source that a task names; ``alone`` says that it is the task's only one.

    ``objects`` is the store that what it has to remember lies in, ``settings`` say who runs this.

    Raises:
        SourceError: the source is off until its operator states permission and a contact, or it has no address.
    """
    if isinstance(spec, ArchDailySpec):
        from perennial.sources.archdaily import open_archdaily

        return open_archdaily(spec, objects, settings)
    if isinstance(spec, DemoSpec):
        from perennial.sources.demo import DemoSource

        return DemoSource(spec.base_url, images_per_post=spec.images_per_post, overlap_days=spec.overlap_days)
    if isinstance(spec, CommonsSpec):
        from perennial.sources.commons import CommonsSource

        return CommonsSource(spec, objects, contact=settings.contact)
    if isinstance(spec, TableSpec):
        from perennial.sources.table import TableSource

        return TableSource(spec.path, objects, contact=settings.contact, allow_hosts=spec.allow_hosts)
    if isinstance(spec, InboxSpec):
        return InboxSource(spec, objects)
    from perennial.sources.folder import FolderSource

    return FolderSource(spec.path, alone=alone)


def _take_in(source: InboxSource, catalog: Catalog, progress: Progress) -> SourceRun:
    """Take in what lies in the inbox; what is taken is removed there, so that there is nothing to know from before."""
    took = source.take_in(catalog, progress)
    found = SourceRun(
        source.name,
        source.key,
        posts=took.taken + took.amended,
        images=took.new,
        quarantined=took.refused,
        notes=(plain(took.trouble),) if took.trouble else (),
    )
    State(catalog.objects, source.key, source.parser).ended({"at": _now(), **asdict(found)})
    return found


def scrape_source(source: Source, catalog: Catalog, *, progress: Progress = _silent, say: Say = _silent) -> SourceRun:
    """Read what is new at one source, once no other run reads it; :func:`scrape` says the rest."""
    with ExitStack() as stack:
        held = _turn(stack, catalog.objects, source, say)
        run = _Run(catalog, source, State(catalog.objects, source.key, source.parser), held)
        return run(progress)


def _turn(stack: ExitStack, objects: Objects, source: Source, say: Say) -> Held:
    """Take the source's lease, once no other run holds it."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return stack.enter_context(lease(objects, f"sources/{source.key}", wait_s=TURN_S))
        except LeaseHeld:
            if time.monotonic() > deadline:
                raise
            say(f"another run reads {source.name}; this one goes on when it ends")


class _Run:
    """One run over one source, whose lease is held."""

    def __init__(self, catalog: Catalog, source: Source, state: State, held: Held) -> None:
        self._catalog, self._source, self._state, self._held = catalog, source, state, held
        self._counts = Counter(posts=0, images=0, quarantined=0, known=state.count())
        self._said: Counts = counts(())

    def __call__(self, progress: Progress) -> SourceRun:
        """Read to the end, or as far as the source lets it, and keep how that went."""
        status: Status = "done"
        with workers(self._source) as pool:
            images = Images(self._source, self._catalog, self._state, pool)
            reader = Reader(self._source, self._catalog, images, pool, self._state.document().get("failing", {}))
            sentence = ""
            try:
                for chunk in _chunks(reader, self._source.posts(self._state.known()), progress):
                    self._commit(chunk, images)
                self._state.complete(reader.failing, reader.oldest_failed)
                if reader.failure is not None:
                    status, sentence = "done" if self._counts["posts"] else "failed", str(reader.failure)
            except Paused as pause:
                status, sentence = "paused", str(pause)
            except SourceError as error:
                status, sentence = "failed", str(error)
        told = [*getattr(self._source, "said", ()), self._state.filled(self._said, self._source.name)]
        found = SourceRun(
            self._source.name,
            self._source.key,
            posts=self._counts["posts"],
            images=self._counts["images"],
            quarantined=self._counts["quarantined"],
            known=self._counts["known"],
            failed=len(reader.failing),
            status=status,
            sentence=plain(sentence),
            notes=tuple(plain(note) for note in told if note),
        )
        self._state.ended({"at": _now(), **asdict(found)})
        return found

    def _commit(self, chunk: Sequence[Taken], images: Images) -> None:
        """Write a chunk's rows, then remember it: what a kill leaves undone here is done again, with the same outcome."""
        news = images.news(chunk)
        rows = [_row(self._source, taken.post, reference, one) for taken in chunk for reference, one in taken.rows()]
        self._held.check()
        self._counts["images"] += self._catalog.add_rows(rows) if rows else 0
        self._state.remember(chunk, news)
        images.settle(news)
        give_memory_back()
        self._counts["posts"] += sum(taken.status != "other" for taken in chunk)
        statuses = [*(one.status for one in news), *(taken.status for taken in chunk if taken.status != "other")]
        self._counts["quarantined"] += len(statuses) - statuses.count("taken")
        self._said = added_up(self._said, counts(taken.post for taken in chunk if taken.status == "taken"))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _chunks(reader: Reader, posts: Iterator[Post], progress: Progress) -> Iterator[list[Taken]]:
    """Group into chunks; where the source ends early, what came before it is a chunk of its own."""
    chunk: list[Taken] = []
    began = time.monotonic()
    try:
        for done, taken in enumerate(reader.read(posts), 1):
            progress(done, reader.listed)
            chunk += [taken] if taken is not None else []
            if len(chunk) == CHUNK or (chunk and time.monotonic() - began > CHUNK_S):
                yield chunk
                chunk, began = [], time.monotonic()
    except SourceError:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def _row(source: Source, post: Post, reference: ImageRef, fetched: Fetched) -> Image:
    """Return the row of an image.

    A post dated in the future is dated on the day when it is taken: one of 2099 would make everything learnt so far look old.
    """
    caption = {"caption": reference.caption} if reference.caption else {}
    return Image(
        id=fetched.sha,
        source=source.name,
        post=f"{source.name}/{plain_id(post.id)}",
        url=plain(source.address(reference)),
        published=min(post.published, datetime.datetime.fromtimestamp(fetched.at, datetime.UTC).date()),
        title=post.title,
        place=post.metadata.get("place", ""),
        kind=reference.kind,
        metadata={**post.metadata, **caption},
        licence=reference.licence,
        credit=reference.credit or post.metadata.get("photographer", ""),
        **fetched.about,
    )
