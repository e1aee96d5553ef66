"""What Wikimedia Commons says of files: where they lie, whose they are, and under which licence."""

import datetime
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from perennial.errors import ImageRejected, SourceError
from perennial.sources.commons.licences import terms
from perennial.sources.markup import text_of
from perennial.sources.posts import Paused

TITLES = 50
"""Files in one request: what the API takes, and how many thumbnails it works out at once."""

ADDRESS = 6_000
"""Characters of titles in one request's address."""

MAX_LAG_S = 5
PATIENCE = 3
CONTINUED = 20
_SAID = ("LicenseShortName", "License", "Artist", "Credit", "Attribution", "NonFree", "ImageDescription")
_TAKEN = {"image/jpeg", "image/png", "image/webp", "image/tiff", "image/svg+xml"}
_BUSY = {"maxlag", "ratelimited", "readonly"}


@dataclass(frozen=True)
class File:
    """One file: its page, where its thumbnail lies, and what Commons says of it; ``refused`` says why it isn't taken."""

    title: str
    page: str
    location: str = ""
    sha1: str = ""
    uploaded: datetime.date | None = None
    mime: str = ""
    licence: str = ""
    credit: str = ""
    caption: str = ""
    refused: str = ""


def read_files(
    get: Callable[[str], bytes], api_url: str, titles: Sequence[str], width: int, *, wait: Callable[[float], None] = time.sleep
) -> dict[str, File]:
    """Return what Commons says of each title, renamed and redirected files under the titles that were asked for.

    Args:
        get: fetches an address.
        api_url: Commons' ``api.php``.
        titles: each begins with "File:".
        width: of the thumbnails, in pixels; a smaller picture comes as it is.
        wait: lets the seconds pass that the API asks for while its databases lag behind.

    Raises:
        Paused: the API goes on asking to wait.
        SourceError: it answers otherwise than documented.
    """
    found: dict[str, File] = {}
    for batch in _batches(titles):
        names = {title: title for title in batch}
        pages: dict[str, dict[str, Any]] = {}
        for query in _answers(get, api_url, batch, width, wait):
            for change in [*query.get("normalized", ()), *query.get("redirects", ())]:
                names |= {title: change["to"] for title, name in names.items() if name == change["from"]}
            for page in query.get("pages", ()):
                pages.setdefault(page["title"], {}).update(page)
        found |= {title: _file(name, pages.get(name, {}), api_url) for title, name in names.items()}
    return found


def _batches(titles: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    length = 0
    for title in dict.fromkeys(titles):
        more = len(quote(title)) + 3
        if batch and (len(batch) == TITLES or length + more > ADDRESS):
            yield batch
            batch, length = [], 0
        batch.append(title)
        length += more
    if batch:
        yield batch


def _answers(
    get: Callable[[str], bytes], api_url: str, titles: Sequence[str], width: int, wait: Callable[[float], None]
) -> Iterator[dict[str, Any]]:
    """Yield an answer's parts: the API gives a large one in several."""
    asked: dict[str, Any] = {
        "action": "query",
        "format": "json",
        "formatversion": 2,
        "maxlag": MAX_LAG_S,
        "redirects": 1,
        "prop": "imageinfo",
        "iiprop": "url|size|sha1|mime|timestamp|extmetadata",
        "iiextmetadatafilter": "|".join(_SAID),
        "iiextmetadatalanguage": "en",
        "iiurlwidth": width,
        "titles": "|".join(titles),
    }
    more: dict[str, Any] = {}
    for _ in range(CONTINUED):
        document = _ask(get, f"{api_url}?{urlencode(asked | more)}", wait)
        yield _query(document)
        more = document.get("continue") or {}
        if not isinstance(more, dict) or not more:
            return
    raise SourceError(f"Commons' answer about {len(titles)} files has no end. Open api_url in a browser to see what is there.")


def _ask(get: Callable[[str], bytes], url: str, wait: Callable[[float], None]) -> dict[str, Any]:
    """Return an answer; where the API is behind with its work, wait as long as it says and ask again."""
    told = ""
    for attempt in range(PATIENCE):
        document = _json(get(url))
        error = document.get("error")
        if not isinstance(error, dict):
            return document
        told = text_of(str(error.get("info", "")))
        if error.get("code") not in _BUSY:
            raise SourceError(f"Commons refuses what it was asked ({text_of(str(error.get('code', '')))}: {told}).")
        if attempt < PATIENCE - 1:
            wait(min(30.0, max(float(MAX_LAG_S), _seconds(error.get("lag")))))
    raise Paused(f"Commons asks to wait ({told}). The next run goes on from here.")


def _json(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        begins = text_of(data[:200].decode("utf-8", "replace"))
        raise SourceError(f"Commons' answer isn't a JSON object; it begins with '{begins}'. Open api_url in a browser to see it.")
    return document


def _query(document: dict[str, Any]) -> dict[str, Any]:
    """Return the answer's query part, in which every list holds objects with the fields that are read."""
    query = document.get("query")
    if not isinstance(query, dict) or not isinstance(query.get("pages", []), list):
        raise SourceError("Commons' answer has no 'query' with a list of 'pages': the API has changed its shape.")
    for name, fields in (("normalized", ("from", "to")), ("redirects", ("from", "to")), ("pages", ("title",))):
        for entry in query.get(name) or ():
            if not isinstance(entry, dict) or not all(isinstance(entry.get(field), str) for field in fields):
                raise SourceError(f"Commons' answer has something else than expected in '{name}': the API has changed its shape.")
    return query


def _file(title: str, page: dict[str, Any], api_url: str) -> File:
    address = api_url.partition("/w/")[0] + "/wiki/" + quote(title.replace(" ", "_"), safe=":/,()'!*")
    infos = page.get("imageinfo")
    info = infos[0] if isinstance(infos, list) and infos and isinstance(infos[0], dict) else {}
    try:
        return _described(title, address, page, info)
    except ImageRejected as error:
        return File(title, address, refused=str(error))


def _described(title: str, address: str, page: dict[str, Any], info: dict[str, Any]) -> File:
    if not info or info.get("filemissing") or info.get("filehidden"):
        gone = "was deleted from Commons" if page.get("missing") else "can't be had from Commons"
        raise ImageRejected(f"The file {gone}, so it isn't taken.")
    mime = str(info.get("mime", ""))
    if mime not in _TAKEN:
        raise ImageRejected(f"The file is {text_of(mime) or 'of an unknown kind'}, which is no photograph.")
    said = _said(info.get("extmetadata"))
    licence, credit = terms(said)
    location = info.get("thumburl") or (info.get("url") if mime in ("image/jpeg", "image/png") else None)
    uploaded = _day(info.get("timestamp"))
    if not isinstance(location, str) or uploaded is None:
        raise ImageRejected("Commons gives no thumbnail or no date for it.")
    caption = text_of(said.get("ImageDescription", ""))
    return File(title, address, location, str(info.get("sha1", "")), uploaded, mime, licence, credit, caption)


def _said(extmetadata: Any) -> dict[str, str]:
    entries = extmetadata.items() if isinstance(extmetadata, dict) else ()
    values = ((key, entry.get("value")) for key, entry in entries if isinstance(entry, dict))
    return {str(key): str(value) for key, value in values if isinstance(value, str | int | float)}


def _day(text: Any) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
