"""The rows of the catalog."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Origin = Literal["source", "review", "feedback"]
Status = Literal["open", "held", "rejected"]


@dataclass(frozen=True, slots=True)
class Image:
    """One normalised picture; ``id`` is the sha256 of its JPEG, ``post`` is ``source/post-id``.

    ``hash`` is its perceptual hash; None where the catalog is to compute it.
    """

    id: str
    source: str
    post: str
    url: str
    published: datetime.date
    title: str
    place: str
    kind: str
    metadata: Mapping[str, str] = field(hash=False)
    width: int
    height: int
    licence: str = ""
    credit: str = ""
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """One statement about an image's class in a task; ``cls`` None takes the label away.

    ``at`` of a source's label is the day the image was published, so that digests don't depend on the clock.
    """

    image: str
    task: str
    cls: str | None
    origin: Origin
    who: str
    at: datetime.date


@dataclass(frozen=True, slots=True)
class Unknown:
    """An image that a task's rule couldn't label: the value that it doesn't know, empty where nothing was said.

    ``rule`` is the digest of the rule.
    """

    image: str
    value: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """The events that were appended at once; ``id`` is their digest, ``reason`` says why it is held or was settled.

    ``origin`` is "feedback" where people said all of them, in feedback or in review.
    """

    id: str
    task: str
    images: int
    first: datetime.date
    last: datetime.date
    status: Status = "open"
    reason: str = ""
    events: int = 0
    origin: Origin = "source"
