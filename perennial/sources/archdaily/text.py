"""What a page says, made harmless: one line of plain text, bounded; addresses only of posts."""

import datetime
import re
import unicodedata
from urllib.parse import urljoin, urlsplit

from perennial.sources.markup import READ, text_of

MAX_TEXT = 300
"""Characters that a title, a name or a place may have; longer ones are cut."""

MAX_CAPTION = 1000
UNDATED = datetime.date.min
"""The date of a post that doesn't say when it was published, until its page does."""

_FIRST_YEAR = 1990
_POST_PATH = re.compile(r"/([0-9]{1,15})/[^/]+/?")
_NOWHERE = {"n/a", "none", "null", "unknown"}


def plain(value: object, limit: int = MAX_TEXT) -> str:
    """Return a value's text without markup, control characters and line breaks; "" for what is neither text nor number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return text_of(unicodedata.normalize("NFC", str(value)[:READ]), limit)


def names(value: object) -> str:
    """Return a list of names, or of objects with a name or title, as one text."""
    entries = value if isinstance(value, list) else [value]
    said = (plain(entry.get("name") or entry.get("title")) if isinstance(entry, dict) else plain(entry) for entry in entries[:50])
    return plain(", ".join(dict.fromkeys(name for name in said if name)))


def date(value: object) -> datetime.date | None:
    """Return the day of an ISO 8601 time; None where it says none, or one before the web."""
    text = plain(value)
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        found = datetime.date.fromisoformat(text[:10])
    except ValueError:
        return None
    return found if found.year >= _FIRST_YEAR else None


def year(value: object) -> str:
    """Return a year of four digits; "" for anything else."""
    text = plain(value)
    return text if re.fullmatch(r"[12][0-9]{3}", text) else ""


def place(value: object) -> str:
    """Return "City, Country" of a listing's "City, Country", a page's "City,Region,Country", or the country alone.

    A page's commas have no blank behind them, so that "Seoul,Seoul,Korea, Republic of" keeps its country's name. "" where
    nothing names a place.
    """
    text = plain(value)
    bare = [part.strip() for part in re.split(r",(?! )", text)]
    parts = [part.strip(" ,") for part in (bare if len(bare) > 1 else text.split(", "))]
    parts = [part for part in parts if part.casefold() not in _NOWHERE and any(map(str.isalpha, part))]
    if len(bare) > 1 and parts:
        parts = [parts[0], parts[-1]]
    return ", ".join(dict.fromkeys(parts))


def post_address(value: object, base: str) -> tuple[str, str] | None:
    """Return id and address of a post, /{number}/{slug} on the site at ``base``; None for any other address."""
    if not isinstance(value, str) or len(value) > 2000:
        return None
    try:
        url = urljoin(f"{base}/", value.strip())
    except ValueError:
        return None
    found = _POST_PATH.fullmatch(urlsplit(url).path) if same_site(url, base) else None
    return (found[1], url) if found else None


def same_site(url: str, base: str) -> bool:
    """Say whether an address lies on the site at ``base``, with or without its www."""
    try:
        there, home = urlsplit(url), urlsplit(base)
        same = (_host(there.hostname), there.port) == (_host(home.hostname), home.port)
    except ValueError:
        return False
    return same and there.scheme in ("http", "https")


def _host(name: str | None) -> str:
    return (name or "").removeprefix("www.")
