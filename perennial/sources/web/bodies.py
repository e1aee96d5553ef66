"""Bodies: read in bounded steps, unpacked in bounded steps, and looked at before anyone believes what they are."""

import time
import zlib
from collections.abc import Iterable, Iterator
from typing import Literal

from perennial.sources.posts import Gone
from perennial.sources.web.limits import Limits
from perennial.sources.web.trouble import Passing

Expected = Literal["html", "json", "xml", "image", "any"]
STEP = 64 * 1024
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class WrongKind(Gone):
    """A body that isn't what was expected."""


def read(pieces: Iterable[bytes], coding: str, *, name: str, max_bytes: int, limits: Limits, cut: bool = False) -> bytes:
    """Return the body that ``pieces`` make, unpacked.

    Args:
        coding: the answer's Content-Encoding.
        name: what the body is called in messages.
        max_bytes: of the body as it is sent, and as it is unpacked.
        cut: take the first ``max_bytes`` of a longer one instead of refusing it.

    Raises:
        Gone: the body has more bytes, or is packed with anything but gzip.
        Passing: it comes too slowly, or is cut off.
    """
    paced = _paced(pieces, name, limits)
    if coding in ("", "identity"):
        parts: Iterator[bytes] = paced
    elif coding in ("gzip", "x-gzip"):
        parts = unpacked(_capped(paced, name, max_bytes, cut), name)
    else:
        raise Gone(f"{name} is packed with '{coding[:40]}', which wasn't asked for. It isn't taken in.")
    return b"".join(_capped(parts, name, max_bytes, cut))


def unpacked(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield what gzipped ``pieces`` hold, at most STEP bytes at a time; what follows the end is left aside.

    Raises:
        Passing: it is damaged or cut off.
    """
    packed = zlib.decompressobj(16 + zlib.MAX_WBITS)
    for piece in pieces:
        rest = piece
        while rest and not packed.eof:
            try:
                step = packed.decompress(rest, STEP)
            except zlib.error as error:
                raise Passing(f"{name} is damaged: {error}. Try again later.") from None
            rest = packed.unconsumed_tail
            if step:
                yield step
        if packed.eof:
            return
    raise Passing(f"{name} is cut off: its gzip data ends early. Try again later.")


def inflated(body: bytes, *, name: str, max_bytes: int) -> bytes:
    """Return what a gzip file holds.

    Raises:
        Gone: more than ``max_bytes``.
        Passing: it is damaged.
    """
    return b"".join(_capped(unpacked([body], name), name, max_bytes, cut=False))


def check_kind(body: bytes, expected: Expected, name: str) -> None:
    """Do nothing where a body may be what was expected, by its first bytes and whatever its headers say.

    Raises:
        WrongKind: it is something else.
    """
    seen = kind_of(body)
    fits = {
        "html": seen in ("html", "xml"),
        "xml": seen == "xml",
        "json": seen == "json",
        "image": seen == "binary",
        "any": True,
    }
    if not fits[expected]:
        said = {"html": "a web page", "xml": "XML", "json": "JSON", "text": "text", "empty": "empty", "binary": "no text"}[seen]
        wanted = {"html": "a web page", "xml": "XML", "json": "JSON", "image": "a picture", "any": ""}[expected]
        raise WrongKind(f"{name} is {said} where {wanted} was expected. It isn't taken in.")


def kind_of(body: bytes) -> Literal["html", "xml", "json", "text", "binary", "empty"]:
    """Return what a body begins like."""
    start = body[:1024].removeprefix(_BOM).lstrip().lower()
    if not start:
        return "empty"
    if start.startswith(b"<"):
        return "html" if b"<html" in start or start.startswith(b"<!doctype html") else "xml"
    if start[:1] in (b"{", b"["):
        return "json"
    return "binary" if any(byte < 32 and byte not in b"\t\r\n\x0c" for byte in start) else "text"


def is_gzip(body: bytes) -> bool:
    """Say whether a body is a gzip file, as sitemaps are."""
    return body.startswith(_GZIP)


def _capped(pieces: Iterable[bytes], name: str, max_bytes: int, cut: bool) -> Iterator[bytes]:
    left = max_bytes
    for piece in pieces:
        if len(piece) > left:
            if not cut:
                raise Gone(f"{name} has more than {max_bytes:,} bytes. It isn't taken in.")
            yield piece[:left]
            return
        left -= len(piece)
        yield piece


def _paced(pieces: Iterable[bytes], name: str, limits: Limits) -> Iterator[bytes]:
    began, size = time.monotonic(), 0
    for piece in pieces:
        size += len(piece)
        took = time.monotonic() - began
        if took > limits.grace_s and size < limits.slowest * took:
            raise Passing(f"{name} comes too slowly: {size:,} bytes in {took:.0f} s. Try again later.")
        if took > limits.deadline_s:
            raise Passing(f"{name} takes longer than {limits.deadline_s:.0f} s. Try again later.")
        yield piece
