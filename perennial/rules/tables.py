"""The reviewed tables in ``perennial/tasks/tables``: names and values with their classes."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from perennial.rules.folding import fold, names

TABLES = resources.files("perennial") / "tasks" / "tables"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Country:
    """One entry of a table of countries; ``region`` is None where none can be said, ``of`` the state a territory belongs to."""

    code: str
    region: str | None
    of: str = ""


@dataclass(frozen=True)
class Countries:
    """Countries by code and by folded name, and the folded names that may mean several regions at the end of a place."""

    codes: Mapping[str, Country]
    names: Mapping[str, Country]
    open: frozenset[str]


@dataclass(frozen=True)
class Values:
    """Classes by folded value, and the folded values that say nothing."""

    classes: Mapping[str, str]
    silent: frozenset[str]


def key_of(name: str) -> str:
    """Return a name of a country as the tables look it up."""
    return ", ".join(names(name))


@functools.cache
def countries(table: str) -> Countries:
    """Read a table of countries."""
    document = read(table)
    codes: dict[str, Country] = {}
    by_name: dict[str, Country] = {}
    for section in ("countries", "former", "disputed"):
        for code, entry in document[section].items():
            country = Country(code, entry["region"], entry.get("of", ""))
            codes |= dict.fromkeys((code.upper(), entry.get("iso3", code).upper()), country)
            by_name |= {key_of(name): country for name in entry["names"]}
    for code, parts in document["parts"].items():
        by_name |= {key_of(name): codes[code] for name in parts}
    return Countries(codes, by_name, frozenset(map(key_of, document["open"])))


@functools.cache
def values(table: str) -> Values:
    """Read a table of values."""
    document = read(table)
    classes = {fold(value): cls for cls, given in document["classes"].items() for value in given}
    return Values(classes, frozenset(map(fold, document.get("silent", ()))))


def read(table: str) -> dict[str, Any]:
    """Return a table as it stands in its file."""
    document: dict[str, Any] = yaml.load((TABLES / f"{table}.yaml").read_text(encoding="utf-8"), _Loader)  # noqa: S506 (safe)
    return document


@functools.cache
def tables_of(section: str) -> tuple[str, ...]:
    """Return the names of the tables that have this section."""
    stems = (entry.name.removesuffix(".yaml") for entry in TABLES.iterdir() if entry.name.endswith(".yaml"))
    return tuple(sorted(stem for stem in stems if section in read(stem)))
