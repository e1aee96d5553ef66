"""Take in what is new at a task's sources."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count

from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.quarantine import quarantine
from perennial.catalog.rows import Image
from perennial.errors import ImageRejected, SourceError
from perennial.sources.images import normalise
from perennial.sources.inbox.source import take_in
from perennial.sources.posts import Gone, ImageRef, Post, Source
from perennial.sources.state import State
from perennial.task import ArchDailySource as ArchDailySpec
from perennial.task import DemoSource as DemoSpec
from perennial.task import FolderSource as FolderSpec
from perennial.task import InboxSource as InboxSpec
from perennial.task import Task

CHUNK = 64
"""Posts after which rows are written and remembered; a killed run reads at most these again."""

Progress = Callable[[int, int], None]


def _silent(done: int, total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Scraped:
    """What a run took: new posts, new images, images refused, and posts that were known before."""

    posts: int = 0
    images: int = 0
    quarantined: int = 0
    known: int = 0

    def __add__(self, other: "Scraped") -> "Scraped":
        return Scraped(
            self.posts + other.posts,
            self.images + other.images,
            self.quarantined + other.quarantined,
            self.known + other.known,
        )


@dataclass(frozen=True)
class _Taken:
    """One post with its images, and what was refused of it: name, bytes if any, reason."""

    post: Post
    images: tuple[tuple[Image, bytes], ...]
    refused: list[tuple[str, bytes | None, str]] = field(default_factory=list)


def scrape(task: Task, catalog: Catalog, *, progress: Progress = _silent) -> Scraped:
    """Read what is new at each source of a task into the catalog; a run that was killed goes on where it stopped.

    An image that can't be taken is put into quarantine with its reason, and the run goes on. ``progress`` gets the posts
    done and the posts listed so far, of one source after the other.

    Raises:
        SourceError: a source can't be read; what was read before is kept.
    """
    found = Scraped()
    for spec in task.sources:
        if isinstance(spec, InboxSpec):
            took = take_in(spec, catalog, progress)
            found += Scraped(posts=took.taken + took.amended, images=took.new, quarantined=took.refused)
            continue
        source = open_source(spec, alone=len(task.sources) == 1)
        try:
            found += _scrape(task, catalog, source, progress)
        finally:
            source.close()
    return found


def open_source(spec: ArchDailySpec | DemoSpec | FolderSpec, *, alone: bool = True) -> Source:
    """Return the source that a task names; ``alone`` says that it is the task's only one.

    Raises:
        SourceError: the source is off until its operator states permission, or has no address.
    """
    if isinstance(spec, ArchDailySpec):
        if not spec.permission.strip():
            raise SourceError(
                f"The source {spec.base_url} is off: its terms forbid scraping without written permission. "
                "Once you have it, write who gave it and when as the source's 'permission' in the task file."
            )
        from perennial.sources.archdaily import ArchDailySource

        return ArchDailySource(spec.base_url, images_per_post=spec.images_per_post, overlap_days=spec.overlap_days)
    if isinstance(spec, DemoSpec):
        from perennial.sources.demo import DemoSource

        return DemoSource(spec.base_url, images_per_post=spec.images_per_post, overlap_days=spec.overlap_days)
    from perennial.sources.folder import FolderSource

    return FolderSource(spec.path, alone=alone)


def _scrape(task: Task, catalog: Catalog, source: Source, progress: Progress) -> Scraped:
    state = State(catalog.objects, task.name, source.key)
    known = state.load()
    found = Scraped(known=len(known.posts))
    for chunk in _chunks(_taken(source, source.posts(known), progress)):
        found += _write(catalog, source, chunk)
        state.remember([taken.post for taken in chunk])
    state.complete()
    return found


def _taken(source: Source, posts: Iterator[Post], progress: Progress) -> Iterator[_Taken]:
    """Read posts beside one another and yield them in their order."""
    pending: deque[Future[_Taken]] = deque()
    done = count(1)
    listed = 0
    with ThreadPoolExecutor(source.workers, thread_name_prefix="scrape") as pool:
        try:
            for post in posts:
                pending.append(pool.submit(_take, source, post))
                listed += 1
                while len(pending) > CHUNK or (pending and pending[0].done()):
                    yield pending.popleft().result()
                    progress(next(done), listed)
            while pending:
                yield pending.popleft().result()
                progress(next(done), listed)
        finally:
            for future in pending:
                future.cancel()


def _chunks(items: Iterable[_Taken]) -> Iterator[list[_Taken]]:
    """Group into chunks; where the source fails, what came before it is a chunk of its own."""
    chunk: list[_Taken] = []
    try:
        for item in items:
            chunk.append(item)
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
    except SourceError:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def _take(source: Source, post: Post) -> _Taken:
    """Read one post and its images."""
    try:
        whole = source.complete(post)
    except Gone as error:
        return _Taken(post, (), [(post.id, None, str(error))])
    images, refused = [], []
    for reference in whole.images:
        data: bytes | None = None
        try:
            data = source.read(reference)
            images.append(_image(source, whole, reference, data))
        except (ImageRejected, Gone) as error:
            refused.append((source.address(reference), data, str(error)))
    return _Taken(whole, tuple(images), refused)


def _image(source: Source, post: Post, reference: ImageRef, data: bytes) -> tuple[Image, bytes]:
    plain = normalise(data)
    caption = {"caption": reference.caption} if reference.caption else {}
    image = Image(
        id=digest_of_bytes(plain.jpeg),
        source=source.name,
        post=f"{source.name}/{post.id}",
        url=source.address(reference),
        published=post.published,
        title=post.title,
        place=post.metadata.get("place", ""),
        kind=reference.kind,
        metadata={**post.metadata, **caption},
        width=plain.width,
        height=plain.height,
        credit=post.metadata.get("photographer", ""),
    )
    return image, plain.jpeg


def _write(catalog: Catalog, source: Source, chunk: list[_Taken]) -> Scraped:
    """Write a chunk's rows and refusals."""
    for taken in chunk:
        for name, data, reason in taken.refused:
            quarantine(catalog.objects, source.name, name, data, reason)
    images = [image for taken in chunk for image in taken.images]
    return Scraped(
        posts=len(chunk),
        images=catalog.add_images(images) if images else 0,
        quarantined=sum(len(taken.refused) for taken in chunk),
    )
