"""Text from the web, made fit for the catalog: no control characters, and of bounded length."""

import unicodedata
from collections.abc import Mapping

from perennial.catalog.digests import digest_of

MOST_CHARACTERS = 2_000
MOST_FIELDS = 100
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\ufeff")
"""What turns the direction of the text around it; joiners, which some scripts need, stay."""


def plain(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return a text on one line, without control characters, half surrogates and turns of direction, cut to ``most`` characters.

    Markup stays as it is: whoever shows it escapes it.
    """
    near = text[: 4 * most]
    shown = "".join(sign for sign in near if sign.isspace() or sign.isprintable() or _harmless(sign))
    kept = " ".join(shown.split())
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def plain_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Return metadata with plain names and values, and no more than :data:`MOST_FIELDS` of them."""
    return {plain(str(name), 100): plain(str(value)) for name, value in list(fields.items())[:MOST_FIELDS]}


def plain_id(text: str) -> str:
    """Return an id as it is, or, where it isn't plain, made so with a digest that keeps it apart from others."""
    kept = plain(text, 500)
    return kept if kept == text else f"{kept}~{digest_of(text.encode('utf-8', 'surrogatepass').hex())[:12]}"


def _harmless(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cf", "Zs", "Co") and sign not in _BIDI
