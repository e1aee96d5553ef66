"""Segments: what a server noted, in objects that are written once, until a fold takes them into the catalog.

::

    segments/<endpoint>/key                                   signs prediction ids
    segments/<endpoint>/<writer>/00000007.jsonl               records
    segments/<endpoint>/<writer>/pictures/00000007/<sha256>   pictures that they name

The first line of a segment says what follows: format, endpoint, writer, number, the sequence number of the first record, how
many there are, the digest of the lines, how many records the writer had lost since the segment before, and whether it is the
writer's last. Each further line is a record, with a ``kind``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from perennial.catalog.digests import digest_of_bytes
from perennial.errors import CatalogError

FOLDER = "segments"
FORMAT = 1
PICTURES = "pictures"
_SUFFIX = ".jsonl"


class Head(BaseModel):
    """A segment's first line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    endpoint: str
    writer: str
    number: int = Field(ge=0)
    first: int = Field(ge=0)
    count: int = Field(ge=0)
    lost: int = Field(0, ge=0)
    closed: bool = False
    digest: str


@dataclass(frozen=True, slots=True)
class Segment:
    """What one object holds; ``last`` says that its writer wrote no more after it, ``lost`` what it could not write before."""

    endpoint: str
    writer: str
    number: int
    first: int
    records: Sequence[dict[str, Any]] = ()
    lost: int = 0
    last: bool = False

    @property
    def key(self) -> str:
        """Where it lies in the store."""
        return f"{FOLDER}/{self.endpoint}/{self.writer}/{self.number:08d}{_SUFFIX}"

    def picture(self, sha256: str) -> str:
        """Return where a picture that a record names lies until it is folded."""
        return f"{pictures_of(self.endpoint, self.writer)}/{self.number:08d}/{sha256}"


def key_of_ids(endpoint: str) -> str:
    """Return the object that holds the key of an endpoint's prediction ids."""
    return f"{FOLDER}/{endpoint}/key"


def pictures_of(endpoint: str, writer: str) -> str:
    """Return the prefix of a writer's pictures."""
    return f"{FOLDER}/{endpoint}/{writer}/{PICTURES}"


def is_segment(key: str) -> bool:
    """Return whether a key under ``segments/`` is a segment's, by its shape."""
    return key.count("/") == 3 and key.endswith(_SUFFIX)


def line(record: dict[str, Any]) -> bytes:
    """Return a record as a segment's line; what JSON has no word for is written as its text.

    Raises:
        ValueError: a number is no number.
    """
    return json.dumps(record, separators=(",", ":"), allow_nan=False, default=str).encode() + b"\n"


def encode(segment: Segment, lines: Sequence[bytes] = ()) -> bytes:
    """Return the bytes of a segment with these lines as its records."""
    body = b"".join(lines)
    head = Head(
        endpoint=segment.endpoint,
        writer=segment.writer,
        number=segment.number,
        first=segment.first,
        count=len(lines),
        lost=segment.lost,
        closed=segment.last,
        digest=digest_of_bytes(body),
    )
    return head.model_dump_json().encode() + b"\n" + body


def decode(key: str, data: bytes) -> Segment | None:
    """Return the segment that lies under ``key``; None where it is of a newer format, which a newer version will read.

    Raises:
        CatalogError: it is cut off, changed, or no segment; the text says what is wrong.
    """
    first, _, body = data.partition(b"\n")
    try:
        document = json.loads(first)
        if isinstance(document, dict) and isinstance(document.get("format"), int) and document["format"] > FORMAT:
            return None
        head = Head.model_validate(document)
    except (ValueError, RecursionError, ValidationError):
        raise CatalogError(f"{key} is no segment: its first line doesn't say what follows.") from None
    segment = Segment(head.endpoint, head.writer, head.number, head.first, lost=head.lost, last=head.closed)
    if segment.key != key:
        raise CatalogError(f"{key} says that it is {segment.key}: it was moved or copied.")
    if digest_of_bytes(body) != head.digest:
        raise CatalogError(f"{key} is cut off or was changed: its {len(body)} bytes aren't those that were written.")
    try:
        records = [json.loads(line) for line in body.splitlines()]
    except (ValueError, RecursionError):
        records = []
    if len(records) != head.count or not all(isinstance(record, dict) for record in records):
        raise CatalogError(f"{key} doesn't hold the {head.count} records that its first line promises.")
    return Segment(head.endpoint, head.writer, head.number, head.first, tuple(records), head.lost, head.closed)
