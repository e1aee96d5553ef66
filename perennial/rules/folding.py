"""Spellings that count as one name."""

import functools
import re
import unicodedata

_DROPPED = re.compile(r"[.'’‘`´]")
_NO_NAME = re.compile(r"[^\w]+|_")
_SPELLINGS = {"st": "saint", "the": ""}


@functools.lru_cache(maxsize=4096)
def names(place: str) -> tuple[str, ...]:
    """Return the comma-separated parts of a place, each folded; parts without a letter or digit are left out.

    "St. Kitts & Nevis", "saint kitts and nevis" and "The Saint-Kitts and Nevis" are one name.
    """
    return tuple(name for name in map(_name, _plain(place).split(",")) if name)


def fold(value: str) -> str:
    """Fold case and spaces of a value, and nothing else: a task's own map may tell "C#" from "C"."""
    return " ".join(_plain(value).split())


def _plain(text: str) -> str:
    """Return the compatible, case-folded form (Unicode's caseless matching), which folding again leaves as it is."""
    for _ in range(2):
        text = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFKD", text)


def _name(plain: str) -> str:
    letters = "".join(c for c in _DROPPED.sub("", plain.replace("&", " and ")) if not unicodedata.combining(c))
    return " ".join(word for raw in _NO_NAME.sub(" ", letters).split() if (word := _SPELLINGS.get(raw, raw)))
