"""What an inbox says about a picture: the folder that it lies in, its tags, and its sidecar, of which the later ones win.

All of it is text from outside: it is cleaned of control characters and cut, and never read as anything else.
"""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial.errors import ImageRejected
from perennial.sources.text import plain

SIDECAR = ".json"
MAX_SIDECAR_BYTES = 64 * 1024
MAX_FIELDS = 50
MAX_NAME, MAX_VALUE = 64, 1000
KINDS = ("exterior", "interior", "drawing", "photo")
COLUMNS = ("title", "place", "licence", "credit")


@dataclass(frozen=True)
class About:
    """What is said of a picture: the columns of its row in the catalog, and all fields."""

    title: str
    place: str
    kind: str
    published: datetime.date
    licence: str
    credit: str
    metadata: Mapping[str, str]


def about(key: str, fields: Mapping[str, str], dropped: datetime.datetime) -> About:
    """Draw up a picture's columns; a day that isn't one, or lies ahead of its dropping, is left to the day of that."""
    folder, _, name = key.rpartition("/")
    kind = fields.get("kind", "")
    return About(
        title=fields.get("title") or plain(name.rpartition(".")[0] or name),
        place=fields.get("place", ""),
        kind=kind if kind in KINDS else "photo",
        published=_day(fields.get("published", ""), dropped.astimezone(datetime.UTC).date()),
        licence=fields.get("licence", ""),
        credit=fields.get("credit", ""),
        metadata=({"folder": plain(folder.rpartition("/")[2])} if folder else {}) | dict(fields),
    )


def columns_of(fields: Mapping[str, str]) -> dict[str, str]:
    """Return those of the fields that a row has a column of text for."""
    return {name: fields[name] for name in COLUMNS if name in fields}


def fields_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags as fields; what is empty once it is cleaned is left out."""
    cleaned = {plain(name, MAX_NAME): plain(value, MAX_VALUE) for name, value in tags.items()}
    return {name: value for name, value in cleaned.items() if name and value}


def read_sidecar(data: bytes | None) -> dict[str, str]:
    """Return a sidecar's fields; ``data`` is None where it has more than MAX_SIDECAR_BYTES.

    Raises:
        ImageRejected: it is too large, isn't a JSON object, or a field holds more than a text, a number or a list of them.
    """
    if data is None:
        raise ImageRejected(f"The sidecar has more than {MAX_SIDECAR_BYTES:,} bytes. Shorten it and drop it again.")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        detail = " ".join(str(error).split())[:120]
        raise ImageRejected(f"The sidecar isn't JSON ({detail}). Correct it and drop it again.") from None
    if not isinstance(document, dict):
        raise ImageRejected('The sidecar is no JSON object such as {"place": "Porto, Portugal"}. Correct it and drop it again.')
    if len(document) > MAX_FIELDS:
        raise ImageRejected(f"The sidecar has {len(document)} fields; at most {MAX_FIELDS} are allowed. Leave some out.")
    return fields_of({name: _text(name, value) for name, value in document.items() if value is not None})


def _text(name: str, value: Any) -> str:
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, (dict, list)) for item in items):
        raise ImageRejected(
            f"The sidecar's field '{plain(name, MAX_NAME)}' holds more than a text, a number or a list of them. "
            "Correct it and drop it again."
        )
    return ", ".join(_scalar(item) for item in items if item is not None)


def _scalar(item: Any) -> str:
    return str(item).lower() if isinstance(item, bool) else str(item)


def _day(text: str, dropped: datetime.date) -> datetime.date:
    try:
        day = datetime.date.fromisoformat(text[:10])
    except ValueError:
        return dropped
    return min(day, dropped)
