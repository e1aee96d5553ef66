"""What a run took, source by source, and in one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["done", "paused", "off", "failed"]


@dataclass(frozen=True, slots=True)
class SourceRun:
    """What a run took from one source: new posts and images, images and posts refused, and posts that were known before.

    ``failed`` posts couldn't be read and are left to the next run; ``sentence`` says how the run ended, ``notes`` what else its
    operator should know, such as that fields aren't found any more.
    """

    source: str
    key: str = ""
    posts: int = 0
    images: int = 0
    quarantined: int = 0
    known: int = 0
    failed: int = 0
    status: Status = "done"
    sentence: str = ""
    notes: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """What a user should know beyond the counts; "" where all went well."""
        return "; ".join(sentence for sentence in (self._ending, *self.notes) if sentence)

    @property
    def _ending(self) -> str:
        if self.status == "off":
            return f"{self.source} is off"
        if self.status != "done":
            return f"{self.source} {self.status}: {self.sentence}"
        tried = "1 post" if self.failed == 1 else f"{self.failed} posts"
        return f"{tried} of {self.source} left to the next run: {self.sentence}" if self.failed else ""


@dataclass(frozen=True)
class Scraped:
    """What a run took from all of a task's sources."""

    posts: int = 0
    images: int = 0
    quarantined: int = 0
    known: int = 0
    sources: tuple[SourceRun, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, sources: Sequence[SourceRun]) -> "Scraped":
        """Add up what the sources gave."""
        return cls(
            posts=sum(source.posts for source in sources),
            images=sum(source.images for source in sources),
            quarantined=sum(source.quarantined for source in sources),
            known=sum(source.known for source in sources),
            sources=tuple(sources),
        )

    @property
    def sentence(self) -> str:
        """The run in one sentence, with what went wrong at which source."""
        counts = f"{self.posts} new posts, {self.images} new images, {self.quarantined} quarantined"
        return "; ".join([counts, *(source.told for source in self.sources if source.told)])
