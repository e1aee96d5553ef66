"""The site's own list of all its pages: a gzipped index of gzipped lists."""

import datetime
import io
import zlib
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from perennial.sources.archdaily.listing import Reshaped
from perennial.sources.archdaily.text import date, plain

MAX_BYTES = 64 * 1024 * 1024
"""What a list may have unpacked; the sitemap protocol allows 50 MB and 50,000 addresses."""

MAX_ADDRESSES = 50_000
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Sitemap:
    """Addresses with the dates of their last change: of further lists in an index, of pages in a list."""

    lists: tuple[tuple[str, datetime.date | None], ...] = ()
    pages: tuple[tuple[str, datetime.date | None], ...] = ()


def parse_sitemap(data: bytes) -> Sitemap:
    """Read an index or a list, gzipped or not.

    Raises:
        Reshaped: it can't be unpacked, has more than 64 MiB, isn't a sitemap, or declares entities.
    """
    found: dict[str, list[tuple[str, datetime.date | None]]] = {"sitemap": [], "url": []}
    try:
        for _, element in iterparse(io.BytesIO(_unpacked(data)), forbid_dtd=True):
            entries = found.get(_name(element))
            if entries is None:
                continue
            location, changed = _entry(element)
            element.clear()
            if location and len(entries) < MAX_ADDRESSES:
                entries.append((location, changed))
    except (ParseError, DefusedXmlException, ValueError) as error:
        if isinstance(error, Reshaped):
            raise
        raise Reshaped("it isn't a sitemap's XML") from None
    if not found["sitemap"] and not found["url"]:
        raise Reshaped("it lists no address")
    return Sitemap(tuple(found["sitemap"]), tuple(found["url"]))


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(data, MAX_BYTES)
    except zlib.error:
        raise Reshaped("its gzip is damaged") from None
    if len(text) >= MAX_BYTES:
        raise Reshaped(f"it has more than {MAX_BYTES:,} bytes unpacked")
    if not unpacker.eof:
        raise Reshaped("its gzip is cut off")
    return text


def _entry(element: Element) -> tuple[str, datetime.date | None]:
    said = {_name(child): child.text for child in element}
    return plain(said.get("loc"), 2000), date(said.get("lastmod"))


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
