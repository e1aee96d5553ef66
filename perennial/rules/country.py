"""The class of the country that a building stands in."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, field_validator

from perennial.rules.base import SILENCE, Reading, Rule, unknown
from perennial.rules.folding import names
from perennial.rules.tables import Countries, Country, countries, key_of

_COMMA = re.compile("[,、]")
_SEVERAL = re.compile("[,;]")


class CountryRule(Rule):
    """The class of the country that ends a place such as "Porto, Portugal", or that the source names, by a bundled table.

    A source that knows the country says it as ``country`` in the metadata: an ISO 3166-1 code of two or three letters, or a
    name, or several with commas. Cities are never guessed from, nor codes at the end of a place ("CA" is Canada, or California).
    """

    rule: Literal["country"]
    table: Literal["regions"] = "regions"
    also: dict[str, str] = Field({}, description="Endings of a place that the table leaves open or hasn't got, with classes.")

    @field_validator("also")
    @classmethod
    def _names(cls, also: dict[str, str]) -> dict[str, str]:
        for name in also:
            if not key_of(name):
                raise ValueError(f"also: '{name}' is no name of a country; give one with letters")
        return also

    def possible(self) -> frozenset[str] | None:
        """Return the classes that the table and ``also`` can give."""
        regions = {country.region for country in countries(self.table).names.values() if country.region}
        return frozenset(regions | set(self.also.values()))

    def read(self, said: Mapping[str, str]) -> Reading:
        """Return the class of the country, or what isn't known of it; two countries of different classes are unknown too."""
        table, also = countries(self.table), {key_of(name): cls for name, cls in self.also.items()}
        code, place = said.get("country", ""), said.get("place", "")
        stated, ended = _stated(table, code), _ended(table, also, place)
        if stated is not None:
            if not isinstance(ended, Country) or ended.region in (None, stated.region) or stated.of == ended.code:
                return _of(stated, code)
            return _of(ended, place) if ended.of == stated.code else unknown(f"{code} or {_last(place)}")
        if ended is not None:
            return Reading(ended) if isinstance(ended, str) else _of(ended, _last(place))
        rest = _last(place) or code
        return unknown(rest) if names(rest) and any(map(str.isalpha, rest)) else SILENCE

    def basis(self) -> Any:
        """Return the rule with what its table says, whatever the table's version is called."""
        table = countries(self.table)
        said = {name: [country.code, country.region, country.of] for name, country in table.names.items()}
        codes = {code: country.region for code, country in table.codes.items()}
        return [super().basis(), said, codes, sorted(table.open)]


def _of(country: Country, value: str) -> Reading:
    return Reading(country.region) if country.region else unknown(value)


def _stated(table: Countries, value: str) -> Country | None:
    """Return the country that the metadata name by code or by name; of several, any, or none if their regions differ."""
    whole = table.codes.get(value.strip().upper()) or table.names.get(key_of(value))
    if whole:
        return whole
    parts = [_stated(table, part) for part in _SEVERAL.split(value) if names(part)] if _SEVERAL.search(value) else []
    found = [country for country in parts if country]
    if not found or len(found) < len(parts):
        return None
    return found[0] if len({country.region for country in found}) == 1 else Country(value, None)


def _ended(table: Countries, also: Mapping[str, str], place: str) -> Country | str | None:
    """Return the country, or the class of the name, that ends a place; None where its end isn't known, or left open.

    The longest ending counts, since some names have a comma ("Korea, Republic of"), and a territory that stands before its
    state ("Nuuk, Greenland, Denmark").
    """
    parts = names(place)
    for start in range(len(parts)):
        ending = ", ".join(parts[start:])
        if ending in also:
            return also[ending]
        if ending in table.open:
            return None
        if ending in table.names:
            return _territory(table, parts[:start], table.names[ending])
    return None


def _territory(table: Countries, before: Sequence[str], state: Country) -> Country:
    candidates = (table.names.get(", ".join(before[start:])) for start in range(len(before)))
    return next((country for country in candidates if country and country.of == state.code), state)


def _last(place: str) -> str:
    """Return the last part of a place that has letters or digits, as it is written."""
    parts = _COMMA.split(unicodedata.normalize("NFKC", place))
    return next((part.strip() for part in reversed(parts) if names(part)), "")
